import { afterAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nativeProgram } from "../../ffi/build.ts";
import { EventQueue } from "../../ffi/core/core.ts";
import { MutterDisplays } from "../../host/displays/mutter.ts";
import { formatMode, parseMode } from "../../wire/mode.ts";
import { until } from "../processes.ts";
import { startSession } from "./session.testing.ts";
import { readsBack, terminal, terminalWords } from "./typing.testing.ts";
import { hasTestPicture, View } from "./view.testing.ts";

const application = nativeProgram("release", "test/desktop_client");
/** By Mutter's own keyboard layout. */
const text = "Typed by punktfunk 123";
const folder = await mkdtemp(join(tmpdir(), "pf-mutter-"));
afterAll(() => rm(folder, { recursive: true }));

describe("Mutter 48 of the host's own", () => {
  const env = { ...process.env, DBUS_SESSION_BUS_ADDRESS: undefined };
  const create = (app: string, mode: string) =>
    new MutterDisplays({ app, env }).create(parseMode(mode));

  test("is the version that is tried", async () => {
    const { ok, version } = await new MutterDisplays({ env }).available();
    expect([ok, version?.startsWith("48.")]).toEqual([true, true]);
  });

  test("shows its desktop at the client's exact mode, and at others", async () => {
    const display = await create(`${application} moving`, "1280x720@60");
    try {
      for (const mode of ["1280x720@60", "1600x900@60", "1024x768@30"]) {
        if (mode !== formatMode(display.mode)) await display.reconfigure(parseMode(mode));
        expect(formatMode(display.mode)).toBe(mode);
        await using view = new View(display);
        const { width, height } = await view.picture(hasTestPicture, "the application");
        expect([width, height]).toEqual([display.mode.width, display.mode.height]);
        expect(await view.rate(1500)).toBeWithin(8, 61.5); // 40 alone, drawing by the processor
        await view.save(`mutter-${width}x${height}`);
      }
    } finally {
      await display.destroy();
    }
  });

  test("gives the picture of a desktop that is still", async () => {
    const display = await create(`${application} still`, "800x600@60");
    try {
      for (let again = 0; again < 3; again++) {
        await using view = new View(display);
        await view.picture(hasTestPicture, "the application");
      }
    } finally {
      await display.destroy();
    }
  });

  test("takes text, which its application gets and the picture shows", async () => {
    const file = join(folder, "own");
    const display = await create(terminal(file), "1280x720@60");
    try {
      await readsBack(display, { file, name: "mutter-typed", text });
    } finally {
      await display.destroy();
    }
  });
});

describe("a session of Mutter 48 that runs", () => {
  test("gives monitors of the clients' own, one after the other, and takes their text", async () => {
    await using session = await startSession({
      compositor: [
        ...["mutter", "--headless", "--wayland-display=wayland-test"],
        ...["--virtual-monitor", "800x600"],
      ],
      socket: "wayland-test",
    });
    const displays = new MutterDisplays({ env: session.env });
    const file = join(session.folder, "typed");
    session.start(...terminalWords(file));
    await until(() => Bun.file(file).exists(), "the terminal", 20_000);
    const typed: string[] = [];
    for (const mode of ["1366x768@60", "1024x768@60"]) {
      const display = await displays.create(parseMode(mode));
      expect([formatMode(display.mode), display.note]).toEqual([mode, ""]);
      const view = new View(display);
      const { width, height } = await view.picture();
      expect([width, height]).toEqual([display.mode.width, display.mode.height]);
      const events = new EventQueue();
      const input = display.openInput({ events, stage: 5 });
      typed.push(`Typed at ${mode}\n`);
      expect(input.text(typed.at(-1) as string)).toBe(true);
      await until(async () => (await Bun.file(file).text()) === typed.join(""), "the text", 20_000);
      input.close();
      await events.close();
      await view[Symbol.asyncDispose]();
      await display.destroy();
    }
  });
});
