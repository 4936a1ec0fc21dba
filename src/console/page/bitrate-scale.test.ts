import { expect, test } from "bun:test";
import { bitrateAt, clampBitrate, sliderMax, sliderOf } from "./bitrate-scale.ts";

test("the slider reaches from 500 kbps to 2 Gbps, and never beyond", () => {
  expect([bitrateAt(0), bitrateAt(-3)]).toEqual([500, 500]);
  expect([bitrateAt(sliderMax), bitrateAt(9e9)]).toEqual([2_000_000, 2_000_000]);
  expect([sliderOf(1), sliderOf(500)]).toEqual([0, 0]);
  expect([sliderOf(2_000_000), sliderOf(9e9)]).toEqual([sliderMax, sliderMax]);
  expect([clampBitrate(3), clampBitrate(1234.6), clampBitrate(1e9)]).toEqual([
    500, 1235, 2_000_000,
  ]);
});

test("each step leads to another bitrate, of 5 to 20% more, and back to its place", () => {
  for (let place = 1; place <= sliderMax; place += 1) {
    const factor = bitrateAt(place) / bitrateAt(place - 1);
    expect(factor).toBeGreaterThan(1.05);
    expect(factor).toBeLessThan(1.2);
    expect(sliderOf(bitrateAt(place))).toBe(place);
  }
});

test("equal ways are equal factors, and what people choose by number has its place", () => {
  expect(sliderOf(10_000) - sliderOf(1000)).toBe(sliderOf(1_000_000) - sliderOf(100_000));
  for (const kbps of [5000, 10_000, 15_000, 20_000, 50_000, 80_000, 100_000, 500_000]) {
    expect(bitrateAt(sliderOf(kbps))).toBe(kbps);
  }
  expect(bitrateAt(sliderOf(84_460))).toBe(80_000);
});
