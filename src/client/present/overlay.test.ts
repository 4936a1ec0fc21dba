import { expect, test } from "bun:test";
import { byStage } from "../../base/stages.ts";
import { overlayLine, overlayText } from "./overlay.ts";

const alike = (us: number | null) => ({ p50: us, p95: us, p99: us, max: us });
const unmeasured = {
  stagesUs: byStage(() => null),
  clock: { skewCorrected: true, errorNs: 40_000, suspect: false },
};
const stream = { codec: "h264", mode: { width: 1920, height: 1080 } } as const;

test("the overlay's line tells rate, latency, loss and what is streamed", () => {
  const figures = {
    ...unmeasured,
    framesPerSecond: 59.9,
    kbps: 19_812,
    latencyUs: { p50: 4_230, p95: 9_000, p99: 12_600, max: 14_000 },
    packetLossPct: 0.25,
  };
  expect(overlayLine(figures, stream)).toBe(
    "60 fps  19.8 Mbps  4.2 ms (p99 13)  loss 0.25%  H.264 1920x1080",
  );
});

test("what was not measured is a dash, never 0", () => {
  const figures = {
    ...unmeasured,
    framesPerSecond: 0,
    kbps: null,
    latencyUs: alike(null),
    packetLossPct: null,
  };
  expect(overlayLine(figures, { ...stream, codec: "av1" })).toBe(
    "0 fps  – Mbps  – ms  loss –  AV1 1920x1080",
  );
});

test("short latencies keep two digits that matter", () => {
  const line = (us: number) =>
    overlayLine(
      { ...unmeasured, framesPerSecond: 1, kbps: 1, latencyUs: alike(us), packetLossPct: 0 },
      { ...stream, codec: "hevc" },
    );
  expect(line(850)).toContain("0.85 ms (p99 0.85)");
  expect(line(9_400)).toContain("9.4 ms");
  expect(line(120_000)).toContain("120 ms");
});

test("the stages stand below, with what the clocks' comparison is worth", () => {
  const text = (clock: Partial<typeof unmeasured.clock>) =>
    overlayText(
      {
        framesPerSecond: 60,
        kbps: 1,
        latencyUs: alike(9000),
        stagesUs: {
          ...unmeasured.stagesUs,
          encode: { p50: 3200, p95: 5000, p99: 6100, max: 24_000 },
        },
        packetLossPct: 0,
        clock: { ...unmeasured.clock, ...clock },
      },
      stream,
    ).split("\n");
  const lines = text({});
  expect(lines).toContain("ms            p50    p95    p99    max");
  expect(lines).toContain("Encode        3.2    5.0    6.1     24");
  expect(lines).toContain("Present         –      –      –      –");
  expect(lines.at(-1)).toBe("clock offset right to ± 0.04 ms");
  expect(text({ skewCorrected: false }).at(-1)).toStartWith("clocks not compared");
  const suspect = text({ skewCorrected: false, suspect: true });
  expect(suspect[0]).toContain("clock offset suspect");
  expect(suspect.at(-1)).toStartWith("clock offset suspect");
});
