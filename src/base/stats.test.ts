import { expect, test } from "bun:test";
import { bucketLowUs, bucketOfUs, Histogram, histogramBuckets } from "./stats.ts";

test("every bucket begins where bucketOfUs first names it", () => {
  for (let i = 0; i < histogramBuckets; i++) {
    expect(bucketOfUs(bucketLowUs(i))).toBe(i);
    if (i > 0) expect(bucketOfUs(bucketLowUs(i) - 1)).toBe(i - 1);
  }
});

test("a value beyond the last bucket is counted in it", () => {
  expect(bucketOfUs(2 ** 40)).toBe(histogramBuckets - 1);
});

test("percentiles lie within 3% of the exact ones", () => {
  const histogram = new Histogram();
  for (let us = 1; us <= 10_000; us++) histogram.record(us);
  for (const share of [0.1, 0.5, 0.95, 0.99]) {
    const exact = share * 10_000;
    expect(Math.abs((histogram.percentileUs(share) as number) - exact)).toBeLessThan(exact * 0.035);
  }
  expect(histogram.percentileUs(1) as number).toBeLessThanOrEqual(10_000);
});

test("an empty histogram has no percentiles", () => {
  expect(new Histogram().percentileUs(0.5)).toBeNull();
  expect(new Histogram().percentiles()).toBeNull();
});

test("since leaves what came later", () => {
  const histogram = new Histogram();
  histogram.record(10);
  const earlier = new Histogram(1, 10, 10, histogram.buckets.slice());
  histogram.record(20);
  const later = histogram.since(earlier);
  expect(later.count).toBe(1);
  expect(later.percentileUs(0.5) as number).toBe(20);
});

test("the maximum of what came later is not that of before", () => {
  const histogram = new Histogram();
  histogram.record(90_000);
  const earlier = new Histogram().plus(histogram);
  histogram.record(1000);
  const { maxUs } = histogram.since(earlier);
  expect(maxUs).toBeGreaterThanOrEqual(1000);
  expect(maxUs).toBeLessThan(1040);
  expect(histogram.since(histogram).maxUs).toBe(0);
});
