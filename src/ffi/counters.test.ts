import { ptr } from "bun:ffi";
import { expect, test } from "bun:test";
import { bucketLowUs, bucketOfUs } from "../base/stats.ts";
import { counterIndex, countersBytes, counterTables, histogramIndex } from "../wire/counters.ts";
import { Counters } from "./counters.ts";

const table = counterTables.receive;
const words = () => new BigUint64Array(countersBytes(table) / 8);

test("what days of a stream count is read exactly, beyond the size of 32 bits", () => {
  const block = words();
  const counters = new Counters(table, ptr(block));
  // Of 10 h at 2 Gbps, of a year of 10,000 packets a second, and the last that a number can tell.
  for (const total of [9_000_000_000_000n, 315_360_000_000n, 2n ** 32n, 2n ** 53n - 1n]) {
    block[counterIndex(table, "packet_bytes")] = total;
    expect(BigInt(counters.get("packet_bytes"))).toBe(total);
    expect(BigInt(counters.snapshot()["packet_bytes"] as number)).toBe(total);
    block[counterIndex(table, "packet_bytes")] = total - 1n;
    expect(BigInt(counters.get("packet_bytes"))).toBe(total - 1n);
  }
});

test("one frame more is seen in a histogram that holds ten hours of them", () => {
  const block = words();
  const counters = new Counters(table, ptr(block));
  const first = histogramIndex(table, "network_us");
  // 10 h at 240 Hz, of which each took 20 ms: the sum is beyond 32 bits.
  const frames = 10n * 3600n * 240n;
  const bucket = bucketOfUs(20_000);
  block[first] = frames;
  block[first + 1] = frames * 20_000n;
  block[first + 2] = 20_000n;
  block[first + 3 + bucket] = frames;
  const before = counters.histogram("network_us");
  expect([before.count, before.sumUs]).toEqual([8_640_000, 172_800_000_000]);
  block[first] = frames + 1n;
  block[first + 1] = frames * 20_000n + 300n;
  block[first + 3 + bucketOfUs(300)] = 1n;
  const { count, sumUs, ...latest } = counters.histogram("network_us").since(before);
  expect([count, sumUs]).toEqual([1, 300]);
  expect(latest.buckets[bucket]).toBe(0);
  const { p50, p99 } = counters.histogram("network_us").since(before).percentiles() ?? {};
  for (const figure of [p50, p99]) {
    expect(figure).toBeGreaterThanOrEqual(bucketLowUs(bucketOfUs(300)));
    expect(figure).toBeLessThan(bucketLowUs(bucketOfUs(300) + 1));
  }
});
