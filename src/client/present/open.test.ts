import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { EventQueue } from "../../ffi/core/core.ts";
import { findFont } from "./font.ts";
import { type OpenPresenterOptions, openPresenter } from "./open.ts";

async function withEvents(use: (options: Omit<OpenPresenterOptions, "requested">) => void) {
  const events = new EventQueue();
  try {
    use({ title: "test", width: 64, height: 64, events, stage: 1 });
  } finally {
    await events.close();
  }
}

test("none opens nothing, and says so", async () => {
  await withEvents((options) => {
    const opened = openPresenter({ ...options, requested: "none" });
    expect(opened).toEqual({
      kind: "none",
      presenter: null,
      why: "Nothing shows the picture, as asked.",
    });
  });
});

test("a demand that can't be met is refused, not replaced", async () => {
  const place = new URL("../..", import.meta.url).pathname;
  const script = `
    import { openPresenter } from "${place}client/present/open.ts";
    import { EventQueue } from "${place}ffi/core/core.ts";
    const options = { title: "t", width: 64, height: 64, events: new EventQueue(), stage: 1 };
    for (const requested of ["window", "terminal", "auto"]) {
      try { console.log(openPresenter({ ...options, requested }).why); }
      catch (error) { console.log(error.code); }
    }
    process.exit(0);`;
  const env = { PATH: process.env["PATH"], TERM: "xterm", DISPLAY: ":4711" };
  const run = Bun.spawnSync(["setsid", "--wait", process.execPath, "-e", script], { env });
  expect(run.stdout.toString().trim().split("\n")).toEqual([
    "PF_DISPLAY_MISSING",
    "PF_DISPLAY_MISSING",
    expect.stringContaining("Nothing shows the picture"),
  ]);
});

test("a font that is found is there", () => {
  const font = findFont();
  expect(font).toEndWith(".ttf");
  expect(existsSync(font as string)).toBe(true);
});
