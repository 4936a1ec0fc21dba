import { expect, test } from "bun:test";
import type { FrameLoss } from "../ffi/media/receive.ts";
import { checkMessage } from "../wire/control.ts";
import {
  isBeyond,
  type LossCounters,
  type LossReport,
  LossReporter,
  lossIntervalMs,
  lossReport,
} from "./loss.ts";

const zero: LossCounters = {
  atMs: 0,
  packets: 0,
  packetsLost: 0,
  packetsLate: 0,
  packetsDropped: 0,
  framesComplete: 0,
  framesRecovered: 0,
  framesLost: 0,
  shardsSettled: 0,
};
const loss = (dataCount: number, parityCount: number, lost: number): FrameLoss => ({
  frame: 1,
  dataCount,
  parityCount,
  lost,
  late: 0,
  runs: 1,
  longestRun: lost,
  tailLost: 0,
});

test("a report tells what grew, and names the frame that came closest to the end of its parity", () => {
  const later = { ...zero, atMs: 100, packets: 250, shardsSettled: 300, framesComplete: 6 };
  const losses = [loss(40, 10, 5), loss(10, 6, 4), loss(40, 10, 1)];
  const report = lossReport({ ...zero, packets: 50 }, later, losses);
  expect(report).toMatchObject({
    intervalMs: 100,
    packetsReceived: 200,
    framesComplete: 6,
    shardsSettled: 300,
    shardsLost: 10,
    lossRuns: 3,
    burstPacketsMax: 5,
    framesBeyond: 0,
    worst: { data: 10, parity: 6, lost: 4, burst: 4 },
  });
  expect(checkMessage(report).kind).toBe("message");
});

test("a frame is beyond help when half as much parity as data would not have saved it", () => {
  expect(isBeyond(loss(40, 10, 16))).toBe(false);
  expect(isBeyond(loss(40, 10, 17))).toBe(true);
  // A small one may have more than its share: what saved it was no use to others.
  expect(isBeyond(loss(1, 4, 4))).toBe(false);
  const report = lossReport(zero, { ...zero, shardsSettled: 100 }, [loss(40, 10, 30)]);
  expect(report).toMatchObject({ framesBeyond: 1, beyondSettled: 50, beyondLost: 30, worst: null });
});

test("packets that were told lost and came after all leave no less than nothing", () => {
  const report = lossReport({ ...zero, packetsLost: 5 }, { ...zero, packetsLost: 2 }, []);
  expect(report.packetsLost).toBe(0);
});

test("frames that only came late are no loss", () => {
  const late = { ...loss(40, 10, 0), late: 3, runs: 0 };
  expect(lossReport(zero, { ...zero, packetsLate: 3 }, [late])).toMatchObject({
    packetsLate: 3,
    shardsLost: 0,
    worst: null,
  });
});

test("reports come at each interval while packets come, else each second", () => {
  let now = zero;
  const sent: LossReport[] = [];
  const reporter = new LossReporter({
    counters: () => now,
    takeLosses: () => [],
    send: (report) => sent.push(report),
  });
  const pass = (packets: number) => {
    now = { ...now, atMs: now.atMs + lossIntervalMs, packets: now.packets + packets };
    reporter.tick();
  };
  for (let i = 0; i < 5; i++) pass(10);
  expect(sent.length).toBe(5);
  for (let i = 0; i < 30; i++) pass(0);
  expect(sent.slice(5).map(({ intervalMs }) => intervalMs)).toEqual([1000, 1000, 1000]);
  pass(1);
  expect(sent.at(-1)).toMatchObject({ intervalMs: 100, packetsReceived: 1 });
});
