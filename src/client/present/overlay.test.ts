import { expect, test } from "bun:test";
import { overlayLine } from "./overlay.ts";

const stream = { codec: "h264", mode: { width: 1920, height: 1080 } } as const;

test("the overlay's line tells rate, latency, loss and what is streamed", () => {
  const figures = {
    framesPerSecond: 59.9,
    kbps: 19_812,
    latencyUs: { p50: 4_230, p99: 12_600 },
    packetLossPct: 0.25,
  };
  expect(overlayLine(figures, stream)).toBe(
    "60 fps  19.8 Mbps  4.2 ms (p99 13)  loss 0.25%  H.264 1920x1080",
  );
});

test("what was not measured is a dash, never 0", () => {
  const figures = {
    framesPerSecond: 0,
    kbps: null,
    latencyUs: { p50: null, p99: null },
    packetLossPct: null,
  };
  expect(overlayLine(figures, { ...stream, codec: "av1" })).toBe(
    "0 fps  – Mbps  – ms  loss –  AV1 1920x1080",
  );
});

test("short latencies keep two digits that matter", () => {
  const line = (us: number) =>
    overlayLine(
      { framesPerSecond: 1, kbps: 1, latencyUs: { p50: us, p99: us }, packetLossPct: 0 },
      { ...stream, codec: "hevc" },
    );
  expect(line(850)).toContain("0.85 ms (p99 0.85)");
  expect(line(9_400)).toContain("9.4 ms");
  expect(line(120_000)).toContain("120 ms");
});
