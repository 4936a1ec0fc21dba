import { expect, test } from "bun:test";
import { choosePresenter, type PresentSituation, presenterLadder } from "./choose.ts";

const kinds = (situation: PresentSituation) => presenterLadder(situation).map(({ kind }) => kind);
const xterm = { TERM: "xterm-256color" };

test("a display gets a window, and the terminal is there should it fail", () => {
  const env = { ...xterm, DISPLAY: ":0" };
  expect(kinds({ requested: "auto", env, isTty: true })).toEqual(["window", "terminal", "none"]);
  expect(choosePresenter({ requested: "auto", env, isTty: true }).why).toContain(":0");
});

test("a Wayland display counts before an X display", () => {
  const env = { ...xterm, DISPLAY: ":0", WAYLAND_DISPLAY: "wayland-1" };
  expect(choosePresenter({ requested: "auto", env, isTty: false }).why).toContain("wayland-1");
});

test("without a display a person's terminal shows the picture", () => {
  const choice = choosePresenter({ requested: "auto", env: xterm, isTty: true });
  expect(choice.kind).toBe("terminal");
  expect(choice.why).toContain("there is no display");
});

test("an empty variable is no display", () => {
  const env = { ...xterm, DISPLAY: "", WAYLAND_DISPLAY: "" };
  expect(kinds({ requested: "auto", env, isTty: true })).toEqual(["terminal", "none"]);
});

test("without a display and a terminal nothing shows the picture", () => {
  expect(kinds({ requested: "auto", env: xterm, isTty: false })).toEqual(["none"]);
  expect(kinds({ requested: "auto", env: { TERM: "dumb" }, isTty: true })).toEqual(["none"]);
  expect(kinds({ requested: "auto", env: {}, isTty: true })).toEqual(["none"]);
});

test("what is asked for is the only thing tried", () => {
  const env = { ...xterm, DISPLAY: ":0" };
  for (const requested of ["window", "terminal", "none"] as const) {
    expect(kinds({ requested, env, isTty: true })).toEqual([requested]);
    expect(choosePresenter({ requested, env: {}, isTty: false }).why).toEndWith("as asked.");
  }
});
