import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../base/random.ts";
import { ClockEstimator, type ClockSample } from "./clock-estimate.ts";

const millisecond = 1_000_000n;
const second = 1000n * millisecond;

interface Path {
  /** By a true clock. */
  readonly at: bigint;
  readonly there: bigint;
  readonly back: bigint;
  /** What the host's clock says at a true time. */
  readonly host: (trueNs: bigint) => bigint;
}

/** A round; the client's clock is the true one. */
function round({ at, there, back, host }: Path): ClockSample {
  const work = 30_000n;
  return {
    clientSentNs: at,
    hostReceivedNs: host(at + there),
    hostSentNs: host(at + there + work),
    clientReceivedNs: at + there + work + back,
  };
}

/** How far the estimate of a moment is from the truth, and what it says of that. */
function judged(estimator: ClockEstimator, at: bigint, host: Path["host"]) {
  const estimate = estimator.at(at);
  if (estimate === null) throw new Error("nothing is known");
  const wrong = Number(estimate.offsetNs - (at - host(at)));
  return { ...estimate, wrong: Math.abs(wrong), error: Number(estimate.errorNs) };
}

describe("the truth lies within the error", () => {
  test.each([
    ["with clocks that run alike", 0n],
    ["with a host's clock at 1.0005×", 500n],
    ["with a host's clock at 0.9995×", -500n],
    ["with crystals that differ by 40 parts in a million", 40n],
  ])("over asymmetric delays of 20 ± 5 ms, %s", (_name, ppm) => {
    const random = new SeededRandom(6);
    for (let run = 0; run < 100; run++) {
      const ahead = BigInt(random.below(2_000_000_000)) * 1000n;
      const host = (at: bigint) => at + ahead + (at * ppm) / 1_000_000n;
      const delay = () => BigInt(15_000_000 + random.below(10_000_000));
      const estimator = new ClockEstimator();
      for (let burst = 0n; burst < 30n; burst++) {
        for (let i = 0n; i < (burst === 0n ? 8n : 2n); i++) {
          const at = burst * 2n * second + i * 60n * millisecond;
          estimator.add(round({ at, there: delay(), back: delay(), host }));
          const { wrong, error, isSuspect } = judged(estimator, at + 60n * millisecond, host);
          expect(wrong).toBeLessThanOrEqual(error);
          expect(isSuspect).toBe(false);
        }
        const { wrong, error } = judged(estimator, burst * 2n * second + second, host);
        expect(wrong).toBeLessThanOrEqual(error);
      }
      const { error, driftPpm } = judged(estimator, 60n * second, host);
      // Half of the round trip, less what the many rounds have taught.
      expect(error).toBeLessThan(21_000_000);
      if (driftPpm !== null) expect(Math.abs(driftPpm + Number(ppm))).toBeLessThan(60);
    }
  });

  test("on a network cable it is some tens of microseconds, and the drift becomes known", () => {
    const random = new SeededRandom(7);
    const host = (at: bigint) => at + second - (at * 37n) / 1_000_000n;
    const estimator = new ClockEstimator();
    for (let burst = 0n; burst < 60n; burst++) {
      for (let i = 0n; i < 4n; i++) {
        const delay = () => BigInt(40_000 + random.below(60_000));
        const at = burst * 2n * second + i * millisecond;
        estimator.add(round({ at, there: delay(), back: delay(), host }));
      }
    }
    const { wrong, error, driftPpm } = judged(estimator, 120n * second, host);
    expect(wrong).toBeLessThanOrEqual(error);
    expect(error).toBeLessThan(100_000);
    expect(driftPpm).toBeCloseTo(37, 0);
  });
});

describe("a clock is suspect", () => {
  const delays = { there: millisecond, back: millisecond };
  const told = (estimator: ClockEstimator, host: Path["host"], from: bigint, rounds: number) => {
    for (let i = 0; i < rounds; i++) {
      estimator.add(round({ at: from + BigInt(i) * 250n * millisecond, ...delays, host }));
    }
  };

  test("when it jumps, and believed again when it has agreed with itself for some rounds", () => {
    const estimator = new ClockEstimator();
    const jumped = (at: bigint) => at + (at >= second ? 20n * millisecond : 0n);
    told(estimator, jumped, 0n, 4);
    expect(judged(estimator, second, (at) => at).isSuspect).toBe(false);
    told(estimator, jumped, second, 1);
    expect(judged(estimator, second, jumped)).toMatchObject({ isSuspect: true });
    told(estimator, jumped, second + 250n * millisecond, 8);
    const { isSuspect, wrong, error } = judged(estimator, 4n * second, jumped);
    expect([isSuspect, wrong <= error, estimator.contradictions]).toEqual([false, true, 1]);
  });

  test("when it stands still", () => {
    const estimator = new ClockEstimator();
    told(estimator, (at) => (at < second ? at : second), 0n, 12);
    expect(judged(estimator, 3n * second, (at) => at).isSuspect).toBe(true);
  });

  test("when it lies anew each time, however long that goes", () => {
    const estimator = new ClockEstimator();
    const random = new SeededRandom(3);
    let suspects = 0;
    for (let i = 0n; i < 100n; i++) {
      const lie = BigInt(random.below(1000)) * millisecond;
      const at = i * second;
      estimator.add(round({ at, ...delays, host: (time) => time + lie }));
      if (i > 3n && judged(estimator, at, (time) => time).isSuspect) suspects++;
    }
    expect(suspects).toBeGreaterThan(90);
  });

  test("when a frame came before it was sent", () => {
    const estimator = new ClockEstimator();
    told(estimator, (at) => at, 0n, 8);
    estimator.contradict();
    expect(estimator.at(2n * second)?.isSuspect).toBe(true);
  });

  test("not for rounds that can't have happened: they are counted and teach nothing", () => {
    const estimator = new ClockEstimator();
    const good = round({ at: second, ...delays, host: (at) => at });
    expect(estimator.add({ ...good, clientReceivedNs: good.clientSentNs })).toBe(false);
    expect(estimator.add({ ...good, hostSentNs: good.hostReceivedNs - 1n })).toBe(false);
    expect(estimator.at(second)).toBeNull();
    expect(estimator.add(good)).toBe(true);
    // An older echo, played back.
    expect(estimator.add(round({ at: 0n, ...delays, host: (at) => at }))).toBe(false);
    expect(estimator.impossible).toBe(3);
  });
});

test("a day of rounds loses nothing of the bounds' precision, and keeps its size", () => {
  const estimator = new ClockEstimator();
  const random = new SeededRandom(9);
  const host = (at: bigint) => at + 10n ** 18n + (at * 20n) / 1_000_000n;
  for (let i = 0n; i < 8000n; i++) {
    const delay = () => BigInt(100_000 + random.below(400_000));
    const at = i * 10n * second;
    estimator.add(round({ at, there: delay(), back: delay(), host }));
  }
  const { wrong, error, isSuspect } = judged(estimator, 79_990n * second, host);
  expect([isSuspect, wrong <= error, error < 300_000]).toEqual([false, true, true]);
});
