import { expect, test } from "bun:test";
import { SeededRandom } from "./random.ts";

const take = (seed: number, count: number) => {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, () => random.u32());
};

test("a seed gives the same numbers on every machine", () => {
  expect(take(1, 4)).toEqual([2012149540, 1872316204, 1707632675, 1779833415]);
});

test("seeds that differ in one bit, low or high, give other numbers", () => {
  expect(take(1, 8)).not.toEqual(take(0, 8));
  expect(take(2 ** 40, 8)).not.toEqual(take(0, 8));
});

test("numbers below a count are even and never reach it", () => {
  const random = new SeededRandom(7);
  const seen = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) {
    const value = random.below(10);
    seen[value] = (seen[value] ?? 0) + 1;
  }
  expect(seen.length).toBe(10);
  for (const times of seen) expect(Math.abs(times - 1000)).toBeLessThan(150);
});

test("a chance of a tenth is one in ten", () => {
  const random = new SeededRandom(3);
  let hits = 0;
  for (let i = 0; i < 10_000; i++) if (random.chance(0.1)) hits++;
  expect(Math.abs(hits - 1000)).toBeLessThan(150);
});
