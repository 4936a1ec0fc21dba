/** A client that floods the host with input does no harm to the desktop, and leaves nothing down. */
import { expect, test } from "bun:test";
import { chmod, cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { swayInstalled, testProgram } from "../host/displays/desktop.fixture.ts";
import { until } from "./processes.ts";
import { TestDevice, withTrustHost } from "./trust-ends.ts";

const floods = 12;
const messagesPerFlood = 2500;

test.skipIf(!swayInstalled)(
  "a flood of input is bounded, and no key, button or finger stays down when it is cut off",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "punktfunk-flood-"));
    // The desktop's user writes here.
    await chmod(folder, 0o777);
    const program = join(folder, "desktop_client");
    await cp(testProgram("desktop_client"), program);
    const file = join(folder, "lines");
    const app = `${program} still > ${file}`;
    const lines = async () => (await readFile(file, "utf8").catch(() => "")).split("\n");
    try {
      await withTrustHost(
        async (host) => {
          const device = new TestDevice();
          await device.pairWith(host, "play");
          const connection = await device.greet(host, { purpose: null });
          await connection.receive(["welcome"], 20_000);
          connection.onMessage(() => {});
          connection.send({ type: "start" });
          await until(async () => (await lines()).includes("focus"), "the application", 10_000);
          for (let flood = 0; flood < floods; flood++) {
            for (let i = 0; i < messagesPerFlood; i += 5) {
              const at = (i * 7919) % 65_536;
              connection.send({ type: "key", usage: 4 + (i % 26), down: i % 3 !== 0 });
              connection.send({ type: "button", button: 1 + (i % 5), down: i % 2 === 0 });
              connection.send({ type: "motion", dx: 32_768, dy: -32_768 });
              connection.send({ type: "scroll", h: 32_767, v: -32_768 });
              const phase = i % 4 === 0 ? "down" : "move";
              connection.send({ type: "touch", finger: i % 16, phase, x: at, y: at });
            }
            // The stream's own flow control is not what is tried here.
            await Bun.sleep(20);
          }
          connection.send({ type: "key", usage: 29, down: true });
          expect(connection.isOpen).toBe(true);
          await connection.close("done");
          await until(() => host.managed.sessions().length === 0, "the end of the session");
        },
        { source: "sway", app },
      );
      const held = new Map<string, boolean>();
      let edges = 0;
      for (const line of await lines()) {
        const [, which, down] = /^((?:key|button) \d+) ([01])$/.exec(line) ?? [];
        if (which === undefined) continue;
        edges++;
        expect(held.get(which) ?? false).toBe(down === "0");
        held.set(which, down === "1");
      }
      expect([...held].filter(([, isDown]) => isDown)).toEqual([]);
      // 400 presses at once and 200 a second, each with its release.
      expect(edges).toBeWithin(50, 4000);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
  30_000,
);
