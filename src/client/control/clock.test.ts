import { expect, test } from "bun:test";
import type { MessageOf } from "../../wire/control.ts";
import { ClockSync, isLoopback } from "./clock.ts";

const millisecond = 1_000_000n;
const second = 1000n * millisecond;

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
  expect(Math.abs(Number((estimate?.offsetNs ?? 0n) + second - millisecond / 2n))).toBeLessThan(
    2000,
  );
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
    const estimate = await sync.synchronise();
    expect(Math.abs(Number((estimate?.offsetNs ?? 1n) - offset))).toBeLessThan(5000);
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

test("echoes that are played back or come late teach nothing, and a host that falls silent leaves what is known", async () => {
  let now = 0n;
  let answered = 0;
  const kept: MessageOf<"clockEcho">[] = [];
  const send = ({ id, clientNs }: MessageOf<"clockProbe">) => {
    const hostNs = clientNs + second;
    const echo = { type: "clockEcho", id, clientNs } as const;
    kept.push({ ...echo, hostReceivedNs: hostNs, hostSentNs: hostNs });
    if (++answered > 3) return;
    queueMicrotask(() => {
      now += millisecond;
      for (const old of kept) sync.take(old);
      now += second;
      for (const old of kept) sync.take(old);
    });
  };
  const sync = new ClockSync({ send, nowNs: () => now });
  const startedMs = performance.now();
  const known = await sync.synchronise();
  expect(performance.now() - startedMs).toBeLessThan(3000);
  expect([answered, known?.rttNs, known?.isSuspect]).toEqual([4, millisecond, false]);
  // The answer to the fourth, after nobody waits for it any more.
  sync.take(kept.at(-1) as MessageOf<"clockEcho">);
  expect(sync.estimate).toEqual(known);
});

test("closing ends the rounds at once", async () => {
  const sync = new ClockSync({ send: () => {}, nowNs: () => 0n });
  const running = sync.synchronise();
  sync.close();
  expect(await running).toBeNull();
});

test("following tells an offset that moves with the drift, nothing while the clocks contradict themselves, and ends at once", async () => {
  const startedAt = process.hrtime.bigint();
  const nowNs = () => process.hrtime.bigint() - startedAt;
  let jump = 0n;
  // A host whose clock is a second ahead and gains 500 parts in a million.
  const hostNs = (at: bigint) => second + jump + (at * 1_000_500n) / 1_000_000n;
  const send = ({ id, clientNs }: MessageOf<"clockProbe">) =>
    queueMicrotask(() => {
      const now = hostNs(nowNs());
      sync.take({ type: "clockEcho", id, clientNs, hostReceivedNs: now, hostSentNs: now });
    });
  const sync = new ClockSync({ send, nowNs });
  const told: (bigint | null)[] = [];
  const following = sync.follow((estimate) => {
    told.push(estimate?.offsetNs ?? null);
    // Nobody can know of a jump before the next rounds.
    if (estimate === null || jump !== 0n) return;
    const at = nowNs();
    const wrong = Number(estimate.offsetNs - (at - hostNs(at)));
    // The drift goes on while this is told.
    expect(Math.abs(wrong)).toBeLessThan(Number(estimate.errorNs) + 5000);
  });
  await Bun.sleep(600);
  const [first, last] = [told[0] as bigint, told.at(-1) as bigint];
  expect(Number(first - last)).toBeGreaterThan(150_000);
  jump = 50n * millisecond;
  await Bun.sleep(800);
  expect(told).toContain(null);
  sync.close();
  await following;
});
