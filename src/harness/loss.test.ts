import { expect, test } from "bun:test";
import { watchStream } from "./loopback.ts";
import { until } from "./processes.ts";

/** These are about times: a machine that was busy with something else gets another chance. */
const again = { retry: 2 };

test(
  "of 5% random loss at 20% parity, under 0.2% of frames are lost, each made good in 100 ms",
  async () => {
    let unreadable = -1;
    let lostShare = 0;
    const { summary } = await watchStream({ down: { loss: 0.05 }, seed: 7 }, async (watched) => {
      await Bun.sleep(5000);
      const { forwarded, lost } = watched.link.down;
      lostShare = lost / (lost + forwarded);
      unreadable = watched.tap.counters.get("markers_unreadable");
      for (const afterMs of watched.recoveries) expect(afterMs).toBeLessThanOrEqual(100);
    });
    expect(lostShare).toBeGreaterThan(0.04);
    expect(lostShare).toBeLessThan(0.06);
    const { frames } = summary;
    expect(frames.received).toBeGreaterThan(200);
    expect(frames.recovered).toBeGreaterThan(100);
    expect(frames.lost / (frames.received + frames.lost)).toBeLessThan(0.002);
    expect(unreadable).toBe(0);
  },
  again,
);

test(
  "after a burst that swallows whole frames the picture is right within 100 ms",
  async () => {
    const afterMs: number[] = [];
    const { summary } = await watchStream(
      { seed: 8 },
      async ({ link, session, tap, recoveries }) => {
        const decoded = () => session.pipeline.decode.counters.get("frames_out");
        for (let burst = 0; burst < 6; burst++) {
          await Bun.sleep(300 + 7 * burst);
          const recoveredBefore = recoveries.length;
          link.setDown({ loss: 1 });
          await Bun.sleep(60);
          link.setDown({});
          const endedAt = performance.now();
          const decodedBefore = decoded();
          await until(() => decoded() > decodedBefore + 2, "pictures after the burst");
          afterMs.push(performance.now() - endedAt);
          await until(() => recoveries.length > recoveredBefore, "the word of it");
        }
        expect(tap.counters.get("markers_unreadable")).toBe(0);
      },
    );
    expect(summary.frames.lost).toBeGreaterThan(6);
    expect(Math.max(...afterMs)).toBeLessThanOrEqual(100);
  },
  again,
);

test(
  "a network that turns packets about, doubles, delays and damages them shows no wrong picture",
  async () => {
    const down = { reorder: 0.05, duplicate: 0.05, corrupt: 0.02, jitterMs: 2, delayMs: 5 };
    let counters: Record<string, number> = {};
    const { summary } = await watchStream({ down, seed: 9 }, async ({ session, tap }) => {
      await Bun.sleep(2000);
      counters = {
        ...session.pipeline.receive.counters.snapshot(),
        ...session.pipeline.session.counters.snapshot(),
      };
      expect(tap.counters.get("markers_unreadable")).toBe(0);
    });
    // On a busy machine a packet may come so late that a keyframe is there first.
    expect(summary.frames.lost).toBeLessThan(6);
    expect(summary.frames.received).toBeGreaterThan(100);
    expect(counters["dropped_replay"]).toBeGreaterThan(0);
    expect(counters["dropped_authentication"]).toBeGreaterThan(0);
  },
  again,
);
