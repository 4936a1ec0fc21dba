import { expect, test } from "bun:test";
import {
  afterFailure,
  afterSuccess,
  initialLockout,
  type LockoutState,
  waitMs,
} from "./lockout.ts";

const failing = (times: number, address: string, nowMs: number, from = initialLockout) => {
  let state: LockoutState = from;
  for (let i = 0; i < times; i++) state = afterFailure(state, address, nowMs);
  return state;
};

test("a person who mistypes does not wait, a guesser waits twice as long each time", () => {
  expect(waitMs(failing(4, "192.0.2.1", 0), "192.0.2.1", 0)).toBe(0);
  const waits = [5, 6, 7, 8].map((times) => waitMs(failing(times, "192.0.2.1", 0), "192.0.2.1", 0));
  expect(waits).toEqual([1000, 2000, 4000, 8000]);
  expect(waitMs(failing(40, "192.0.2.1", 0), "192.0.2.1", 0)).toBe(15 * 60_000);
  expect(waitMs(failing(5, "192.0.2.1", 0), "192.0.2.1", 1000)).toBe(0);
});

test("one address does not lock another out, in whatever way it is written", () => {
  const state = failing(10, "::ffff:192.0.2.1", 0);
  expect(waitMs(state, "192.0.2.1", 0)).toBeGreaterThan(0);
  expect(waitMs(state, "192.0.2.2", 0)).toBe(0);
});

test("who knows the password has a clean sheet, and so has who was quiet for long", () => {
  const state = failing(10, "192.0.2.1", 0);
  expect(waitMs(afterSuccess(state, "192.0.2.1"), "192.0.2.1", 0)).toBe(0);
  const later = afterFailure(state, "192.0.2.1", 31 * 60_000);
  expect(waitMs(later, "192.0.2.1", 31 * 60_000)).toBe(0);
});

test("many addresses together slow all of them down, for a minute", () => {
  let state = initialLockout;
  for (let i = 0; i < 60; i++) state = afterFailure(state, `192.0.2.${i}`, 0);
  expect(waitMs(state, "198.51.100.1", 0)).toBe(60_000);
  expect(waitMs(state, "198.51.100.1", 60_000)).toBe(0);
});

test("a million addresses take no more memory than a thousand", () => {
  let state = initialLockout;
  for (let i = 0; i < 3000; i++) state = afterFailure(state, `2001:db8::${i.toString(16)}`, i);
  expect(state.sheets.size).toBe(1024);
  expect(state.recent.length).toBe(60);
});
