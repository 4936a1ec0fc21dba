import { expect, test } from "bun:test";
import { SeededRandom } from "../../base/random.ts";
import type { MessageOf } from "../../wire/control.ts";
import { ClockEstimator, type ClockSample, ClockSync, isLoopback } from "./clock.ts";

/** A round over a path of these delays, with a host whose clock is `skew` ahead. */
function sample(options: { at: bigint; there: bigint; back: bigint; skew: bigint }): ClockSample {
  const { at, there, back, skew } = options;
  const work = 30_000n;
  return {
    clientSentNs: at,
    hostReceivedNs: at + there + skew,
    hostSentNs: at + there + work + skew,
    clientReceivedNs: at + there + work + back,
  };
}

const millisecond = 1_000_000n;
const second = 1000n * millisecond;

test("the round of least round trip gives the offset, and its error covers the truth", () => {
  const random = new SeededRandom(8);
  for (let run = 0; run < 200; run++) {
    const skew = BigInt(random.below(2_000_000_000)) * 1000n - 1_000_000_000_000n;
    const estimator = new ClockEstimator();
    for (let round = 0; round < 8; round++) {
      const delay = () => BigInt(100_000 + random.below(3_000_000));
      const at = BigInt(round) * 5n * millisecond;
      estimator.add(sample({ at, there: delay(), back: delay(), skew }));
    }
    const estimate = estimator.estimate;
    const wrong = (estimate?.offsetNs as bigint) + skew;
    expect(wrong < 0n ? -wrong : wrong).toBeLessThanOrEqual(estimate?.errorNs as bigint);
    expect(estimate?.isSuspect).toBe(false);
  }
});

test("a slow round after the first ones changes nothing", () => {
  const estimator = new ClockEstimator();
  estimator.add(sample({ at: 0n, there: millisecond, back: millisecond, skew: second }));
  const before = estimator.estimate;
  const slow = sample({ at: second, there: 40n * millisecond, back: millisecond, skew: second });
  expect(estimator.add(slow)).toBe(false);
  expect(estimator.estimate).toEqual(before);
});

test("a drift of 50 parts in a million is followed and raises no suspicion", () => {
  const estimator = new ClockEstimator();
  let skew = 0n;
  for (let round = 0n; round < 60n; round++) {
    skew = (round * 10n * second * 50n) / 1_000_000n;
    const delay = 200_000n + (round % 3n) * 10_000n;
    estimator.add(sample({ at: round * 10n * second, there: delay, back: delay, skew }));
    expect(estimator.estimate?.isSuspect).toBe(false);
  }
  const wrong = (estimator.estimate?.offsetNs as bigint) + skew;
  expect(wrong < 0n ? -wrong : wrong).toBeLessThan(millisecond);
});

test("a clock that jumps is suspect, and trusted again when it agrees with itself", () => {
  const estimator = new ClockEstimator();
  const delay = { there: millisecond, back: millisecond };
  estimator.add(sample({ at: 0n, ...delay, skew: 0n }));
  estimator.add(sample({ at: second, ...delay, skew: 20n * millisecond }));
  expect(estimator.estimate?.isSuspect).toBe(true);
  estimator.add(sample({ at: 2n * second, ...delay, skew: 20n * millisecond }));
  expect(estimator.estimate?.isSuspect).toBe(false);
  expect(estimator.estimate?.offsetNs).toBe(-20n * millisecond);
});

test("an impossible round is not taken", () => {
  const estimator = new ClockEstimator();
  const good = sample({ at: 0n, there: 10n, back: 10n, skew: 0n });
  expect(estimator.add({ ...good, clientReceivedNs: 5n })).toBe(false);
  expect(estimator.add({ ...good, hostSentNs: good.hostReceivedNs - 1n })).toBe(false);
  expect(estimator.estimate).toBeNull();
});

test("eight rounds are run one after another, and stray echoes change nothing", async () => {
  let now = 0n;
  const sent: number[] = [];
  const send = ({ id, clientNs }: MessageOf<"clockProbe">) => {
    sent.push(id);
    const wrong = { type: "clockEcho", id: id + 9, clientNs, hostReceivedNs: 0n } as const;
    sync.take({ ...wrong, hostSentNs: 0n });
    queueMicrotask(() => {
      now += millisecond;
      const hostNs = clientNs + second;
      const echo = { type: "clockEcho", id, clientNs } as const;
      sync.take({ ...echo, hostReceivedNs: hostNs, hostSentNs: hostNs });
    });
  };
  const sync = new ClockSync({ send, nowNs: () => now });
  const estimate = await sync.synchronise();
  expect(sent).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(estimate?.rttNs).toBe(millisecond);
  expect(estimate?.offsetNs).toBe(-second + millisecond / 2n);
});

test("on one machine there is one clock, unless the rounds say otherwise", async () => {
  for (const [skew, offset] of [
    [0n, 0n],
    [second, -second + millisecond],
  ] as const) {
    let now = 0n;
    const send = ({ id, clientNs }: MessageOf<"clockProbe">) =>
      queueMicrotask(() => {
        now += 2n * millisecond; // all of it on the way back: half of it looks like an offset
        const hostNs = clientNs + skew;
        const times = { hostReceivedNs: hostNs, hostSentNs: hostNs };
        sync.take({ type: "clockEcho", id, clientNs, ...times });
      });
    const sync = new ClockSync({ send, nowNs: () => now, isSameMachine: true });
    expect((await sync.synchronise())?.offsetNs).toBe(offset);
  }
  expect(["127.0.0.1", "::1", "::ffff:127.0.0.5"].every(isLoopback)).toBe(true);
  expect(["192.0.2.7", "fe80::1", "127.example"].some(isLoopback)).toBe(false);
});

test("a host that never answers costs two seconds once and leaves the offset unknown", async () => {
  const sync = new ClockSync({ send: () => {}, nowNs: () => 0n });
  const startedMs = performance.now();
  expect(await sync.synchronise()).toBeNull();
  expect(performance.now() - startedMs).toBeLessThan(3000);
});

test("closing ends the rounds at once", async () => {
  const sync = new ClockSync({ send: () => {}, nowNs: () => 0n });
  const running = sync.synchronise();
  sync.close();
  expect(await running).toBeNull();
});
