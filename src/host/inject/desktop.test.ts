import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { InputDevices, type InputOptions } from "../../ffi/input/input.ts";
import { keys } from "../../wire/keys.ts";
import { startTestDesktop, swayInstalled, type TestDesktop } from "../displays/desktop.fixture.ts";
import { SessionInjector } from "./inject.ts";
import { openWlrootsInput } from "./wlroots.ts";

/** As sway 1.7 gives it, and 1.10, which rounds it up. */
const atLastPixel = /^at (1279\.?\d* 719\.?\d*|1280\.00 720\.00)$/;
const usage = (name: string) => keys.find(([, , key]) => key === name)?.[0] as number;

const openInjector = (options: InputOptions) => new SessionInjector(openWlrootsInput(options));

describe.skipIf(!swayInstalled)("input into a real desktop", () => {
  let desktop: TestDesktop;
  let injector: SessionInjector;

  beforeAll(async () => {
    desktop = await startTestDesktop({ mode: "1280x720@60" });
    injector = openInjector({
      socketPath: desktop.display.socketPath,
      outputName: desktop.display.outputName,
    });
  });
  afterAll(async () => {
    injector.close();
    await desktop[Symbol.asyncDispose]();
  });

  /** The characters that an input types, up to a key that ends them. */
  async function typed(type: () => void): Promise<string> {
    const from = desktop.lines.length;
    type();
    injector.key(usage("F12"), true);
    injector.key(usage("F12"), false);
    await desktop.line("key 88 0", from);
    return desktop.lines
      .slice(from)
      .filter((line) => line.startsWith("character U+"))
      .map((line) => String.fromCodePoint(Number.parseInt(line.slice(12), 16)))
      .join("");
  }

  test("loses nothing that comes before the desktop knows the devices", async () => {
    expect(await typed(() => injector.text("first"))).toBe("first");
  });

  test("presses and releases keys by their place", async () => {
    const from = desktop.lines.length;
    injector.key(usage("A"), true);
    injector.key(usage("A"), false);
    await desktop.line("key 30 0", from);
    expect(desktop.lines.slice(from)).toEqual(["key 30 1", "character U+0061", "key 30 0"]);
  });

  test("keeps the state of modifiers", async () => {
    const text = await typed(() => {
      injector.key(usage("LEFTSHIFT"), true);
      injector.key(usage("B"), true);
      injector.key(usage("B"), false);
      injector.key(usage("LEFTSHIFT"), false);
      injector.key(usage("B"), true);
      injector.key(usage("B"), false);
    });
    expect(text).toBe("Bb");
  });

  test("types characters of the layout, of other scripts, and beyond the first plane", async () => {
    const text = "Hello, World! 1+1=2 @#€ äöüß éàñ Ωλ Привет 你好世界 한글 😀🎉 ½→";
    expect(await typed(() => injector.text(text))).toBe(text);
  });

  test("types more different characters than a keymap has room for", async () => {
    const text = String.fromCodePoint(...Array.from({ length: 300 }, (_, i) => 0x4e00 + 3 * i));
    expect(await typed(() => injector.text(`${text}a${text}`))).toBe(`${text}a${text}`);
  });

  test("types line ends and tabs, and refuses other control characters", async () => {
    const from = desktop.lines.length;
    expect(injector.text("a\r\nb\tc")).toBeUndefined();
    await desktop.line("character U+0063", from);
    const keys = desktop.lines.slice(from).filter((line) => /^key \d+ 1$/.test(line));
    expect(keys).toEqual(["key 30 1", "key 28 1", "key 48 1", "key 15 1", "key 46 1"]);
    expect(injector.text("a\u001b[31m")).toBe("The text holds U+001B, which can't be typed.");
  });

  test("types text as it is while a modifier is held, and keeps the modifier", async () => {
    const text = await typed(() => {
      injector.key(usage("LEFTSHIFT"), true);
      injector.text("low");
      injector.key(usage("X"), true);
      injector.key(usage("X"), false);
      injector.key(usage("LEFTSHIFT"), false);
    });
    expect(text).toBe("lowX");
  });

  test("places the pointer on the output and moves it", async () => {
    let from = desktop.lines.length;
    injector.position(32_768, 32_768);
    await desktop.line((line) => /^at 640\.\d+ 360\.\d+$/.test(line), from);
    from = desktop.lines.length;
    injector.motion(10.5, -20);
    await desktop.line((line) => /^at 650\.\d+ 340\.\d+$/.test(line), from);
    from = desktop.lines.length;
    injector.position(65_535, 65_535);
    const corner = await desktop.line((line) => line.startsWith("at "), from);
    expect(corner).toMatch(atLastPixel);
  });

  test("clicks all five buttons", async () => {
    const from = desktop.lines.length;
    injector.position(30_000, 30_000);
    for (const button of [1, 2, 3, 4, 5]) {
      injector.button(button, true);
      injector.button(button, false);
    }
    await desktop.line("button 276 0", from);
    const pressed = desktop.lines.slice(from).filter((line) => /^button \d+ 1$/.test(line));
    expect(pressed).toEqual([272, 274, 273, 275, 276].map((code) => `button ${code} 1`));
  });

  test("scrolls by notches and by parts of them", async () => {
    const from = desktop.lines.length;
    injector.scroll(0, 120);
    await desktop.line("axis 0 15.00", from);
    injector.scroll(-240, 0);
    await desktop.line("axis 1 -30.00", from);
    injector.scroll(0, 60);
    await desktop.line("axis 0 7.50", from);
    injector.scroll(0, 62);
    await desktop.line("axis 0 7.75", from);
    const notches = desktop.lines.slice(from).filter((line) => line.startsWith("discrete"));
    expect(notches).toEqual(["discrete 0 1", "discrete 1 -2", "discrete 0 1"]);
  });

  test("moves the pointer by the first finger, with the left button", async () => {
    const from = desktop.lines.length;
    injector.touch(5, "down", 32_768, 32_768);
    injector.touch(0, "down", 0, 0);
    injector.touch(0, "move", 100, 100);
    injector.touch(5, "move", 16_384, 32_768);
    injector.touch(0, "up", 0, 0);
    injector.touch(5, "up", 0, 0);
    await desktop.line("button 272 0", from);
    injector.touch(1, "down", 65_535, 65_535);
    injector.releaseAll();
    await desktop.line((line) => line === "button 272 0", desktop.lines.length);
    const seen = desktop.lines
      .slice(from)
      .map((line) => line.replace(atLastPixel, "at the last pixel").replace(/\.\d+/g, ""));
    expect(seen.filter((line) => /^(at|button)/.test(line))).toEqual([
      "at 640 360",
      "button 272 1",
      "at 320 360",
      "button 272 0",
      "at the last pixel",
      "button 272 1",
      "button 272 0",
    ]);
  });

  test("releases everything that is held, and nothing twice", async () => {
    const from = desktop.lines.length;
    injector.key(usage("LEFTCTRL"), true);
    injector.key(usage("Q"), true);
    injector.button(1, true);
    injector.releaseAll();
    injector.releaseAll();
    injector.key(usage("Q"), false);
    expect(await typed(() => injector.text("."))).toEndWith(".");
    const up = desktop.lines
      .slice(from)
      .filter((line) => /^(key (29|16)|button 272) 0$/.test(line));
    expect(up.sort()).toEqual(["button 272 0", "key 16 0", "key 29 0"]);
  });

  test("lets no flood stop a release, block the caller or pile up motion", async () => {
    const { socketPath } = desktop.display;
    const devices = new InputDevices({ socketPath });
    let from = desktop.lines.length;
    devices.key(48, true);
    await desktop.line("key 48 1", from);
    from = desktop.lines.length;
    const begin = performance.now();
    for (let i = 0; i < 20_000; i++) {
      devices.motion(i % 2 === 0 ? 1 : -1, 0);
      devices.scroll(0, i % 2 === 0 ? 1 : -1);
    }
    expect(devices.counters.get("dropped")).toBe(0);
    for (let i = 0; i < 1000; i++) devices.key(30, i % 2 === 0);
    devices.key(48, false);
    expect(performance.now() - begin).toBeLessThan(500);
    expect(devices.counters.get("merged")).toBeGreaterThan(10_000);
    await desktop.line("key 48 0", from);
    devices.close();
    const edges = desktop.lines.slice(from).filter((line) => line.startsWith("key 30 "));
    expect(edges.length).toBe(1000);
  });

  test("releases what is held when it is closed", async () => {
    const devices = new InputDevices({ socketPath: desktop.display.socketPath });
    const from = desktop.lines.length;
    devices.key(49, true);
    devices.button(272, true);
    await desktop.line("button 272 1", from);
    devices.close();
    await desktop.line("key 49 0", from);
    await desktop.line("button 272 0", from);
  });
});

describe.skipIf(!swayInstalled)("typing into a terminal", () => {
  test("arrives in the file that a program writes", async () => {
    const app = `foot sh -c 'echo up > FOLDER/lines; head -n 2 > FOLDER/typed; echo done > FOLDER/lines'`;
    await using desktop = await startTestDesktop({ app });
    await desktop.line("up");
    const injector = openInjector({ socketPath: desktop.display.socketPath });
    injector.text("echo 'grün' € 世界\n");
    injector.text("second line\n");
    await desktop.line("done");
    injector.close();
    const text = readFileSync(`${desktop.folder}/typed`, "utf8");
    expect(text).toBe("echo 'grün' € 世界\nsecond line\n");
  });
});

test("another layout types by its own keys", async () => {
  if (!swayInstalled) return;
  await using desktop = await startTestDesktop();
  const injector = openInjector({ socketPath: desktop.display.socketPath, layout: "de" });
  injector.text("yö@");
  await desktop.line("character U+0040");
  injector.close();
  const codes = desktop.lines.filter((line) => /^key \d+ 1$/.test(line));
  expect(codes).toEqual(["key 44 1", "key 39 1", "key 16 1"]);
});

test("a layout that is not there is refused by name", async () => {
  if (!swayInstalled) return;
  await using desktop = await startTestDesktop();
  const { socketPath } = desktop.display;
  expect(() => openInjector({ socketPath, layout: "klingon" })).toThrow(
    "there is no keyboard layout klingon",
  );
});

test("a desktop that is not there is named", () => {
  expect(() => openInjector({ socketPath: "/nonexistent/wayland-1" })).toThrow(
    "no compositor answers at /nonexistent/wayland-1",
  );
});
