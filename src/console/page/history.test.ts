import { expect, test } from "bun:test";
import type { Figures } from "../../wire/management.ts";
import { figuresSample } from "../host.testing.ts";
import { History, windowSeconds } from "./history.ts";

const start = Date.parse("2026-01-01T00:00:00Z");
const figures = (second: number, change: Partial<Figures> = {}): Figures => ({
  ...figuresSample(new Date(start + second * 1000), () => 0.5),
  ...change,
});

test("points tell how old they are, and only the window is kept", () => {
  const history = new History();
  for (let second = 0; second < windowSeconds + 30; second += 1) {
    history.add(figures(second, { bitrateKbps: second }));
  }
  const points = history.points("bitrate");
  expect(points).toHaveLength(windowSeconds + 1);
  expect(points[0]).toEqual({ ageSeconds: windowSeconds, value: 29 });
  expect(points.at(-1)).toEqual({ ageSeconds: 0, value: windowSeconds + 29 });
});

test("the same second counts once, and a clock that was set back starts anew", () => {
  const history = new History();
  history.add(figures(50));
  history.add(figures(50));
  expect(history.points("sent")).toHaveLength(1);
  history.add(figures(3));
  expect(history.points("sent")).toEqual([{ ageSeconds: 0, value: 60 }]);
});

test("what was not measured does not weigh in a summary, and is never 0", () => {
  const history = new History();
  const losses = [2, null, 4, null];
  losses.forEach((lossPct, second) => {
    history.add(figures(second, { lossPct, captureToPresentedUs: null }));
  });
  expect(history.summary("loss")).toEqual({ now: null, lowest: 2, mean: 3, highest: 4 });
  expect(history.summary("whole")).toEqual({
    now: null,
    lowest: null,
    mean: null,
    highest: null,
  });
});
