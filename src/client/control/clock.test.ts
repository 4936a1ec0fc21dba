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

test("closing ends the rounds at once", async () => {
  const sync = new ClockSync({ send: () => {}, nowNs: () => 0n });
  const running = sync.synchronise();
  sync.close();
  expect(await running).toBeNull();
});
