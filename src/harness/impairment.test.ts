import { expect, test } from "bun:test";
import { SeededRandom } from "../base/random.ts";
import { cleanLink, decideFate } from "./impairment.ts";

const fates = (seed: number, impairment: Partial<typeof cleanLink>, count = 10_000) => {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () =>
    decideFate({ ...cleanLink, ...impairment }, random, 1000),
  );
};

test("a clean link delivers each packet once and at once", () => {
  for (const fate of fates(1, {}, 100)) {
    expect(fate).toEqual({ arrivals: [0], flippedBit: undefined });
  }
});

test("loss takes its share, the same packets for the same seed", () => {
  const lost = fates(1, { loss: 0.05 }).filter(({ arrivals }) => arrivals.length === 0);
  expect(lost.length).toBeGreaterThan(400);
  expect(lost.length).toBeLessThan(600);
  expect(fates(1, { loss: 0.05 })).toEqual(fates(1, { loss: 0.05 }));
  expect(fates(1, { loss: 0.05 })).not.toEqual(fates(2, { loss: 0.05 }));
});

test("duplicates, flipped bits, delay, jitter and reordering come as asked", () => {
  const twice = fates(3, { duplicate: 1 }, 10);
  expect(twice.every(({ arrivals }) => arrivals.length === 2)).toBe(true);
  const flipped = fates(3, { corrupt: 1 }, 100).map(({ flippedBit }) => flippedBit ?? -1);
  expect(Math.min(...flipped)).toBeGreaterThanOrEqual(0);
  expect(Math.max(...flipped)).toBeLessThan(8000);
  const late = fates(3, { delayMs: 10, jitterMs: 5 }).map(({ arrivals }) => arrivals[0] as number);
  expect(Math.min(...late)).toBeGreaterThanOrEqual(10);
  expect(Math.max(...late)).toBeLessThan(15);
  const held = fates(3, { reorder: 0.5, reorderMs: 7 }).filter(({ arrivals }) => arrivals[0] === 7);
  expect(held.length).toBeGreaterThan(4500);
});
