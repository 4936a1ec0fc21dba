/** Run in the kernel test machine: KWin gives pictures only where there is a graphics device. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nativeProgram } from "../../ffi/build.ts";
import type { Display } from "../../host/displays/display.ts";
import { KwinDisplays } from "../../host/displays/kwin.ts";
import { formatMode, parseMode } from "../../wire/mode.ts";
import { until } from "../processes.ts";
import { type KwinOptions, startKwin } from "./kwin.testing.ts";
import type { Session } from "./session.testing.ts";
import { pointAt, readsBack, terminalWords } from "./typing.testing.ts";
import { hasTestPicture, View } from "./view.testing.ts";

const application = nativeProgram("release", "test/desktop_client");
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "pf-kwin-"));
});
afterEach(() => rm(home, { recursive: true }));

/** KWin and a display in it, when it is ready: an emulated processor takes a minute. */
async function withDisplay(
  options: Omit<KwinOptions, "permits">,
  mode: string,
  use: (display: Display, session: Session) => Promise<void>,
): Promise<void> {
  await using session = await startKwin(home, { permits: true, ...options });
  const displays = new KwinDisplays({ env: session.env });
  await until(async () => (await displays.available()).ok, "KWin", 120_000);
  const display = await displays.create(parseMode(mode));
  try {
    await use(display, session);
  } finally {
    await display.destroy();
  }
}

/** The picture of the application has this size, and more of them come. */
async function seen(display: Display, size: readonly [number, number], name: string) {
  await using view = new View(display);
  const { width, height } = await view.picture(hasTestPicture, "the application");
  expect([width, height]).toEqual([...size]);
  expect(await view.rate(3000)).toBeGreaterThan(0.3); // by an emulated processor
  await view.save(name);
}

test("KWin adds an output of the client's own, which gets other modes and shows windows", async () => {
  await withDisplay({ hasScreen: true }, "640x480@60", async (display, session) => {
    expect([formatMode(display.mode), display.note]).toEqual(["640x480@60", ""]);
    await pointAt(display);
    session.start(application, "moving");
    await seen(display, [640, 480], "kwin-640x480");
    await display.reconfigure(parseMode("800x600@75"));
    // Exact rates came with 6.5.6.
    expect(formatMode(display.mode)).toBe("800x600@60");
    expect(display.note).toContain("800x600@60 instead of 800x600@75");
    await pointAt(display);
    session.start(application, "moving");
    await seen(display, [800, 600], "kwin-800x600");
  });
});

test("KWin's own output is streamed where it adds none, takes text, and keeps its mode", async () => {
  await withDisplay({ width: 800, height: 600 }, "640x480@60", async (display, session) => {
    expect(display.mode).toMatchObject({ width: 800, height: 600 });
    expect(display.note).toMatch(/^KWin adds no output here: \S+ is streamed at 800x600@60\.$/);
    const file = join(session.folder, "typed");
    session.start(...terminalWords(file));
    await readsBack(display, { file, name: "kwin-typed", text: "Typed by punktfunk 123" });
    const refused = display.reconfigure(parseMode("640x480@60"));
    await expect(refused).rejects.toThrow(/^The output stays at 800x600@60: /);
  });
});
