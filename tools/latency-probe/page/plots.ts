/** The four plots of the report, each of up to `curvesMax` runs that differ in their variant. */
import { stageNames, stages } from "../../../src/base/stages.ts";
import { number, ticksTo } from "../../../src/harness/axis.ts";
import { variantOf } from "../matrix.ts";
import type { Run } from "../report.ts";
import {
  anchored,
  axes,
  type BarKey,
  type Box,
  barKeys,
  curve,
  curveKeys,
  keyHeight,
  plotWidth,
  svg,
  text,
} from "./svg.ts";

const right = 22;
const rowHeight = 50;
const axisHeight = 44;

const nameOf = ({ plan }: Run) => variantOf(plan);
const ms = (us: number) => us / 1000;
const showShare = (share: number) => `${Math.round(share * 1000) / 10}%`;

/** A linear scale from 0 to the last tick. */
const scale = (ticks: readonly number[], from: number, to: number) => (value: number) =>
  from + ((to - from) * value) / (ticks.at(-1) as number);

interface RowsAxis {
  readonly most: number;
  readonly label: string;
  readonly keys: readonly BarKey[];
}

/** Bars that lie, one row a run, its name above; over all of them the keys. */
function rows(
  runs: readonly Run[],
  { most, label, keys }: RowsAxis,
  draw: (run: Run, y: number, x: (value: number) => number) => readonly string[],
): { readonly parts: string[]; readonly height: number } {
  const { parts: keyParts, height: top } = barKeys(keys);
  const box: Box = { left: 4, top, width: plotWidth - 4 - right, height: runs.length * rowHeight };
  const ticks = ticksTo(most);
  const x = scale(ticks, box.left, box.left + box.width);
  const none = { ticks: [], label: "", at: x };
  const parts = [
    ...keyParts,
    ...axes(box, { ticks, label, at: x }, none),
    ...ticks.map((value) => `<path class="grid" d="M${number(x(value))},${top}v${box.height}"/>`),
    ...runs.flatMap((run, index) => {
      const y = top + index * rowHeight;
      return [text(box.left + 6, y + 16, nameOf(run)), ...draw(run, y + 22, x)];
    }),
  ];
  return { parts, height: top + box.height + axisHeight };
}

/** What follows one another up to the picture that is seen, as far as any of these runs says. */
export const stagesOf = (runs: readonly Run[]) =>
  stageNames.filter(
    (name) => !stages[name].isAside && runs.some(({ summary }) => summary?.stagesUs[name]),
  );

/** Medians of the stages end to end; the whisker goes from the pixels' median to their p99. */
export function stagePlot(runs: readonly Run[]): string {
  const most = Math.max(
    0.1,
    ...runs.flatMap(({ summary }) => [
      ms(summary?.pixelLatencyUs?.p99 ?? 0),
      ms(summary?.stagesSumUs ?? 0),
    ]),
  );
  const shown = stagesOf(runs);
  const keys = shown.map((stage) => ({ style: stage, name: stage }));
  const label = "ms from the capture; line: pixels, p50 to p99";
  const { parts, height } = rows(runs, { most, label, keys }, ({ summary }, y, x) => {
    let from = 0;
    const bars = shown.map((stage) => {
      const us = summary?.stagesUs[stage]?.p50 ?? 0;
      const [start, end] = [x(ms(from)), x(ms(from + us))];
      from += us;
      return bar(stage, { left: start, top: y, width: end - start, height: 18 });
    });
    const pixels = summary?.pixelLatencyUs ?? null;
    if (pixels === null) return bars;
    const [middle, far] = [number(x(ms(pixels.p50))), number(x(ms(pixels.p99)))];
    const path = `M${middle},${y - 2}v22M${middle},${y + 9}H${far}M${far},${y + 3}v12`;
    return [...bars, `<path class="halo" d="${path}"/>`, `<path class="whisker" d="${path}"/>`];
  });
  return svg("Stages by run", height, parts);
}

function bar(style: string, { left, top, width, height }: Box): string {
  if (width <= 0) return "";
  const at = `x="${number(left)}" y="${number(top)}"`;
  return `<rect class="bar ${style}" ${at} width="${number(width)}" height="${height}"/>`;
}

/** What share of the pictures is seen within a time. The axis is logarithmic. */
export function distributionPlot(runs: readonly Run[]): string {
  const curves = runs.map(({ summary }) => cumulative(summary?.histogramUs ?? []));
  const all = curves.flat().map(([us]) => us);
  const low = Math.max(10, Math.min(...all, 1e6));
  const decadeLow = Math.floor(Math.log10(low / 1000));
  const decadeHigh = Math.max(decadeLow + 1, Math.ceil(Math.log10(Math.max(...all, 1) / 1000)));
  const box: Box = { left: 50, top: 10, width: plotWidth - 50 - right, height: 220 };
  const at = (value: number) =>
    box.left + (box.width * (Math.log10(value) - decadeLow)) / (decadeHigh - decadeLow);
  const y = (share: number) => box.top + box.height * (1 - share);
  const decades = Array.from({ length: decadeHigh - decadeLow + 1 }, (_, i) => decadeLow + i);
  const factors = decades.length > 3 ? [1] : [1, 2, 5];
  const ticks = decades
    .flatMap((decade) => factors.map((factor) => Number((factor * 10 ** decade).toPrecision(3))))
    .filter((tick) => tick <= 10 ** decadeHigh);
  const parts = [
    ...axes(
      box,
      { ticks, label: "capture to pixels, ms", at },
      { ticks: [0, 0.25, 0.5, 0.75, 1], label: "pictures within", at: y, show: showShare },
    ),
    ...curves.map((points, index) => {
      const first = points[0];
      const start = first === undefined ? [] : [[at(ms(Math.max(first[0], low))), y(0)] as const];
      // A step for each bucket: within it, nothing is known.
      const steps = points.flatMap(([us, share], i) => {
        const before = y(i === 0 ? 0 : (points[i - 1]?.[1] ?? 0));
        const across = at(ms(Math.max(us, low)));
        return [[across, before] as const, [across, y(share)] as const];
      });
      return curve(index, [...start, ...steps]);
    }),
  ];
  const keysTop = box.top + box.height + axisHeight + 14;
  const keys = curveKeys(runs.map(nameOf), keysTop, box.left);
  const height = keysTop + runs.length * keyHeight;
  return svg("Distribution of the pixel latency", height, [...parts, ...keys]);
}

/** The share of samples up to each bucket, from a sparse histogram. */
export function cumulative(
  histogram: readonly (readonly [lowUs: number, count: number])[],
): [us: number, share: number][] {
  const total = histogram.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  return histogram.map(([lowUs, count]) => {
    seen += count;
    return [lowUs, seen / total];
  });
}

/** The median of each second. */
export function secondsPlot(runs: readonly Run[]): string {
  const values = runs.flatMap(({ seconds }) => seconds.map(({ latencyUs }) => latencyUs.p50 ?? 0));
  const longest = Math.max(2, ...runs.map(({ seconds }) => seconds.length));
  const box: Box = { left: 50, top: 10, width: plotWidth - 50 - right, height: 190 };
  const yTicks = ticksTo(Math.max(0.1, ...values.map(ms)), 4);
  const at = (second: number) => box.left + (box.width * (second - 1)) / (longest - 1);
  const y = scale(yTicks, box.top + box.height, box.top);
  const step = Math.max(1, (ticksTo(longest)[1] as number) | 0);
  const ticks = Array.from({ length: Math.ceil(longest / step) }, (_, i) => 1 + i * step);
  const parts = [
    ...axes(
      box,
      { ticks: ticks.filter((second) => second <= longest), label: "second of the run", at },
      { ticks: yTicks, label: "p50 of the second, ms", at: y },
    ),
    ...runs.flatMap(({ seconds }, index) => {
      const points = seconds.map(({ latencyUs }, second) =>
        latencyUs.p50 === null ? null : ([at(second + 1), y(ms(latencyUs.p50))] as const),
      );
      const dots = points.flatMap((point) =>
        point === null
          ? []
          : [
              `<circle class="dot c${index}" cx="${number(point[0])}" cy="${number(point[1])}" r="2.5"/>`,
            ],
      );
      return [curve(index, points), ...dots];
    }),
  ];
  const keysTop = box.top + box.height + axisHeight + 14;
  const keys = curveKeys(runs.map(nameOf), keysTop, box.left);
  return svg("Latency by second", keysTop + runs.length * keyHeight, [...parts, ...keys]);
}

export interface LossShares {
  readonly packetsLost: number | null;
  readonly framesRecovered: number | null;
  readonly framesLost: number | null;
}

/** In percent; null = nothing was counted. */
export function lossShares({ summary }: Run): LossShares {
  const share = (part: number, whole: number) => (whole === 0 ? null : (100 * part) / whole);
  if (summary === null) return { packetsLost: null, framesRecovered: null, framesLost: null };
  const { frames, packets } = summary;
  const sent = frames.received + frames.lost;
  return {
    packetsLost: share(packets.lost, packets.received + packets.lost),
    framesRecovered: share(frames.recovered, sent),
    framesLost: share(frames.lost, sent),
  };
}

/** What the path lost, what parity rebuilt, and what was lost for good. */
export function lossPlot(runs: readonly Run[]): string {
  const shares = runs.map(lossShares);
  const most = Math.max(1, ...shares.flatMap((one) => Object.values(one).map((v) => v ?? 0)));
  const keys = [
    { style: "packets", name: "packets lost" },
    { style: "rebuilt", name: "frames rebuilt" },
    { style: "gone", name: "frames lost" },
  ];
  const label = "percent of the packets, of the frames";
  const { parts, height } = rows(runs, { most, label, keys }, (run, y, x) => {
    const { packetsLost, framesRecovered, framesLost } = lossShares(run);
    return [packetsLost, framesRecovered, framesLost].flatMap((value, index) => {
      const style = keys[index]?.style as string;
      const top = y + index * 8;
      return [bar(style, { left: 4, top, width: x(value ?? 0) - 4, height: 7 })];
    });
  });
  return svg("Loss and recovery by run", height, parts);
}

/** A word where there is nothing to plot. */
export const nothing = (words: string) =>
  svg(words, 60, [text(plotWidth / 2, 34, words, anchored("middle"))]);
