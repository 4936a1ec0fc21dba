/** The geometry of a chart: pure, in a box of which x is seconds and y grows downwards to 100. */
import type { Point } from "./history.ts";

/** A hole of more than this between two figures is shown as one. */
const gapSeconds = 2.5;

/** The least round number that is not below any value, at least `least`: the top of an axis. */
export function axisTop(values: readonly number[], least: number): number {
  const highest = Math.max(least, ...values);
  const decade = 10 ** Math.floor(Math.log10(highest));
  const steps = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10];
  const step = steps.find((each) => each * decade >= highest * (1 - 1e-9)) ?? 10;
  return Number((step * decade).toPrecision(3));
}

/** Runs of points without a hole, of which each has at least one. */
export function runs(points: readonly Point[]): Point[][] {
  const found: Point[][] = [];
  let before: Point | undefined;
  for (const point of points) {
    if (point.value === null) {
      before = undefined;
      continue;
    }
    const isGap = before === undefined || before.ageSeconds - point.ageSeconds > gapSeconds;
    if (isGap) found.push([]);
    found.at(-1)?.push(point);
    before = point;
  }
  return found;
}

export interface Frame {
  /** Width of the box. */
  readonly seconds: number;
  /** The value at its upper edge. */
  readonly top: number;
}

/** The path of a line; a lonely point is a dash a second long. */
export function linePath(points: readonly Point[], frame: Frame): string {
  return runs(points)
    .map((run) => {
      const [first] = run;
      if (run.length === 1 && first !== undefined) return `M${place(first, frame)}h-1`;
      return `M${run.map((point) => place(point, frame)).join("L")}`;
    })
    .join("");
}

/**
 * Paths of areas stacked upon each other, the first at the bottom. What is not measured has no
 * height; a second in which nothing of all is measured is a hole.
 */
export function stackedPaths(layers: readonly (readonly Point[])[], frame: Frame): string[] {
  const seconds = layers[0]?.map(({ ageSeconds }) => ageSeconds) ?? [];
  const floor = seconds.map(() => 0);
  const isHole = seconds.map((_, index) => layers.every((layer) => valueAt(layer, index) === null));
  return layers.map((layer) => {
    const below = seconds.map((ageSeconds, index) => edge(ageSeconds, floor, isHole, index));
    seconds.forEach((_, index) => {
      floor[index] = (floor[index] ?? 0) + (valueAt(layer, index) ?? 0);
    });
    const above = seconds.map((ageSeconds, index) => edge(ageSeconds, floor, isHole, index));
    const bottoms = runs(below);
    return runs(above)
      .map((run, index) => {
        const back = [...(bottoms[index] ?? [])].reverse();
        if (run.length < 2) return "";
        return `M${[...run, ...back].map((point) => place(point, frame)).join("L")}Z`;
      })
      .join("");
  });
}

/** The heights of the highest layer of a stack, of the seconds in which anything is measured. */
export function stackTops(layers: readonly (readonly Point[])[]): number[] {
  return (layers[0] ?? []).map((_, index) =>
    layers.reduce((sum, layer) => sum + (valueAt(layer, index) ?? 0), 0),
  );
}

const valueAt = (layer: readonly Point[], index: number) => layer[index]?.value ?? null;

const edge = (
  ageSeconds: number,
  heights: readonly number[],
  isHole: readonly boolean[],
  index: number,
): Point => ({ ageSeconds, value: isHole[index] ? null : (heights[index] ?? 0) });

function place({ ageSeconds, value }: Point, { seconds, top }: Frame): string {
  const x = seconds - ageSeconds;
  const y = 100 - (100 * Math.min(value ?? 0, top)) / top;
  return `${round(x)} ${round(y)}`;
}

const round = (value: number) => Math.round(value * 100) / 100;
