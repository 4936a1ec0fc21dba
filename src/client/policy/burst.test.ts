import { expect, test } from "bun:test";
import {
  type BurstCounts,
  burstOf,
  judgeBurst,
  lossPctBearable,
  percent,
  recommendedKbps,
} from "./burst.ts";

const started = {
  type: "probeStarted",
  id: 1,
  rateKbps: 120_000,
  rateKbpsMax: 3_000_000,
  durationMs: 1000,
} as const;
/** 120 frames of 125,000 bytes. */
const result = {
  type: "probeResult",
  id: 1,
  ended: "done",
  durationMs: 1000,
  sendUs: 995_000,
  framesOffered: 120,
  framesSent: 120,
  bytesSent: 15_000_000,
  packetsSent: 12_000,
  packetsDropped: 0,
} as const;
const counts: BurstCounts = {
  packets: 12_000,
  packetsDisordered: 3,
  packetsLate: 2,
  frames: 120,
  frameBytes: 15_000_000,
  framesRecovered: 0,
  firstNs: 5_000_000_000,
  lastNs: 5_000_000_000 + (119 / 120) * 1e9,
  firstBytes: 125_000,
  jitterNs: 41_500,
  kernelDrops: 0,
  clientDrops: 0,
};

test("a burst that came whole has the rate that was asked for, and nothing is lost", () => {
  const burst = burstOf(started, result, counts);
  expect(burst).toMatchObject({
    targetKbps: 120_000,
    sentKbps: 120_000,
    throughputKbps: 120_000,
    lossPct: 0,
    jitterUs: 42,
    packets: { sent: 12_000, received: 12_000, lost: 0, late: 2, disordered: 3 },
    frames: { lost: 0 },
    drops: { sender: 0, network: 0, kernel: 0, client: 0 },
  });
  expect(judgeBurst(burst, 0)).toBe("held");
});

test("a queue on the path makes the time longer and the throughput less", () => {
  const late = { ...counts, lastNs: counts.firstNs + 2 * (119 / 120) * 1e9 };
  const burst = burstOf(started, result, late);
  expect(burst.throughputKbps).toBe(60_000);
  expect(judgeBurst(burst, 0)).toBe("network");
});

test("frames that are missing at the ends do not make the rate look higher", () => {
  const middle = { ...counts, frames: 60, frameBytes: 7_500_000, lastNs: counts.firstNs + 0.5e9 };
  const burst = burstOf(started, result, middle);
  expect(burst.throughputKbps as number).toBeLessThan(60_000);
  expect(burst.frames.lost).toBe(60);
});

test("what was lost is told by its place", () => {
  const lossy = { ...counts, packets: 11_400, kernelDrops: 500, clientDrops: 40 };
  const burst = burstOf(started, { ...result, packetsDropped: 7 }, lossy);
  expect(burst.drops).toEqual({ sender: 7, network: 60, kernel: 500, client: 40 });
  expect(burst.lossPct).toBe(5);
  expect(judgeBurst(burst, 0)).toBe("client");
  expect(judgeBurst(burst, lossPctBearable)).toBe("held");
});

test("a packet that is counted twice does not make the loss negative", () => {
  const burst = burstOf(started, result, { ...counts, packets: 12_100 });
  expect(burst.packets).toMatchObject({ received: 12_000, lost: 0 });
  expect(burst.lossPct).toBe(0);
});

test("a host that skips frames, is late, or drops packets is what limits", () => {
  const skipped = { ...result, framesSent: 100, bytesSent: 12_500_000 };
  const late = { ...result, sendUs: 1_200_000 };
  const dropped = { ...result, packetsSent: 11_000, packetsDropped: 1000 };
  for (const slow of [skipped, late, dropped]) {
    expect(judgeBurst(burstOf(started, slow, counts), 0)).toBe("host");
  }
});

test("loss that the path has at any rate is not held against this one", () => {
  const burst = burstOf(started, result, { ...counts, packets: 11_760 });
  expect(burst.lossPct).toBe(2);
  expect(judgeBurst(burst, 0)).toBe("network");
  expect(judgeBurst(burst, 3)).toBe("held");
});

test("what was not measured is null, and what never came is 0", () => {
  const nothing = { ...counts, packets: 0, frames: 0, frameBytes: 0 };
  expect(burstOf(started, result, nothing)).toMatchObject({
    throughputKbps: 0,
    lossPct: 100,
    jitterUs: null,
  });
  const unsent = { ...result, framesOffered: 1, framesSent: 0, bytesSent: 0, packetsSent: 0 };
  expect(burstOf(started, unsent, nothing)).toMatchObject({
    sentKbps: null,
    throughputKbps: null,
    lossPct: null,
  });
  expect(percent(1, 0)).toBeNull();
});

test("7/10 of the throughput are recommended, at most what a stream may have", () => {
  expect([100_000, 2_999_999, 0, null].map(recommendedKbps)).toEqual([
    70_000,
    2_000_000,
    null,
    null,
  ]);
});
