import { describe, expect, test } from "bun:test";
import { type Cause, diagnose, type StreamFigures } from "./bottleneck.ts";

const quick = { p50: 200, p95: 400 };

/** Ten seconds of a stream without fault. */
const smooth: StreamFigures = {
  seconds: 10,
  sourceSeconds: null,
  refreshHz: 60,
  stages: {
    queue: quick,
    encode: { p50: 3000, p95: 5000 },
    seal: quick,
    pace: quick,
    network: quick,
    reassemble: quick,
    wait: quick,
    decode: { p50: 1500, p95: 2500 },
    present: { p50: 2000, p95: 4000 },
  },
  framesCaptured: 600,
  framesReplaced: 0,
  framesSent: 600,
  sendDropped: 0,
  packetsReceived: 20_000,
  packetsLost: 0,
  packetsLate: 0,
  packetsDisordered: 0,
  socketDropped: 0,
  clientHeldUs: 0,
  framesLost: 0,
  decodeRefused: 0,
  framesDecoded: 600,
  presentReplaced: 0,
  isClockSuspect: false,
};
const slow = { p50: 20_000, p95: 25_000 };
const stage = (name: keyof StreamFigures["stages"], figures = slow) => ({
  stages: { ...smooth.stages, [name]: figures },
});

test("a stream without fault has none, and its slowest stage is named all the same", () => {
  const { findings, slowest, budgetUs } = diagnose(smooth);
  expect(findings).toEqual([]);
  expect(slowest).toEqual({ stage: "encode", p95Us: 5000, budgetShare: 5000 / budgetUs });
});

describe("what is wrong is told apart", () => {
  test.each<[Cause, Partial<StreamFigures>]>([
    ["late-source", { framesCaptured: 400, framesSent: 400, framesDecoded: 400 }],
    ["slow-encoder", { ...stage("encode"), framesReplaced: 200, framesSent: 400 }],
    ["slow-encoder", { framesReplaced: 60 }],
    ["pacing", stage("pace")],
    ["host-socket", { sendDropped: 500, packetsLost: 500 }],
    ["client-socket", { socketDropped: 500, packetsLost: 500 }],
    ["client-held", { clientHeldUs: 1_500_000, ...stage("network", { p50: 300, p95: 1_400_000 }) }],
    ["network-loss", { packetsLost: 1000 }],
    ["reorder", { packetsDisordered: 2000 }],
    ["slow-network", stage("network", { p50: 500, p95: 30_000 })],
    ["slow-network", stage("reassemble")],
    ["slow-decoder", stage("decode")],
    ["slow-decoder", stage("wait")],
    ["slow-decoder", { decodeRefused: 100, framesDecoded: 500 }],
    ["display-wait", stage("present", { p50: 30_000, p95: 34_000 })],
    ["display-wait", { presentReplaced: 300 }],
    ["clock", { isClockSuspect: true }],
  ])("%s", (cause, change) => {
    const { findings } = diagnose({ ...smooth, ...change });
    expect(findings.map((finding) => finding.cause)).toEqual([cause]);
    expect(findings[0]?.detail).toMatch(/\.$/);
    expect(findings[0]?.advice).toMatch(/\.$/);
  });
});

test("the network is not blamed for what the machines dropped themselves", () => {
  const both = { packetsLost: 1000, socketDropped: 600, sendDropped: 395 };
  const causes = diagnose({ ...smooth, ...both }).findings.map(({ cause }) => cause);
  expect(causes.toSorted()).toEqual(["client-socket", "host-socket"]);
});

test("a frame that is sent slowly is not the network's either", () => {
  const stages = { ...smooth.stages, pace: slow, reassemble: { p50: 20_100, p95: 25_100 } };
  const { findings, slowest } = diagnose({ ...smooth, stages });
  expect(findings.map(({ cause }) => cause)).toEqual(["pacing"]);
  expect(slowest?.stage).toBe("pace");
});

test("of several the one that costs most comes first", () => {
  const change = { packetsLost: 100, framesLost: 0, ...stage("decode") };
  const causes = diagnose({ ...smooth, ...change }).findings.map(({ cause }) => cause);
  expect(causes).toEqual(["slow-decoder", "network-loss"]);
});

test("what was not measured is neither praised nor blamed", () => {
  const nothing = Object.fromEntries(Object.keys(smooth).map((name) => [name, null]));
  const stages = Object.fromEntries(Object.keys(smooth.stages).map((name) => [name, null]));
  const figures = {
    ...nothing,
    seconds: 1,
    refreshHz: 60,
    sourceSeconds: null,
    stages,
    isClockSuspect: false,
  };
  expect(diagnose(figures as unknown as StreamFigures)).toMatchObject({
    slowest: null,
    findings: [],
  });
});
