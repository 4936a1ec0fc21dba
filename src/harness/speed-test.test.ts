import { expect, test } from "bun:test";
import { kbps, millis } from "../base/units.ts";
import { runSpeedTest, type SpeedTestHooks } from "../client/speed-test.ts";
import { limit } from "../wire/limits.ts";
import { Ends, welcome } from "./control-ends.ts";
import { ImpairedLink } from "./link.ts";
import { startTestHost, watchStream, withState } from "./loopback.ts";
import { until } from "./processes.ts";

const watch = () => {
  const held: boolean[] = [];
  const rates: number[] = [];
  return {
    held,
    rates,
    progress: () => {},
    step: (burst: { readonly targetKbps: number }, isHeld: boolean) => {
      rates.push(burst.targetKbps);
      held.push(isHeld);
    },
  };
};

const quietHooks = (): SpeedTestHooks & ReturnType<typeof watch> => ({
  ...watch(),
  interrupted: new AbortController().signal,
  confirmFingerprint: undefined,
  info: () => {},
  warn: () => {},
});

test("a stream is paused for a speed test and goes on afterwards, and loses nothing", async () => {
  const { summary, reports } = await watchStream({}, async ({ session, tap }) => {
    const { receive, decode } = session.pipeline;
    await until(() => decode.counters.get("frames_out") > 20, "a stream");
    const delivered: number[] = [];
    const outcome = await session.testSpeed(
      { rate: kbps(20_000), duration: millis(1000) },
      {
        progress: () => delivered.push(receive.counters.get("frames_delivered")),
        step: () => {},
      },
    );
    // A busy machine may still deliver what was encoded before; a stream would have given 48.
    expect(delivered.length).toBeGreaterThan(2);
    const late = (delivered.at(-1) as number) - (delivered[0] as number);
    expect(late).toBeLessThanOrEqual(limit("send_queue_count"));
    expect(outcome.limitedBy).toBe("rate");
    expect(outcome.burst.frames).toMatchObject({ offered: 120, lost: 0 });
    expect(outcome.burst.packets.lost).toBe(0);
    const shown = decode.counters.get("frames_out");
    await until(() => decode.counters.get("frames_out") > shown + 20, "the stream to go on");
    // Newer than before, and legible.
    expect(tap.take()?.marker).toBeDefined();
    expect(tap.counters.get("markers_unreadable")).toBe(0);
    expect(decode.counters.get("failures")).toBe(0);
    expect(receive.counters.get("frames_lost")).toBe(0);
    expect(receive.counters.get("stalls")).toBe(0);
  });
  expect(summary.frames.lost).toBe(0);
  expect(summary.packets.lost).toBe(0);
  // The pause is no latency of the stream.
  expect(summary.latencyUs.captureToDecoded?.max as number).toBeLessThan(900_000);
  expect(reports.find(({ type }) => type === "speed-tested")).toMatchObject({
    bursts: 1,
    rateKbps: 20_000,
    packetsDropped: 0,
  });
});

// A busy machine may send pictures late, and so into the bad path: it gets another chance.
test(
  "what a speed test loses is no loss of the stream",
  async () => {
    const { summary } = await watchStream({}, async ({ session, link }) => {
      const { receive, decode } = session.pipeline;
      await until(() => decode.counters.get("frames_out") > 10, "a stream");
      // A busy machine may still send what was encoded before: the path is bad from when that is over.
      let delivered = -1;
      const outcome = await session.testSpeed(
        { rate: kbps(5000), duration: millis(1000) },
        {
          progress: () => {
            const now = receive.counters.get("frames_delivered");
            if (now === delivered) link.setDown({ loss: 0.1 });
            delivered = now;
          },
          step: () => {},
        },
      );
      link.setDown({});
      expect(outcome.burst.packets.lost).toBeGreaterThan(0);
      expect(outcome.burst.drops.network).toBe(outcome.burst.packets.lost);
      const shown = decode.counters.get("frames_out");
      await until(() => decode.counters.get("frames_out") > shown + 10, "the stream to go on");
    });
    expect(summary.packets.lost).toBe(0);
  },
  { retry: 2 },
);

test("a client that only tests gets no desktop, and the rate that its path carries", async () => {
  await withState(async () => {
    const reports: { readonly type: string }[] = [];
    const host = await startTestHost([], {
      probeRateMax: kbps(40_000),
      onReport: (report) => reports.push(report),
    });
    try {
      const hooks = quietHooks();
      const { summary, error } = await runSpeedTest(
        {
          host: "127.0.0.1",
          port: host.port,
          fingerprint: host.fingerprint,
          rate: null,
          duration: millis(300),
        },
        hooks,
      );
      expect(error).toBeUndefined();
      expect(hooks.rates).toEqual([20_000, 40_000, 40_000]);
      expect(summary).toMatchObject({
        type: "summary",
        requestedKbps: null,
        targetKbps: 40_000,
        limitedBy: "clamp",
        sendDropped: 0,
        bursts: 3,
      });
      expect(summary?.recommendedKbps as number).toBeCloseTo(28_000, -4);
    } finally {
      await host.stop("shutting-down");
    }
    expect(reports.map(({ type }) => type)).toEqual(["ready", "note", "speed-tested", "summary"]);
  });
});

test(
  "a burst that a path can't carry is ended early, and says what came through",
  async () => {
    await withState(async () => {
      const host = await startTestHost([]);
      const link = await ImpairedLink.open({
        target: { host: "127.0.0.1", port: host.mediaPort },
        down: { loss: 0.7 },
        seed: 3,
      });
      try {
        const { summary, error } = await runSpeedTest(
          {
            host: "127.0.0.1",
            port: host.port,
            fingerprint: host.fingerprint,
            rate: kbps(10_000),
            duration: millis(5000),
            mediaPeer: { address: "127.0.0.1", port: link.port },
          },
          quietHooks(),
        );
        expect(error).toBeUndefined();
        expect(summary?.limitedBy).toBe("network");
        expect(summary?.lossPct as number).toBeGreaterThan(50);
        expect(summary?.durationMs as number).toBeLessThan(2000);
      } finally {
        await link.close();
        await host.stop("shutting-down");
      }
    });
    // It is about times: a machine that was busy with something else gets another chance.
  },
  { retry: 2 },
);

test("a host that no media packet reaches says so, and the client names the port", async () => {
  await withState(async () => {
    const host = await startTestHost([]);
    try {
      const { error, summary } = await runSpeedTest(
        {
          host: "127.0.0.1",
          port: host.port,
          fingerprint: host.fingerprint,
          rate: kbps(10_000),
          duration: null,
          mediaPeer: { address: "127.0.0.1", port: 9 },
        },
        quietHooks(),
      );
      expect(summary).toBeUndefined();
      expect(error?.code).toBe("PF_HOST_UNREACHABLE");
      expect(error?.sentence()).toContain(`UDP port ${host.mediaPort}`);
    } finally {
      await host.stop("shutting-down");
    }
  });
});

test("a host that does not know the request is told from one that is not there", async () => {
  await withState(async () => {
    await using stack = new AsyncDisposableStack();
    const ends = await Ends.open();
    stack.defer(() => ends.close());
    const host = stack.use(await ends.host());
    const testing = runSpeedTest(
      {
        host: "127.0.0.1",
        port: host.port,
        fingerprint: ends.identity.fingerprint,
        rate: null,
        duration: null,
      },
      quietHooks(),
    );
    const { connection, hello } = await host.next();
    expect(hello.purpose).toBe("probe");
    connection.send(welcome);
    const { error, summary } = await testing;
    expect(summary).toBeUndefined();
    expect(error?.code).toBe("PF_PROTOCOL_VERSION");
    expect(error?.sentence()).toContain("does not know speed tests");
  });
});
