import { describe, expect, test } from "bun:test";
import { PfError } from "../../base/errors.ts";
import { parseMode } from "../../wire/mode.ts";
import { chooseApplication, plainProgram } from "./application.ts";
import { chooseSource } from "./choose.ts";
import { swayConfig } from "./sway.ts";
import { desktopEnvironment, parsePasswd } from "./user.ts";
import { waylandSocket } from "./wlroots.ts";

const starts = { isRunning: false };
const runs = { isRunning: true };
const sway = {
  kind: "sway" as const,
  ...starts,
  ok: true,
  why: "sway is installed.",
  version: "1.7",
};
const noSway = { ...sway, ok: false, why: "sway is not installed. Install it.", version: null };
const wlroots = {
  kind: "wlroots" as const,
  ...runs,
  ok: true,
  why: "Its output eDP-1 can be captured.",
  version: null,
};
const kwin = { ...wlroots, kind: "kwin" as const, why: "It casts.", version: "6.5.6" };
const xvfb = { ...sway, kind: "x11" as const, why: "Xvfb is installed.", version: null };

describe("--source auto", () => {
  test("takes the desktop that is there", () => {
    expect(chooseSource([sway, wlroots])).toEqual({
      source: "wlroots",
      why: "The desktop that runs here is streamed: wlroots. Its output eDP-1 can be captured.",
    });
  });

  test("takes the more capable way into it", () => {
    const x11 = { ...xvfb, ...runs };
    expect(chooseSource([sway, x11, wlroots, kwin])).toEqual({
      source: "kwin",
      why: "The desktop that runs here is streamed: kwin 6.5.6. It casts.",
    });
    expect(chooseSource([sway, x11, { ...kwin, ok: false }]).source).toBe("x11");
  });

  test("starts one where there is none", () => {
    expect(chooseSource([xvfb, sway])).toEqual({
      source: "sway",
      why: "No desktop is running here, so the host starts its own: sway 1.7.",
    });
  });

  test("starts one where the one that is there can't be captured", () => {
    const closed = { ...wlroots, ok: false, why: "The compositor has no screencopy." };
    expect(chooseSource([closed, sway]).why).toBe(
      "The compositor has no screencopy, so the host starts its own: sway 1.7.",
    );
  });

  test("falls back to the test picture and says what is missing", () => {
    expect(chooseSource([noSway, xvfb]).source).toBe("x11");
    expect(chooseSource([noSway])).toEqual({
      source: "synthetic",
      why: "No desktop is running here, and sway is not installed. Install it.",
    });
  });
});

describe("the application", () => {
  const installed =
    (...names: string[]) =>
    (name: string) =>
      names.includes(name) ? `/usr/bin/${name}` : null;

  test("is a terminal unless another one is named", () => {
    expect(chooseApplication({ app: undefined, which: installed("kitty", "foot") })).toBe("foot");
    expect(chooseApplication({ app: " ", which: installed("kitty") })).toBe("kitty");
    expect(chooseApplication({ app: "mpv x.mkv", which: installed("mpv") })).toBe("mpv x.mkv");
  });

  test("needs Xwayland when it is an X11 terminal", () => {
    expect(() => chooseApplication({ app: undefined, which: installed("xterm") })).toThrow(PfError);
    expect(chooseApplication({ app: undefined, which: installed("xterm", "Xwayland") })).toBe(
      "xterm",
    );
  });

  test("is named when it is not there", () => {
    expect(() => chooseApplication({ app: "nosuch --flag", which: installed() })).toThrow(
      'The application "nosuch" was not found.',
    );
  });

  test("is left to the shell where only the shell can tell", () => {
    for (const app of ["A=1 game", "cd /x && game", "$GAME", "'my game'", "(a; b)", "exec game"]) {
      expect(plainProgram(app)).toBeUndefined();
      expect(chooseApplication({ app, which: installed() })).toBe(app);
    }
    expect(plainProgram("game; other")).toBeUndefined();
    expect(plainProgram("/opt/a-b/game.sh -x")).toBe("/opt/a-b/game.sh");
  });
});

describe("the environment of a desktop", () => {
  const env = {
    PATH: "/usr/bin",
    HOME: "/root",
    SECRET_TOKEN: "s",
    LANG: "de_DE.UTF-8",
    WAYLAND_DISPLAY: "wayland-0",
    DISPLAY: ":0",
    SWAYSOCK: "/x",
    DBUS_SESSION_BUS_ADDRESS: "unix:path=/x",
  };
  const user = {
    name: "nobody",
    uid: 65_534,
    gid: 65_534,
    home: "/nonexistent",
    shell: "/usr/sbin/nologin",
  };

  test("tells another user nothing of root's", () => {
    const own = desktopEnvironment(env, user, "/run/folder");
    expect(own).toMatchObject({
      PATH: "/usr/bin",
      LANG: "de_DE.UTF-8",
      HOME: "/run/folder",
      USER: "nobody",
    });
    expect(own["SHELL"]).toMatch(/^\/bin\/(ba)?sh$/);
    expect(Object.keys(own)).not.toContainAnyValues(["SECRET_TOKEN", "DBUS_SESSION_BUS_ADDRESS"]);
  });

  test("leaves an unprivileged host's as it is, but for the desktop it is in", () => {
    const own = desktopEnvironment(env, undefined, "/run/user/1000/folder");
    expect(own).toMatchObject({
      SECRET_TOKEN: "s",
      HOME: "/root",
      XDG_RUNTIME_DIR: "/run/user/1000/folder",
    });
    for (const name of ["WAYLAND_DISPLAY", "DISPLAY", "SWAYSOCK"])
      expect(own).not.toHaveProperty(name);
  });

  test("reads a line of passwd and nothing else", () => {
    expect(parsePasswd("ann:x:1000:1001:Ann,,,:/home/ann:/bin/zsh\n")).toEqual({
      name: "ann",
      uid: 1000,
      gid: 1001,
      home: "/home/ann",
      shell: "/bin/zsh",
    });
    expect(parsePasswd("")).toBeUndefined();
    expect(parsePasswd("ann:x:-1:0::/:")).toBeUndefined();
  });
});

test("sway gets the exact mode, fractional rates too", () => {
  const config = swayConfig({
    folder: "/run/x",
    mode: parseMode("1366x768@59.94"),
    xwayland: false,
  });
  expect(config).toContain("output HEADLESS-1 mode --custom 1366x768@59.94Hz\n");
  expect(config).toContain("xwayland disable\n");
});

test("the Wayland socket is found as libwayland finds it", () => {
  expect(() => waylandSocket({})).toThrow("$WAYLAND_DISPLAY is not set.");
  expect(() => waylandSocket({ WAYLAND_DISPLAY: "wayland-9" })).toThrow(
    "$XDG_RUNTIME_DIR is not set.",
  );
  expect(() => waylandSocket({ WAYLAND_DISPLAY: "/nonexistent/w" })).toThrow(
    "There is no desktop at",
  );
  expect(waylandSocket({ WAYLAND_DISPLAY: "null", XDG_RUNTIME_DIR: "/dev" })).toBe("/dev/null");
});
