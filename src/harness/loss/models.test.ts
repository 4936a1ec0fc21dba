import { expect, test } from "bun:test";
import { SeededRandom } from "../../base/random.ts";
import {
  delayMsMax,
  type LinkModelName,
  type LinkShape,
  linkModelNames,
  linkModels,
} from "./models.ts";

const shape: LinkShape = {
  burstPackets: 8,
  holdMs: 3,
  jitterMs: 5,
  queueMs: 20,
  intervalMs: 20,
};
const packetBytes = 1000;
const perFrame = 500;

interface Arrival {
  readonly frame: number;
  readonly index: number;
  readonly delayNs: number;
  readonly bytes: number;
}

/** Frames of 500 packets that leave a microsecond apart. */
function play(
  name: LinkModelName,
  share: number,
  options: { seed?: number; frames?: number; shape?: Partial<LinkShape> } = {},
) {
  const frames = options.frames ?? 200;
  const random = new SeededRandom(options.seed ?? 1);
  const link = linkModels[name].open(share, { ...shape, ...options.shape }, random);
  const arrivals: Arrival[] = [];
  const lostPerFrame: number[] = [];
  for (let frame = 0; frame < frames; frame++) {
    const beginNs = frame * shape.intervalMs * 1e6;
    const atNs = Float64Array.from({ length: perFrame }, (_, i) => beginNs + i * 1000);
    const lost = link({ count: perFrame, packetBytes, atNs }, (index, at, bytes) =>
      arrivals.push({ frame, index, delayNs: at - (atNs[index] as number), bytes }),
    );
    lostPerFrame.push(lost);
  }
  const sent = frames * perFrame;
  const lost = lostPerFrame.reduce((sum, count) => sum + count, 0);
  return { arrivals, lostPerFrame, sent, lost, lostShare: lost / sent };
}

/** Lengths of the runs of packets that never came. */
function runsOf({ arrivals, sent }: ReturnType<typeof play>): number[] {
  const came = new Set(arrivals.map(({ frame, index }) => frame * perFrame + index));
  const runs: number[] = [];
  for (let i = 0, run = 0; i <= sent; i++) {
    if (i < sent && !came.has(i)) run++;
    else if (run > 0) {
      runs.push(run);
      run = 0;
    }
  }
  return runs;
}

const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

test("every model gives the same fates for the same seed", () => {
  for (const name of linkModelNames) {
    expect(play(name, 0.1, { frames: 5 })).toEqual(play(name, 0.1, { frames: 5 }));
  }
  for (const name of ["iid", "ge", "reorder", "duplicate", "jitter", "truncate"] as const) {
    expect(play(name, 0.1, { frames: 5 })).not.toEqual(play(name, 0.1, { frames: 5, seed: 2 }));
  }
});

test("a share of 0 leaves every packet alone", () => {
  for (const name of linkModelNames) {
    const { arrivals, lost, sent } = play(name, 0, { frames: 5 });
    expect(lost).toBe(0);
    expect(arrivals.length).toBe(sent);
    expect(arrivals.every(({ bytes }) => bytes === packetBytes)).toBe(true);
    if (name !== "rate") expect(arrivals.every(({ delayNs }) => delayNs === 0)).toBe(true);
  }
});

test("a share of 1 leaves no whole packet of those that lose", () => {
  for (const name of ["iid", "ge", "rate", "truncate", "tail"] as const) {
    const { lost, sent, arrivals } = play(name, 1, { frames: 5 });
    expect(lost).toBe(sent);
    expect(arrivals.filter(({ bytes }) => bytes === packetBytes)).toEqual([]);
  }
});

test("iid loses its share, one packet by itself", () => {
  const played = play("iid", 0.05);
  expect(played.lostShare).toBeCloseTo(0.05, 2);
  expect(mean(runsOf(played))).toBeCloseTo(1 / 0.95, 1);
});

test.each([
  [0.02, 4],
  [0.1, 8],
  [0.1, 30],
])("ge loses a share of %p in bursts of %p on average", (share, burstPackets) => {
  const played = play("ge", share, { frames: 1000, shape: { burstPackets } });
  expect(Math.abs(played.lostShare / share - 1)).toBeLessThan(0.1);
  expect(Math.abs(mean(runsOf(played)) / burstPackets - 1)).toBeLessThan(0.1);
});

test("ge keeps its share where bursts can't be as short as asked for", () => {
  const played = play("ge", 0.8, { shape: { burstPackets: 1 } });
  expect(played.lostShare).toBeCloseTo(0.8, 1);
  expect(mean(runsOf(played))).toBeCloseTo(4, 0);
});

test("reorder holds its share back for the given time and loses none", () => {
  const { arrivals, lost, sent } = play("reorder", 0.1);
  expect([lost, arrivals.length]).toEqual([0, sent]);
  const held = arrivals.filter(({ delayNs }) => delayNs > 0);
  expect(held.length / sent).toBeCloseTo(0.1, 2);
  expect(held.every(({ delayNs }) => Math.abs(delayNs - 3e6) < 1)).toBe(true);
});

test("duplicate brings its share twice", () => {
  const { arrivals, lost, sent } = play("duplicate", 0.1);
  expect(lost).toBe(0);
  expect(arrivals.length / sent).toBeCloseTo(1.1, 2);
  expect(new Set(arrivals.map(({ frame, index }) => `${frame} ${index}`)).size).toBe(sent);
});

test("jitter delays its share, by up to its time, evenly", () => {
  const { arrivals, lost, sent } = play("jitter", 0.5);
  expect([lost, arrivals.length]).toEqual([0, sent]);
  const late = arrivals.filter(({ delayNs }) => delayNs > 0).map(({ delayNs }) => delayNs);
  expect(late.length / sent).toBeCloseTo(0.5, 2);
  expect(Math.max(...late.slice(0, 10_000))).toBeLessThanOrEqual(5e6 + 1);
  expect(mean(late) / 1e6).toBeCloseTo(2.5, 1);
});

test("rate carries what it has, in order, keeps its queue short and drops the tail", () => {
  const { arrivals, lostShare, lostPerFrame } = play("rate", 0.2);
  expect(lostShare).toBeCloseTo(0.2, 1);
  expect(Math.max(...arrivals.map(({ delayNs }) => delayNs))).toBeLessThanOrEqual(20e6);
  const times = arrivals.map(({ frame, index, delayNs }) => frame * 20e6 + index * 1000 + delayNs);
  expect(times.every((at, i) => i === 0 || at >= (times[i - 1] as number))).toBe(true);
  // The first ones find the room that the queue made since the frame before.
  const one = arrivals.filter(({ frame }) => frame === 150).map(({ index }) => index);
  expect(one.length).toBe(perFrame - (lostPerFrame[150] as number));
  expect(one.slice(0, 390)).toEqual(Array.from({ length: 390 }, (_, i) => i));
});

test("truncate cuts its share to any length", () => {
  const { arrivals, lost, lostShare, sent } = play("truncate", 0.1);
  expect(lostShare).toBeCloseTo(0.1, 2);
  expect(arrivals.length).toBe(sent);
  const cut = arrivals.filter(({ bytes }) => bytes < packetBytes).map(({ bytes }) => bytes);
  expect(cut.length).toBe(lost);
  expect(mean(cut)).toBeCloseTo(packetBytes / 2, -2);
});

test("tail loses the last packets of each frame, also less than one on average", () => {
  const { arrivals, lostPerFrame } = play("tail", 0.021);
  expect(new Set(lostPerFrame)).toEqual(new Set([10, 11]));
  expect(mean(lostPerFrame)).toBeCloseTo(10.5, 0);
  const first = arrivals.filter(({ frame }) => frame === 0).map(({ index }) => index);
  expect(first).toEqual(first.map((_, i) => i));
});

test("no packet is later than its model says", () => {
  for (const name of linkModelNames) {
    const { arrivals } = play(name, 0.3, { frames: 20 });
    const latest = Math.max(...arrivals.map(({ delayNs }) => delayNs));
    expect(latest).toBeLessThanOrEqual(delayMsMax(name, shape) * 1e6 + 1);
  }
});
