import { expect, test } from "bun:test";
import { perMille } from "../base/units.ts";
import { watchStream } from "./loopback.ts";
import { until } from "./processes.ts";

/** These are about times: a machine that was busy with something else gets another chance. */
const again = { retry: 2 };

test(
  "parity goes up within a second of the first loss, keeps frames whole, and comes down slowly",
  async () => {
    const host = { isParityPinned: false, parityPermille: perMille(50) };
    await watchStream({ host, seed: 11 }, async (watched) => {
      const { link, session } = watched;
      const share = () => session.host?.parityPermille ?? 0;
      const cause = () => session.host?.parityCause ?? "";
      const lost = () => session.pipeline.receive.counters.get("frames_lost");
      await until(() => cause() === "clean", "a path that is known to be clean");
      expect(share()).toBe(50);

      link.setDown({ loss: 0.08 });
      const began = performance.now();
      await until(() => share() >= 150, "more parity on a bad path");
      // The host tells its share each half second.
      expect(performance.now() - began).toBeLessThan(1500);
      const lostAtFirst = lost();
      await Bun.sleep(3000);
      expect(["random", "bursts"]).toContain(cause());
      expect(lost() - lostAtFirst).toBeLessThanOrEqual(2);
      expect(share()).toBeLessThanOrEqual(500);

      link.setDown({});
      // What was lost before is still reported.
      await Bun.sleep(700);
      const high = share();
      await Bun.sleep(1500);
      expect(share()).toBe(high);
      await until(() => share() < high, "less parity on a clean path", 10_000);
      expect(share()).toBeGreaterThan(high - 100);
    });
  },
  again,
);

test("a share that the host or the client fixed stays what it is", async () => {
  for (const [host, client] of [
    [{ isParityPinned: true }, {}],
    [{ isParityPinned: false }, { fecPermille: perMille(100) }],
  ] as const) {
    await watchStream({ host, client, down: { loss: 0.1 }, seed: 12 }, async ({ session }) => {
      await until(() => session.host !== null, "the host's figures");
      const share = session.host?.parityPermille;
      expect(session.host?.parityCause).toBe("pinned");
      await Bun.sleep(1000);
      expect(session.host?.parityPermille).toBe(share as number);
    });
  }
});
