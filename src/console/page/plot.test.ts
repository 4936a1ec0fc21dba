import { expect, test } from "bun:test";
import type { Point } from "./history.ts";
import { axisTop, linePath, runs, stackedPaths, stackTops } from "./plot.ts";

const points = (...values: (number | null)[]): Point[] =>
  values.map((value, index) => ({ ageSeconds: values.length - 1 - index, value }));

test("an axis ends at a round number that holds every value", () => {
  expect(axisTop([], 30)).toBe(30);
  expect(axisTop([59.9, 60], 30)).toBe(60);
  expect(axisTop([61], 30)).toBe(80);
  expect(axisTop([0.1 + 0.2], 0.1)).toBe(0.3);
  for (let value = 1; value < 1e6; value *= 1.07) {
    const top = axisTop([value], 1);
    expect(top).toBeGreaterThanOrEqual(value * (1 - 1e-9));
    expect(top).toBeLessThanOrEqual(value * 1.5);
  }
});

test("a line has a hole where nothing was measured, and where seconds are missing", () => {
  expect(runs(points(1, 2, null, 3)).map((run) => run.length)).toEqual([2, 1]);
  const missing: Point[] = [
    { ageSeconds: 9, value: 1 },
    { ageSeconds: 8, value: 1 },
    { ageSeconds: 2, value: 1 },
  ];
  expect(runs(missing).map((run) => run.length)).toEqual([2, 1]);
  expect(linePath(points(null, null), { seconds: 10, top: 4 })).toBe("");
});

test("a line stands in its frame: the newest at the right, the top value at the top", () => {
  expect(linePath(points(0, 2, 4), { seconds: 10, top: 4 })).toBe("M8 100L9 50L10 0");
  expect(linePath(points(null, 4), { seconds: 10, top: 4 })).toBe("M10 0h-1");
});

test("areas stand upon each other; one that is not measured has no height", () => {
  const layers = [points(1, 1), points(null, null), points(2, 1)];
  expect(stackTops(layers)).toEqual([3, 2]);
  expect(stackedPaths(layers, { seconds: 1, top: 4 })).toEqual([
    "M0 75L1 75L1 100L0 100Z",
    "M0 75L1 75L1 75L0 75Z",
    "M0 25L1 50L1 75L0 75Z",
  ]);
});

test("a second in which no stage is measured is a hole in the whole stack", () => {
  const layers = [points(1, 1, null, 1, 1), points(1, 1, null, null, null)];
  const [lower = ""] = stackedPaths(layers, { seconds: 4, top: 4 });
  expect(lower.match(/M/g)).toHaveLength(2);
});
