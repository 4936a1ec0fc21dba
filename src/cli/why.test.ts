import { expect, test } from "bun:test";
import { byStage } from "../base/stages.ts";
import type { Why } from "../wire/management.ts";
import { whyWords } from "./why.ts";

const quick = { p50: 200, p95: 400, p99: 500, max: 900 };
const report: Why = {
  session: 7,
  side: "client",
  peer: "gaming\x1b[2Jbox",
  mode: "1280x720@60",
  seconds: 10,
  budgetUs: 16_667,
  slowest: { stage: "decode", p95Us: 25_000, budgetShare: 1.5 },
  findings: [
    {
      cause: "slow-decoder",
      detail: "Decoding takes 25 ms.",
      advice: "Use a hardware\x1b decoder.",
      weight: 0.5,
    },
  ],
  stagesUs: {
    ...byStage(() => quick),
    decode: { p50: 20_000, p95: 25_000, p99: 26_000, max: 40_000 },
    present: null,
  },
  captureToPresentedUs: null,
  clock: { skewCorrected: true, errorNs: 90_000, suspect: false },
};

test("the words name the slowest stage, the cause and what helps, and nothing that moves a cursor", () => {
  const words = whyWords(report);
  expect(words).toContain("gaming[2Jbox, 1280x720@60: the last 10 s as the client knows them");
  expect(words).toContain("takes most: 25 ms of the 17 ms that a frame has, 150%");
  expect(words).toContain("1. slow-decoder: Decoding takes 25 ms.\n     Use a hardware decoder.");
  expect(words).toMatch(/Decode +20\.0 ms +25\.0 ms +26\.0 ms +40\.0 ms +█+\+$/m);
  expect(words).toMatch(/Present +– +– +– +–$/m);
  expect(words).toContain("right to ± 0.09 ms");
  expect(words).not.toContain("\x1b");
});

test("clocks that are not known or contradict each other are said to be", () => {
  const clock = { skewCorrected: false, errorNs: null, suspect: false };
  expect(whyWords({ ...report, findings: [], clock })).toContain("Nothing is wrong.");
  expect(whyWords({ ...report, clock })).toContain("The clocks were not compared");
  const suspect = { ...clock, errorNs: 90_000, suspect: true };
  expect(whyWords({ ...report, clock: suspect })).toContain("Clock offset suspect");
});
