import { describe, expect, test } from "bun:test";
import { EventQueue } from "../../ffi/core/core.ts";
import { noSink } from "../../ffi/library.ts";
import { formatMode, parseMode } from "../../wire/mode.ts";
import { testProgram } from "./desktop.fixture.ts";
import { Session, startTestScreen, xvfbInstalled } from "./x11.fixture.ts";
import { X11Displays } from "./x11.ts";
import type { XvfbDisplay } from "./xvfb.ts";

const corners = [
  [0, 0],
  [0.99, 0],
  [0, 0.99],
  [0.99, 0.99],
] as const;
const cornerColours = ["ff0000", "00ff00", "0000ff", "ffffff"];
const keyA = 30;
const keyLeftShift = 42;
const buttonLeft = 0x110;
const buttonSide = 0x113;

/** The newest Xvfb that this process has started. */
function serverPid(): number {
  const found = Bun.spawnSync(["pgrep", "-f", `Xvfb -displayfd .*punktfunk-${process.pid}-`]);
  return Math.max(...found.stdout.toString().trim().split("\n").map(Number));
}

describe.skipIf(!xvfbInstalled)("a screen of the host's own", () => {
  test("is captured at the client's exact mode, and costs nothing while it is still", async () => {
    await using screen = await startTestScreen({ mode: "1366x768@75" });
    expect([screen.display.kind, formatMode(screen.display.mode)]).toEqual(["x11", "1366x768@75"]);
    await screen.until(/^ready$/);
    await using session = new Session(screen.display);
    await session.event("first_frame");
    const frames = await session.settled();
    const cpu = process.cpuUsage();
    await Bun.sleep(500);
    const { user, system } = process.cpuUsage(cpu);
    expect([session.frames, session.colours(corners)]).toEqual([frames, cornerColours]);
    expect(user + system).toBeLessThan(100_000); // µs, of all that runs in this process
  });

  test("keeps the client's rate when more is drawn", async () => {
    await using screen = await startTestScreen({ mode: "1280x720@60", client: "moving" });
    await screen.until(/^ready$/);
    await using session = new Session(screen.display);
    await session.event("first_frame");
    expect(await session.rate(1000)).toBeWithin(50, 61.5);
  });

  test("shows the pointer where it was moved to", async () => {
    await using screen = await startTestScreen();
    await screen.until(/^ready$/);
    await using session = new Session(screen.display);
    await session.event("first_frame");
    session.input.position(16_384, 16_384);
    await screen.until(/^at 160 120$/);
    await session.settled();
    const around = Array.from({ length: 16 }, (_, i) => [(152 + i) / 640, 120 / 480] as const);
    expect(new Set(session.colours(around)).size).toBeGreaterThan(1);
  });

  test("takes keys, buttons, the wheel and motion", async () => {
    await using screen = await startTestScreen();
    await screen.until(/^ready$/);
    await using session = new Session(screen.display);
    const { input } = session;
    input.position(0, 65_535);
    input.motion(10.5, -4.25);
    input.motion(0.5, -0.75);
    input.key(keyLeftShift, true);
    input.key(keyA, true);
    input.key(keyA, false);
    input.key(keyLeftShift, false);
    input.button(buttonLeft, true);
    input.button(buttonLeft, false);
    input.button(buttonSide, true);
    input.button(buttonSide, false);
    input.scroll(0, 60);
    input.button(buttonLeft, true);
    input.button(buttonLeft, false);
    input.scroll(-120, 60);
    const lines = await screen.until(/^button [67] 0$/);
    expect(lines.filter((line) => line.startsWith("key"))).toEqual([
      "key 50 1",
      "key 38 1",
      "key 38 0",
      "key 50 0",
    ]);
    expect(lines).toContain("character U+0041");
    expect(lines).toContain("at 11 474");
    const pressed = lines.filter((line) => /^button .* 1$/.test(line));
    expect(pressed.map((line) => line.split(" ")[1])).toEqual(["1", "8", "1", "5", "6"]);
  });

  test("is typed on, with characters that no key has", async () => {
    await using screen = await startTestScreen();
    await screen.until(/^ready$/);
    await using session = new Session(screen.display);
    const text = "Grüße, 漢字の入力: €5 — ok?\tЖ";
    session.input.key(keyLeftShift, true);
    expect(session.input.text(text)).toBe(true);
    session.input.key(keyA, true);
    const characters = (lines: readonly string[]) =>
      lines
        .filter((line) => line.startsWith("character"))
        .map((line) => String.fromCodePoint(Number.parseInt(line.slice(12), 16)))
        .join("");
    const lines = await screen.until(/^character/, [...text].length + 1);
    // XLookupString names Tab by its keysym.
    expect(characters(lines).replace("\uff09", "\t")).toBe(`${text}A`);
  });

  test("has the keyboard layout that was asked for", async () => {
    await using screen = await startTestScreen();
    await screen.until(/^ready$/);
    await using session = new Session(screen.display, "de");
    expect(session.input.keyboardLayout).toBe("de");
    session.input.key(21, true); // Y on an English keyboard
    session.input.text("@");
    const lines = await screen.until(/^character/, 2);
    expect(lines.filter((line) => line.startsWith("character"))).toEqual([
      "character U+007A",
      "character U+0040",
    ]);
  });

  test("is started anew at another size, and keeps running for another rate", async () => {
    await using screen = await startTestScreen({ mode: "640x480@60" });
    const { display } = screen;
    await display.reconfigure(parseMode("640x480@30"));
    await screen.until(/^ready$/);
    const begin = performance.now();
    await display.reconfigure(parseMode("800x600@50"));
    expect(performance.now() - begin).toBeLessThan(3000);
    expect(formatMode(display.mode)).toBe("800x600@50");
    await using session = new Session(display);
    await session.event("first_frame");
    await screen.until(/^ready$/);
    await session.settled();
    expect(session.tap.takeRgb()).toMatchObject({ width: 800, height: 600 });
  });

  test("ends with words when its server is killed, and leaves nothing of it", async () => {
    const screen = await startTestScreen({ client: "moving" });
    await screen.until(/^ready$/);
    await using session = new Session(screen.display);
    await session.event("first_frame");
    process.kill(serverPid(), "SIGKILL");
    const ended = await session.event("ended");
    expect(ended.text).toMatch(/^The desktop .*: the X server has ended\.$/);
    expect(await screen.display.ended).toContain("Xvfb ended with status 137");
    await screen[Symbol.asyncDispose]();
  });

  test("does not hold anybody up whose server hangs", async () => {
    await using screen = await startTestScreen({ client: "moving" });
    await screen.until(/^ready$/);
    const session = new Session(screen.display);
    await session.event("first_frame");
    process.kill(serverPid(), "SIGSTOP");
    await session.settled();
    session.input.text("never typed");
    const begin = performance.now();
    await session[Symbol.asyncDispose]();
    expect(performance.now() - begin).toBeLessThan(600);
    const events = new EventQueue();
    const wiring = { sink: noSink, events, stage: 1 };
    expect(() => screen.display.openStage(wiring)).toThrow("does not answer");
    await events.close();
  });

  test("names an application that is not there", async () => {
    const { DISPLAY: _, ...env } = process.env;
    const creating = new X11Displays({ app: "no-such-program", env }).create(
      parseMode("640x480@60"),
    );
    await expect(creating).rejects.toThrow('"no-such-program" was not found');
  });
});

describe.skipIf(!xvfbInstalled)("the desktop of $DISPLAY", () => {
  test("is streamed as it is where it has no such mode", async () => {
    const words = [
      "Xvfb",
      "-displayfd",
      "1",
      "-noreset",
      "-screen",
      "0",
      "801x601x24",
      "-nolisten",
      "tcp",
    ];
    await using server = Bun.spawn(words, { stdout: "pipe", stderr: "ignore" });
    const { value } = await server.stdout.getReader().read();
    const number = new TextDecoder().decode(value).trim();
    const backend = new X11Displays({ env: { ...process.env, DISPLAY: `:${number}` } });
    expect(await backend.available()).toMatchObject({ ok: true, version: expect.any(String) });
    const display = await backend.create(parseMode("640x480@50"));
    expect(formatMode(display.mode)).toBe("800x600@50");
    expect(display.note).toBe(`The X display :${number} is streamed as it is, at 800x600.`);
    await expect(display.reconfigure(parseMode("1280x720@60"))).rejects.toThrow("stays at 800x600");
    const second = await backend.create(parseMode("640x480@50"));
    expect(second.note).toContain("Another client shares it");
    await second.destroy();
    await using session = new Session(display);
    await session.event("first_frame");
    expect(session.tap.takeRgb()).toMatchObject({ width: 800, height: 600 });
    server.kill();
    await session.event("ended");
    await display.destroy();
  });

  test("is missing with words", async () => {
    const env = { ...process.env, DISPLAY: ":987" };
    const missing = new X11Displays({ env }).create(parseMode("640x480@60"));
    await expect(missing).rejects.toThrow("No X server answers");
    const { ok, why } = await new X11Displays({ env }).available();
    expect([ok, why]).toEqual([false, expect.stringContaining("/tmp/.X11-unix/X987 is not there")]);
  });
});

describe.skipIf(!xvfbInstalled)("under the sanitizers", () => {
  test("capture and input find nothing, with pictures that are kept and many callers", async () => {
    await using screen = await startTestScreen({ client: "moving" });
    await screen.until(/^ready$/);
    const { address } = screen.display as XvfbDisplay;
    const child = Bun.spawn([testProgram("x11_test", "sanitize"), address], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const words = await new Response(child.stderr).text();
    expect([await child.exited, words]).toEqual([0, ""]);
  });
});
