import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { PfError } from "../../base/errors.ts";
import { EventQueue } from "../core/core.ts";
import {
  EventLog,
  type PixelFormatName,
  setNativeEnvironment,
  TestCards,
  TestDisplay,
  pushTouch as touch,
  until,
} from "./present.testing.ts";
import { type WindowOptions, WindowPresenter } from "./window.ts";

const screen = { width: 1280, height: 720 };
const whole = { x: 0, y: 0, ...screen };
const font = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf";
/** Levels by which a colour may differ: 8-bit chroma can't name every one exactly. */
const colourTolerance = 3;

let display: TestDisplay;
let opened: { window: WindowPresenter; events: EventQueue; log: EventLog } | undefined;

beforeAll(async () => {
  display = await TestDisplay.start(screen);
  setNativeEnvironment("WAYLAND_DISPLAY", undefined);
  setNativeEnvironment("DISPLAY", display.name);
});

afterEach(close);

afterAll(async () => {
  setNativeEnvironment("DISPLAY", process.env["DISPLAY"]);
  setNativeEnvironment("WAYLAND_DISPLAY", process.env["WAYLAND_DISPLAY"]);
  await display.stop();
});

async function close(): Promise<void> {
  opened?.window.close();
  await opened?.events.close();
  await opened?.log.ended();
  opened = undefined;
}

/** A window that has the keyboard and shows a card over the whole screen. */
async function open(options: Partial<WindowOptions> = {}) {
  const events = new EventQueue();
  const log = new EventLog(events);
  const window = new WindowPresenter({ events, stage: 5, title: "test", ...screen, ...options });
  opened = { window, events, log };
  const cards = new TestCards(window.sink());
  window.start();
  await log.one("started");
  await log.one("focus_gained");
  await show(window, cards, screen);
  return { window, log, cards };
}

async function show(
  window: WindowPresenter,
  cards: TestCards,
  card: Parameters<TestCards["push"]>[0],
): Promise<void> {
  const before = window.counters.get("frames_presented");
  cards.push(card);
  await until(() => window.counters.get("frames_presented") > before, "the picture");
}

/** The two ways to draw: by shared memory, which X11 without a GPU gets, and by SDL's renderer. */
const waysToDraw = [
  ["shared memory", undefined],
  ["software", "software"],
] as const;

describe.each(waysToDraw)("drawn by %s", (name, renderer) => {
  beforeAll(() => setNativeEnvironment("SDL_RENDER_DRIVER", renderer));
  afterAll(() => setNativeEnvironment("SDL_RENDER_DRIVER", undefined));

  test("each pixel format has the colours of BT.709 at its place", async () => {
    const { window, cards, log } = await open();
    expect(log.of("started")[0]?.text).toBe(`x11, ${name}`);
    for (const format of ["i420", "nv12", "bgrx", "rgbx"] satisfies PixelFormatName[]) {
      await show(window, cards, { format, ...screen });
      const shot = await display.screenshot();
      expect([format, shot.cardError(whole) <= colourTolerance]).toEqual([format, true]);
    }
  });

  test("a picture of another shape is letterboxed, and of another size scaled", letterboxes);
  test("the overlay is drawn over the picture while it is visible", drawsOverlay);
});

async function letterboxes(): Promise<void> {
  const { window, cards } = await open();
  await show(window, cards, { width: 640, height: 480 });
  let shot = await display.screenshot();
  expect(shot.cardError({ x: 160, y: 0, width: 960, height: 720 })).toBeLessThanOrEqual(
    colourTolerance,
  );
  expect(shot.pixel(80, 360)).toEqual([0, 0, 0]);
  expect(shot.pixel(1200, 360)).toEqual([0, 0, 0]);
  await show(window, cards, { format: "nv12", width: 1920, height: 800 });
  shot = await display.screenshot();
  expect(shot.cardError({ x: 0, y: 94, width: 1280, height: 533 })).toBeLessThanOrEqual(
    colourTolerance,
  );
  expect(shot.pixel(640, 40)).toEqual([0, 0, 0]);
  expect(shot.pixel(640, 680)).toEqual([0, 0, 0]);
}

async function drawsOverlay(): Promise<void> {
  const { window, log } = await open({ font });
  window.setOverlay("60 fps  4.2 ms");
  expect((await display.screenshot()).pixel(3, 3)).toEqual([255, 255, 255]);
  window.setOverlayVisible(true);
  await shows((shot) => (shot.pixel(3, 3)[0] as number) < 100);
  const chord = "ctrl+alt+shift+s";
  await display.xdotool("key", chord);
  await shows((shot) => shot.pixel(3, 3)[0] === 255);
  expect(log.of("key").some((event) => event.a === usage.s)).toBe(false);
}

/** Waits until the screen looks as wanted. */
async function shows(wanted: (shot: Awaited<ReturnType<TestDisplay["screenshot"]>>) => boolean) {
  for (let tries = 0; tries < 20; tries++) if (wanted(await display.screenshot())) return;
  throw new Error("the screen does not show it");
}

/** Usages of HID page 7. */
const usage = { a: 4, s: 22, leftShift: 225 };

test("a window of another size shows the same picture in it", async () => {
  const { log } = await open();
  const id = await display.xdotool("search", "--name", "^test$");
  await display.xdotool("windowsize", id, "800", "400");
  const { a, b } = await log.one("window_resized");
  expect([a, b]).toEqual([800, 400]);
  await shows(
    (shot) => shot.cardError({ x: 45, y: 0, width: 711, height: 400 }) <= colourTolerance,
  );
});

test("keys arrive by their place on the keyboard, down and up", async () => {
  const { log } = await open();
  await display.xdotool("keydown", "shift", "key", "a", "keyup", "shift");
  await log.one("key", ({ a, b }) => a === usage.leftShift && b === 0);
  expect(log.of("key").map(({ a, b }) => [a, b])).toEqual([
    [usage.leftShift, 1],
    [usage.a, 1],
    [usage.a, 0],
    [usage.leftShift, 0],
  ]);
});

test("text is what this machine's layout makes of the keys, and commands stay keys", async () => {
  const { log } = await open({ text: true });
  await display.keyboard("de");
  try {
    // By their places, as a person presses them: Y on a German keyboard is where Z is elsewhere.
    await press(29, 59, 48);
    await press([108, 24], [108, 26], [50, 15], [37, 52]);
    await press(36);
    const enter = 40;
    await log.one("key", ({ a, b }) => a === enter && b === 0);
  } finally {
    await display.keyboard("us");
  }
  const typed = log.of("text").map(({ text }) => text);
  expect(typed).toEqual(["z", ",", "ä", "@", "€", "&"]);
  // The letter of a command is what counts: Y, where others have Z.
  const [leftShift, leftCtrl, y] = [225, 224, 28];
  const pressed = log.of("key").filter(({ b }) => b === 1);
  expect(pressed.map(({ a }) => a)).toEqual([leftShift, leftCtrl, y, 40]);
  expect(log.of("key")).toHaveLength(2 * pressed.length);
});

/** Presses keys by X's codes of them, each alone or with what is held before it. */
async function press(...keys: (number | readonly number[])[]): Promise<void> {
  for (const held of keys) {
    const codes = [held].flat().map(String);
    const words = codes.flatMap((code) => ["keydown", code]);
    await display.xdotool(...words, ...codes.reverse().flatMap((code) => ["keyup", code]));
  }
}

test("text and keys by their place are changed by a chord, and a grab plays by place", async () => {
  const { window, log } = await open();
  const b = 5;
  /** What the key gives, as soon as what was asked for is in force. */
  const gives = async (wanted: "key" | "text") => {
    for (let tries = 0; tries < 50; tries++) {
      log.clear();
      await display.xdotool("key", "b");
      await until(() => log.events.some(({ kind, a }) => kind === "text" || a === b), "the key");
      if (log.of(wanted).length > 0) return;
    }
    throw new Error(`the key never came as ${wanted}`);
  };
  await gives("key");
  await display.xdotool("key", "ctrl+alt+shift+t");
  await gives("text");
  window.setGrab(true);
  await gives("key");
  window.setGrab(false);
  await gives("text");
  window.setText(false);
  await gives("key");
});

test("fingers are told apart, follow the picture's shape and are lifted at the end", async () => {
  const { window, cards, log } = await open();
  await show(window, cards, { width: 720, height: 720 });
  touch("down", 1, 0.1, 0.5); // beside the picture
  touch("down", 77, 0.5, 0.5);
  touch("down", 5, 999.5 / 1280, 0);
  touch("move", 77, 0.5, 0.25);
  touch("move", 77, 0, 1);
  touch("up", 5, 0.6, 0.6);
  touch("up", 1, 0.1, 0.5);
  await log.one("touch", ({ a }) => a === 1 + 512);
  window.stop();
  await log.one("touch", ({ a }) => a === 768);
  const touches = log.of("touch").map(({ a, b }) => [a & 255, a >> 8, b & 65_535, b >>> 16]);
  const [right, middle] = [65_535, 32_813];
  expect(touches).toEqual([
    [0, 0, middle, middle],
    [1, 0, right, 0],
    [0, 1, 0, right],
    [1, 2, right, 0],
    [0, 3, 0, right],
  ]);
});

test("buttons and the wheel arrive in order, where the pointer is", async () => {
  const { log } = await open();
  await display.xdotool("mousemove", "0", "0", "click", "1", "click", "2", "click", "3");
  await display.xdotool("mousemove", "1279", "719", "click", "8", "click", "9");
  await log.one("button", ({ a, b }) => a === 5 && b === 0);
  expect(log.of("button").map(({ a, b }) => [a, b])).toEqual(
    [1, 2, 3, 4, 5].flatMap((button) => [
      [button, 1],
      [button, 0],
    ]),
  );
  const places = log.of("position").map(({ a, b }) => [a, b]);
  expect(places[0]).toEqual([0, 0]);
  expect(places.at(-1)).toEqual([65535, 65535]);
  await display.xdotool("click", "4", "click", "4", "click", "5", "click", "7");
  await until(() => sum(log, "a") === 120 && sum(log, "b") === -120, "the wheel");
});

function sum(log: EventLog, axis: "a" | "b"): number {
  return log.of("scroll").reduce((total, event) => total + event[axis], 0);
}

test("beside the picture there is no place to point at, but a drag sticks to the edge", async () => {
  const { window, cards, log } = await open();
  await show(window, cards, { width: 480, height: 480 });
  await display.xdotool("mousemove", "600", "300", "mousemove", "640", "360");
  const middle = 32_813;
  await log.one("position", ({ a, b }) => a === middle && b === middle);
  log.clear();
  await display.xdotool("mousemove", "100", "300", "click", "1", "mousemove", "640", "360");
  await log.one("position");
  expect(log.of("button", "position").map(({ kind }) => kind)).toEqual(["position"]);
  log.clear();
  await display.xdotool("mousedown", "1", "mousemove", "100", "360", "mouseup", "1");
  await log.one("button", ({ b }) => b === 0);
  expect(log.of("position").at(-1)?.a).toBe(0);
});

test("a grabbed pointer gives distances, and is freed by the same keys", async () => {
  const { log } = await open();
  await display.xdotool("key", "ctrl+alt+shift+z");
  await until(() => log.of("key").filter(({ b }) => b === 0).length === 3, "the chord's end");
  log.clear();
  await display.xdotool("mousemove_relative", "--", "7", "-3");
  await log.one("motion");
  const moved = log.of("motion").map(({ a, b }) => [a, b]);
  expect(moved).toEqual([[7, -3]]);
  expect(log.of("position")).toEqual([]);
  await display.xdotool("key", "ctrl+alt+shift+z", "mousemove", "200", "200");
  await log.one("position");
});

test("losing the focus releases what is held before it is told", async () => {
  const { log } = await open();
  await display.xdotool("keydown", "a", "mousemove", "640", "360", "mousedown", "1");
  await log.one("button");
  log.clear();
  await display.xdotool("search", "--name", "^test$", "windowunmap");
  await log.one("focus_lost");
  expect(log.of("key", "button", "focus_lost").map(({ kind, a, b }) => [kind, a, b])).toEqual([
    ["key", usage.a, 0],
    ["button", 1, 0],
    ["focus_lost", 0, 0],
  ]);
  await display.xdotool("keyup", "a", "mouseup", "1");
});

test("stop releases what is held", async () => {
  const { window, log } = await open();
  await display.xdotool("keydown", "a");
  await log.one("key", ({ b }) => b === 1);
  window.stop();
  await log.one("key", ({ a, b }) => a === usage.a && b === 0);
  await display.xdotool("keyup", "a");
});

test("a viewer's window has no input", async () => {
  const { log } = await open({ input: false });
  await display.xdotool("key", "a", "mousemove", "5", "5", "click", "1", "key", "ctrl+alt+shift+q");
  await log.one("window_closed");
  expect(log.of("key", "button", "position")).toEqual([]);
});

test("the newest picture wins and every picture is given back", async () => {
  const { window, cards } = await open();
  cards.stream({ width: 320, height: 240 }, 100_000, 400);
  const counters = window.counters;
  const done = () =>
    counters.get("frames_presented") + counters.get("frames_replaced") ===
    counters.get("frames_in");
  await until(done, "the last picture");
  expect(counters.get("frames_in")).toBe(401);
  expect(counters.get("frames_replaced")).toBeGreaterThan(0);
  cards.push(screen);
  window.stop();
  expect(cards.live).toBe(0);
  cards.push(screen);
  expect(cards.live).toBe(0);
  expect(() => window.start()).toThrow(PfError);
});

test("720p at 60 fps is shown without a loss, within a frame's time", async () => {
  const { window, cards } = await open();
  window.setClockOffset(0n);
  cards.stream(screen, 60, 60);
  await until(() => window.counters.get("frames_presented") >= 58, "58 of 61 pictures");
  const shown = window.counters.histogram("present_us");
  expect(shown.percentileUs(0.5) as number).toBeLessThan(16_000);
  expect(window.counters.histogram("capture_to_presented_us").count).toBeGreaterThanOrEqual(57);
});

test("without the clocks' offset nothing is said about the host's times", async () => {
  const { window } = await open();
  expect(window.counters.get("frames_presented")).toBe(1);
  expect(window.counters.histogram("present_us").count).toBe(1);
  expect(window.counters.histogram("capture_to_presented_us").count).toBe(0);
});

test("a process has one window at a time", async () => {
  await open();
  expect(() => new WindowPresenter({ title: "second", ...screen })).toThrow(/a window already/);
  await close();
  await open();
});

test("without a display the sentence says what else there is", () => {
  setNativeEnvironment("DISPLAY", ":4711");
  try {
    new WindowPresenter({ title: "nowhere", ...screen });
    expect.unreachable();
  } catch (error) {
    expect(error).toBeInstanceOf(PfError);
    expect((error as PfError).code).toBe("PF_DISPLAY_MISSING");
    expect((error as PfError).message).toContain("--present terminal or none");
  } finally {
    setNativeEnvironment("DISPLAY", display.name);
  }
});

test("a display that goes away ends the window, not the process", async () => {
  const doomed = await TestDisplay.start({ width: 320, height: 240 });
  const env = { ...process.env, DISPLAY: doomed.name, WAYLAND_DISPLAY: undefined };
  const fixture = `${import.meta.dir}/lost-display.fixture.ts`;
  const child = Bun.spawn([process.execPath, fixture], { env, stdout: "pipe", stderr: "pipe" });
  let output = "";
  for await (const chunk of child.stdout) {
    output += new TextDecoder().decode(chunk);
    if (output === "ready\n") await doomed.stop();
  }
  expect(output).toBe("ready\nthe display is gone, 0 pictures held\n");
  expect(await child.exited).toBe(0);
});
