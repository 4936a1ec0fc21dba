/**
 * Run in the kernel test machine: KWin gives pictures only where there is a graphics device. Without
 * a screen (`--virtual`) this KWin adds no outputs, so that the one it has is streamed.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nativeProgram } from "../../ffi/build.ts";
import type { Display } from "../../host/displays/display.ts";
import { KwinDisplays } from "../../host/displays/kwin.ts";
import { parseMode } from "../../wire/mode.ts";
import { until } from "../processes.ts";
import { startKwin } from "./kwin.testing.ts";
import type { Session } from "./session.testing.ts";
import { readsBack, terminalWords } from "./typing.testing.ts";
import { hasTestPicture, View } from "./view.testing.ts";

let home: string;
let session: Session;
let display: Display | undefined;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "pf-kwin-"));
  session = await startKwin(home, { permits: true, width: 800, height: 600 });
  const displays = new KwinDisplays({ env: session.env });
  await until(async () => (await displays.available()).ok, "KWin", 120_000);
  display = await displays.create(parseMode("640x480@60"));
});
afterAll(async () => {
  await display?.destroy();
  await session[Symbol.asyncDispose]();
  await rm(home, { recursive: true });
});

test("KWin's output is streamed as it is where it adds none, and that is told", async () => {
  const { mode, note } = display as Display;
  expect([mode.width, mode.height]).toEqual([800, 600]);
  expect(note).toMatch(/^KWin adds no output here: \S+ is streamed at 800x600@60\.$/);
  const application = session.start(nativeProgram("release", "test/desktop_client"), "moving");
  await using view = new View(display as Display);
  const { width, height } = await view.picture(hasTestPicture, "the application");
  expect([width, height]).toEqual([800, 600]);
  expect(await view.rate(3000)).toBeGreaterThan(0.5); // by an emulated processor
  await view.save("kwin");
  await application.stop();
});

test("KWin's application gets text, and the picture shows it", async () => {
  const file = join(session.folder, "typed");
  session.start(...terminalWords(file));
  await readsBack(display as Display, { file, name: "kwin-typed", text: "Typed by punktfunk 123" });
});

test("KWin's refusal of another mode is told", async () => {
  const asking = (display as Display).reconfigure(parseMode("640x480@60"));
  await expect(asking).rejects.toThrow(/^The output stays at 800x600@60: /);
});
