import { expect, test } from "bun:test";
import { parseMode } from "../../wire/mode.ts";
import { headlessRate } from "./headless-rate.ts";

const waitMs = (mode: string) => Math.floor(1_000_000 / headlessRate(parseMode(mode)));

test("a small or slow output has just the rate that was asked for", () => {
  for (const text of ["1280x720@60", "640x480@60", "1280x720@30", "66x1002@1"]) {
    const mode = parseMode(text);
    expect(headlessRate(mode)).toBe(mode.refreshMilliHz);
  }
});

test("a large one waits less by the time that drawing takes", () => {
  expect(waitMs("1920x1080@60")).toBe(13);
  expect(waitMs("2560x1440@60")).toBe(11);
  expect(waitMs("1920x1080@120")).toBe(5);
});

test("the wait is never shorter than half a frame time or a millisecond, nor the rate lower", () => {
  expect(waitMs("7680x4320@60")).toBe(8);
  for (const text of ["1920x1080@1000", "3840x2160@333.333", "1920x1080@240"]) {
    const mode = parseMode(text);
    const rate = headlessRate(mode);
    expect(rate).toBeGreaterThanOrEqual(mode.refreshMilliHz);
    expect(rate).toBeLessThanOrEqual(Math.max(1_000_000, mode.refreshMilliHz));
  }
});
