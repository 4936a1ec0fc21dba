/** Run in the kernel test machine: input by uinput, read back from the kernel's own devices. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { constants, readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { UinputDevices } from "../../ffi/uinput/uinput.ts";

const names = ["keyboard", "mouse", "pointer", "touch screen"].map((name) => `punktfunk ${name}`);
/** struct input_event: two 64-bit words of time, then type, code, value. */
const eventBytes = 24;

let devices: UinputDevices;
/** What each device gave, a line a frame: "type:code=value …". */
const frames = new Map<string, string[]>(names.map((name) => [name, []]));
const closers: (() => Promise<void>)[] = [];

beforeAll(async () => {
  devices = new UinputDevices({ layout: "de" });
  for (const name of names) await listen(name);
});

afterAll(async () => {
  devices.close();
  for (const close of closers) await close();
});

/** The kernel's path of the device of a name. */
function pathOf(name: string): string {
  const blocks = readFileSync("/proc/bus/input/devices", "utf8").split("\n\n");
  const block = blocks.find((text) => text.includes(`Name="${name}"`)) ?? "";
  return `/dev/input/${/\bevent\d+/.exec(block)?.[0]}`;
}

async function listen(name: string): Promise<void> {
  const file = await open(pathOf(name), constants.O_RDONLY | constants.O_NONBLOCK);
  const reader = Bun.file(file.fd).stream().getReader();
  const into = frames.get(name) as string[];
  let words: string[] = [];
  void (async () => {
    for (;;) {
      const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }));
      if (done || value === undefined) return;
      const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
      for (let at = 0; at + eventBytes <= value.byteLength; at += eventBytes) {
        const [type, code] = [view.getUint16(at + 16, true), view.getUint16(at + 18, true)];
        if (type === 0 && code === 0) into.push(words.splice(0).join(" "));
        else words = [...words, `${type}:${code}=${view.getInt32(at + 20, true)}`];
      }
    }
  })();
  closers.push(async () => {
    await reader.cancel().catch(() => {});
    await file.close().catch(() => {});
  });
}

async function seen(name: string, count: number): Promise<string[]> {
  const deadline = performance.now() + 10_000;
  const got = frames.get(`punktfunk ${name}`) as string[];
  while (got.length < count && performance.now() < deadline) await Bun.sleep(10);
  return got.splice(0);
}

test("keys and what the layout has of a text come out of the keyboard", async () => {
  devices.key(30, true);
  devices.key(30, false);
  expect(devices.text("@")).toBe(true);
  expect(devices.text("世")).toBe(false);
  const altGrQ = ["1:100=1", "1:16=1", "1:16=0", "1:100=0"];
  expect(await seen("keyboard", 6)).toEqual(["1:30=1", "1:30=0", ...altGrQ]);
});

test("buttons, motion and parts of a notch come out of the mouse", async () => {
  devices.button(0x111, true);
  devices.motion(3, -2);
  devices.button(0x111, false);
  devices.scroll(0, 60);
  devices.button(0x110, true);
  devices.scroll(0, 60);
  const wanted = ["1:273=1", "2:0=3 2:1=-2", "1:273=0", "2:11=-60", "1:272=1", "2:11=-60 2:8=-1"];
  expect(await seen("mouse", 6)).toEqual(wanted);
});

test("places and fingers come out of the pointer and the touch screen", async () => {
  devices.position(100, 65_535);
  expect(await seen("pointer", 1)).toEqual(["3:0=100 3:1=65535"]);
  devices.touch(0, "down", 10, 20);
  devices.touch(1, "down", 30, 40);
  devices.touch(0, "up", 10, 20);
  const [first, second, third] = await seen("touch screen", 3);
  expect(first).toContain("3:57=0 3:53=10 3:54=20 1:330=1");
  expect(second).toContain("3:47=1 3:57=1 3:53=30 3:54=40");
  expect(third).toBe("3:47=0 3:57=-1");
});

test("what is down is lifted, and the devices go when they are closed", async () => {
  devices.key(42, true);
  devices.releaseAll();
  expect(await seen("keyboard", 2)).toEqual(["1:42=1", "1:42=0"]);
  expect(await seen("touch screen", 1)).toEqual(["3:47=1 3:57=-1 1:330=0"]);
  devices.close();
  expect(readFileSync("/proc/bus/input/devices", "utf8")).not.toContain("punktfunk");
});
