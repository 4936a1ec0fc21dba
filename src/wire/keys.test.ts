import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { buttons, evdevButton, evdevKey, keys } from "./keys.ts";

const header = "/usr/include/linux/input-event-codes.h";

describe("the key table", () => {
  test("names each usage once, in order", () => {
    const usages = keys.map(([usage]) => usage);
    expect(usages).toEqual([...new Set(usages)].sort((a, b) => a - b));
  });

  test("has every key of a full keyboard", () => {
    for (let usage = 0x04; usage <= 0x65; usage++) expect(evdevKey(usage)).toBeNumber();
    for (let usage = 0xe0; usage <= 0xe7; usage++) expect(evdevKey(usage)).toBeNumber();
  });

  test("knows landmarks of the keyboard", () => {
    expect(evdevKey(0x04)).toBe(30); // A
    expect(evdevKey(0x27)).toBe(11); // 0
    expect(evdevKey(0x28)).toBe(28); // Enter
    expect(evdevKey(0x45)).toBe(88); // F12
    expect(evdevKey(0x52)).toBe(103); // Up
    expect(evdevKey(0xe6)).toBe(100); // AltGr
    expect(evdevKey(0xe8)).toBe(164); // play/pause
  });

  test("has no key for errors, reserved usages and what is beyond the page", () => {
    for (const usage of [0, 1, 3, 0x32 + 0x100, 0xff, -1, 4.5, Number.NaN]) {
      expect(evdevKey(usage)).toBeUndefined();
    }
  });

  test.skipIf(!existsSync(header))("agrees with the kernel's header", () => {
    const text = readFileSync(header, "utf8");
    const defined = new Map<string, number>();
    for (const [, name, value] of text.matchAll(/^#define\s+((?:KEY|BTN)_\w+)\s+(\w+)/gm)) {
      defined.set(String(name), Number(value));
    }
    for (const [, code, name] of keys)
      expect([name, defined.get(`KEY_${name}`)]).toEqual([name, code]);
    for (const [, code, name] of buttons) {
      expect([name, defined.get(`BTN_${name}`)]).toEqual([name, code]);
    }
  });
});

test("there are five mouse buttons", () => {
  expect([1, 2, 3, 4, 5].map(evdevButton)).toEqual([0x110, 0x112, 0x111, 0x113, 0x114]);
  expect(evdevButton(0)).toBeUndefined();
  expect(evdevButton(6)).toBeUndefined();
});
