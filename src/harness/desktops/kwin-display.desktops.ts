import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventQueue } from "../../ffi/core/core.ts";
import { KwinInput } from "../../ffi/kwin/kwin.ts";
import { KwinDisplays } from "../../host/displays/kwin.ts";
import { parseMode } from "../../wire/mode.ts";
import { until } from "../processes.ts";
import { startKwin } from "./kwin.testing.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "pf-kwin-"));
});
afterAll(() => rm(home, { recursive: true }));

const keyA = 30;
const keyLeftShift = 42;

describe("KWin 6.3 as a display", () => {
  test("says why it casts nothing without a graphics card", async () => {
    await using session = await startKwin(home, { permits: true });
    const displays = new KwinDisplays({ env: session.env });
    expect(await displays.available()).toMatchObject({ ok: true });
    const creating = displays.create(parseMode("1280x720@60"));
    const created = await creating.catch((error) => error);
    expect(created).toMatchObject({ code: "PF_SOURCE_FAILED" });
    expect(created.message).toMatch(/OpenGL compositing is required for screencasting\.$/);
    await expect(displays.create(parseMode("1280x720@60"))).rejects.toThrow("OpenGL"); // and again
  });

  test("says that it permits nothing to programs that no desktop entry names", async () => {
    await using session = await startKwin(home, { permits: false });
    const displays = new KwinDisplays({ env: session.env });
    const { ok, why } = await displays.available();
    expect([ok, why]).toEqual([false, expect.stringContaining("org.punktfunk.punktfunk.desktop")]);
    await expect(displays.create(parseMode("1280x720@60"))).rejects.toThrow(
      "the compositor has no zkde_screencast_unstable_v1",
    );
  });

  test("takes keys and text, which its application gets", async () => {
    await using session = await startKwin(home, { permits: true });
    const file = join(session.folder, "typed");
    session.start("foot", "sh", "-c", `cat >${file}`);
    await until(() => Bun.file(file).exists(), "the terminal", 20_000);
    await Bun.sleep(500); // until the window has the keyboard, which nothing tells
    const events = new EventQueue();
    const input = new KwinInput({ socketPath: join(session.folder, "wayland-test"), events });
    try {
      input.position(32_768, 32_768);
      input.motion(3.5, -2);
      input.scroll(0, 120);
      for (const phase of ["down", "up"] as const) input.touch(0, phase, 32_768, 32_768);
      for (const [code, down] of [
        [keyLeftShift, true],
        [keyA, true],
        [keyA, false],
      ] as const) {
        input.key(code, down);
      }
      expect(input.text("Text, whatever is held: @{}\n")).toBe(true);
      input.key(keyLeftShift, false);
      const typed = "AText, whatever is held: @{}\n";
      await until(async () => (await Bun.file(file).text()) === typed, "the text", 15_000);
    } finally {
      input.close();
      await events.close();
    }
  });
});
