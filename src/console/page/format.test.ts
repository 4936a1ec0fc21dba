import { expect, test } from "bun:test";
import * as format from "./format.ts";

test("a figure that was not measured is a dash, and 0 is 0", () => {
  const forms = [format.rate, format.bitrate, format.latency, format.percent, format.bytes];
  for (const form of forms) {
    expect(form(null)).toBe("–");
    expect(form(undefined)).toBe("–");
    expect(form(0)).toStartWith("0");
  }
});

test("bitrates, latencies and sizes keep three digits in the unit that people use", () => {
  expect([500, 999, 1000, 20_000, 84_460, 999_499, 1_200_000].map(format.bitrate)).toEqual([
    "500 kbps",
    "999 kbps",
    "1 Mbps",
    "20 Mbps",
    "84.5 Mbps",
    "999 Mbps",
    "1.2 Gbps",
  ]);
  expect([7, 999.4, 999.6, 4216, 16_700, 120_400].map(format.latency)).toEqual([
    "7 µs",
    "999 µs",
    "1 ms",
    "4.22 ms",
    "16.7 ms",
    "120 ms",
  ]);
  expect([12, 1500, 4_512_000_000].map(format.bytes)).toEqual(["12 bytes", "1.5 kB", "4.51 GB"]);
});

test("a loss too small for its digits is not shown as none", () => {
  expect([0, 0.004, 0.02, 9.999, 12.34, 100].map(format.percent)).toEqual([
    "0%",
    "<0.01%",
    "0.02%",
    "10%",
    "12.3%",
    "100%",
  ]);
});

test("a countdown shows 0:00 only when the time is over", () => {
  expect([120_000, 103_001, 60_000, 1, 0, -5].map(format.countdown)).toEqual([
    "2:00",
    "1:44",
    "1:00",
    "0:01",
    "0:00",
    "0:00",
  ]);
});

test("a fingerprint stands in groups of four digits", () => {
  expect(format.grouped("0123456789abcdef")).toBe("0123 4567 89ab cdef");
  expect(format.grouped("")).toBe("");
});

test("a number and its noun agree", () => {
  expect(format.plural(1, "device")).toBe("1 device");
  expect(format.plural(12_345, "packet")).toBe("12,345 packets");
});
