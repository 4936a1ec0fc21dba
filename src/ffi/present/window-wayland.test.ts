import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventQueue } from "../core/core.ts";
import { InputDevices } from "../input/input.ts";
import { EventLog, setNativeEnvironment, TestCards, until } from "./present.testing.ts";
import { WindowPresenter } from "./window.ts";

const picture = { width: 640, height: 480 };
/** sway refuses to run as root: then it runs as this user. */
const nobody = 65534;

let folder: string;
let sway: Bun.Subprocess;

const find = (name: RegExp) => readdirSync(folder).find((file) => name.test(file));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "punktfunk-sway-"));
  chmodSync(folder, 0o700);
  const config = join(folder, "config");
  writeFileSync(config, "xwayland disable\noutput * mode --custom 1280x720@60Hz\n");
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(folder, nobody, nobody);
  const user = isRoot
    ? ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"]
    : [];
  sway = Bun.spawn([...user, "sway", "--config", config], {
    env: {
      PATH: process.env["PATH"],
      HOME: folder,
      XDG_RUNTIME_DIR: folder,
      WLR_BACKENDS: "headless",
      WLR_RENDERER: "pixman",
      WLR_LIBINPUT_NO_DEVICES: "1",
    },
    stdout: "ignore",
    stderr: "ignore",
  });
  await until(() => find(/^sway-ipc/) !== undefined && find(/^wayland-\d+$/) !== undefined, "sway");
  setNativeEnvironment("XDG_RUNTIME_DIR", folder);
  setNativeEnvironment("WAYLAND_DISPLAY", find(/^wayland-\d+$/));
});

afterAll(async () => {
  setNativeEnvironment("XDG_RUNTIME_DIR", process.env["XDG_RUNTIME_DIR"]);
  setNativeEnvironment("WAYLAND_DISPLAY", process.env["WAYLAND_DISPLAY"]);
  sway.kill();
  await sway.exited;
  rmSync(folder, { recursive: true });
});

async function swaymsg(...words: string[]): Promise<string> {
  const socket = join(folder, find(/^sway-ipc/) as string);
  return (await Bun.$`swaymsg --socket ${socket} ${words}`.quiet()).stdout.toString();
}

interface Node {
  readonly name: string | null;
  readonly fullscreen_mode: number;
  readonly nodes: readonly Node[];
}

async function isFullscreen(): Promise<boolean> {
  const flat = (node: Node): Node[] => [node, ...node.nodes.flatMap(flat)];
  const all = flat(JSON.parse(await swaymsg("--type", "get_tree")));
  return all.find(({ name }) => name === "test")?.fullscreen_mode === 1;
}

async function becomesFullscreen(wanted: boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while ((await isFullscreen()) !== wanted) expect(performance.now()).toBeLessThan(deadline);
}

test("a Wayland session gets a Wayland window: it shows, fills the screen, and is closed", async () => {
  const events = new EventQueue();
  const log = new EventLog(events);
  const window = new WindowPresenter({ events, title: "test", ...picture });
  const cards = new TestCards(window.sink());
  window.start();
  expect((await log.one("started")).text).toStartWith("wayland, ");
  cards.stream(picture, 60, 10);
  await until(() => window.counters.get("frames_presented") > 0, "a picture");
  window.setFullscreen(true);
  await becomesFullscreen(true);
  window.setFullscreen(false);
  await becomesFullscreen(false);
  await swaymsg("[title=test]", "kill");
  await log.one("window_closed");
  window.close();
  await events.close();
  expect(cards.live).toBe(0);
});

test("a Wayland window tells keys by place or as text, and the wheel", async () => {
  const events = new EventQueue();
  const log = new EventLog(events);
  // Without a keyboard nothing has the focus.
  const socketPath = join(folder, find(/^wayland-\d+$/) as string);
  const keyboard = new InputDevices({ socketPath, layout: "de" });
  const window = new WindowPresenter({ events, title: "typed", ...picture });
  const cards = new TestCards(window.sink());
  window.start();
  const [q, y, altGr, ctrl] = [16, 21, 100, 29];
  const tap = (code: number, ...held: number[]) => {
    for (const each of held) keyboard.key(each, true);
    keyboard.key(code, true);
    keyboard.key(code, false);
    for (const each of held) keyboard.key(each, false);
  };
  const usages = { q: 20, z: 29, altGr: 230, ctrl: 224 };
  try {
    await log.one("focus_gained");
    cards.push(picture);
    await until(() => window.counters.get("frames_presented") > 0, "a picture");
    tap(q, altGr);
    await log.one("key", ({ a, b }) => a === usages.altGr && b === 0);
    const pressed = () => log.of("key").flatMap(({ a, b }) => (b === 1 ? [a] : []));
    expect(pressed()).toEqual([usages.altGr, usages.q]);
    expect(log.of("text")).toEqual([]);
    log.clear();
    window.setText(true);
    keyboard.position(32_768, 32_768);
    await log.one("position");
    tap(q, altGr);
    tap(y);
    tap(y, ctrl);
    await log.one("key", ({ a, b }) => a === usages.ctrl && b === 0);
    expect(log.of("text").map(({ text }) => text)).toEqual(["@", "z"]);
    expect(pressed()).toEqual([usages.ctrl, usages.z]); // the letter of a command
    log.clear();
    keyboard.scroll(0, 120);
    const { a, b } = await log.one("scroll");
    expect([a, b]).toEqual([0, 120]);
  } finally {
    keyboard.close();
    window.close();
    await events.close();
  }
});
