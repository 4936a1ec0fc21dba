/** Run in the kernel test machine: KWin gives pictures only where there is a graphics device. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nativeProgram } from "../../ffi/build.ts";
import type { Display } from "../../host/displays/display.ts";
import { KwinDisplays } from "../../host/displays/kwin.ts";
import { formatMode, parseMode } from "../../wire/mode.ts";
import { startKwin } from "./kwin.testing.ts";
import type { Session } from "./session.testing.ts";
import { readsBack, terminalWords } from "./typing.testing.ts";
import { hasTestPicture, View } from "./view.testing.ts";

let home: string;
let session: Session;
let display: Display;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "pf-kwin-"));
  session = await startKwin(home, { permits: true });
});
afterAll(async () => {
  await display.destroy();
  await session[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

test("KWin adds an output of the client's own, which shows the desktop", async () => {
  display = await new KwinDisplays({ env: session.env }).create(parseMode("640x480@60"));
  expect([display.mode.width, display.mode.height]).toEqual([640, 480]);
  session.start(nativeProgram("release", "test/desktop_client"), "moving");
  await using view = new View(display);
  const { width, height } = await view.picture(hasTestPicture, "the application");
  expect([width, height]).toEqual([640, 480]);
  console.log(`${formatMode(display.mode)}, ${(await view.rate(3000)).toFixed(1)} a second`);
  await view.save("kwin-640x480");
});

test("KWin changes its mode in mid-session", async () => {
  await display.reconfigure(parseMode("800x600@60"));
  expect([display.mode.width, display.mode.height]).toEqual([800, 600]);
  await using view = new View(display);
  const { width, height } = await view.picture(hasTestPicture, "the application");
  expect([width, height]).toEqual([800, 600]);
  await view.save("kwin-800x600");
});

test("KWin's application gets text, and the picture shows it", async () => {
  const file = join(session.folder, "typed");
  session.start(...terminalWords(file));
  await readsBack(display, { file, name: "kwin-typed" });
});
