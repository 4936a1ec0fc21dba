import { expect, test } from "bun:test";
import { join } from "node:path";
import { runClient } from "../client/client.ts";
import type { ClientSession } from "../client/session.ts";
import { parseMode } from "../wire/mode.ts";
import type { FloodOrders } from "./bench/flooder.ts";
import { ImpairedLink } from "./link.ts";
import { collectingHooks, testClient, withState } from "./loopback.ts";
import { residentBytes, until } from "./processes.ts";
import { startHostProgram } from "./program.ts";

const megabyte = 1_000_000;
const samplesMax = 128;

test("random and damaged datagrams at every port are dropped and counted, and the stream goes on", async () => {
  await withState(async (folder) => {
    const host = await startHostProgram(folder, ["--source", "synthetic", "--encoder", "software"]);
    const samples: Buffer[] = [];
    const link = await ImpairedLink.open({
      target: { host: "127.0.0.1", port: host.mediaPort },
      seed: 1,
      observe: (direction, packet) => {
        if (direction === "down" && samples.length < samplesMax) samples.push(Buffer.from(packet));
      },
    });
    const end = new AbortController();
    const { hooks, warnings } = collectingHooks({ interrupted: end.signal });
    const { promise, resolve } = Promise.withResolvers<ClientSession>();
    const options = testClient(host, {
      fingerprint: host.fingerprint,
      mode: parseMode("640x360@60"),
      mediaPeer: { address: "127.0.0.1", port: link.port },
    });
    const client = runClient({ ...options, durationMs: undefined }, { ...hooks, started: resolve });
    try {
      const session = await promise;
      const { decode, receive, port, session: media } = session.pipeline;
      const frames = () => decode.counters.get("frames_out");
      await until(() => frames() > 120 && samples.length === samplesMax, "the stream");
      const tag = (samples[0] as Buffer).readUInt32LE(4);
      const memory = () => {
        Bun.gc(true);
        return [residentBytes(host.program.process.pid), residentBytes(process.pid)] as const;
      };
      const flood = async (megabytes: number) => {
        let bytes = 0;
        for (const [seed, target] of [host.mediaPort, port.port, host.port].entries()) {
          const before = frames();
          const thrown = await throwAt({
            port: target,
            bytes: (target === host.port ? megabytes / 2 : megabytes) * megabyte,
            seed,
            session: tag,
            samples: samples.map((sample) => sample.toString("base64")),
          });
          bytes += thrown.bytes;
          await until(() => frames() > before + 30, "the stream during and after the flood");
        }
        return bytes;
      };
      // What the first packets allocate is no leak.
      await flood(1);
      // This process is the tests' too, and its heap grows by itself: a leak would be in each flood.
      const grown: (readonly [number, number])[] = [];
      for (let round = 0; round < 3; round++) {
        const [hostBefore, clientBefore] = memory();
        expect(await flood(8)).toBeGreaterThanOrEqual(20 * megabyte);
        const [hostAfter, clientAfter] = memory();
        grown.push([hostAfter - hostBefore, clientAfter - clientBefore]);
        if (Math.max(...(grown.at(-1) ?? [])) < 5 * megabyte) break;
      }
      expect(Math.min(...grown.map(([host]) => host))).toBeLessThan(5 * megabyte);
      expect(Math.min(...grown.map(([, client]) => client))).toBeLessThan(5 * megabyte);
      expect(port.counters.get("dropped_session")).toBeGreaterThan(0);
      expect(port.counters.get("dropped_plane")).toBeGreaterThan(0);
      expect(port.counters.get("dropped_short")).toBeGreaterThan(0);
      expect(media.counters.get("dropped_authentication")).toBeGreaterThan(100);
      for (const name of ["dropped_geometry", "dropped_bounds", "dropped_ahead"] as const) {
        // Nothing that is not authentic gets as far as this.
        expect([name, receive.counters.get(name)]).toEqual([name, 0]);
      }
    } finally {
      end.abort();
      const { error } = await client;
      await host.program.end();
      await link.close();
      expect(error).toBeUndefined();
      expect(warnings).toEqual([]);
    }
    const dropped = host.program.lines.at(-1)?.["dropped"] as Record<string, number>;
    for (const reason of ["plane", "short", "session", "authentication"]) {
      expect(dropped[reason]).toBeGreaterThan(0);
    }
    expect(host.program.lines.filter(({ type }) => type === "session-ended")).toHaveLength(1);
  });
});

/** From a process of its own, as a stranger would. */
async function throwAt(orders: FloodOrders): Promise<{ packets: number; bytes: number }> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "bench/flooder.ts")], {
    stdin: new Blob([JSON.stringify(orders)]),
    stdout: "pipe",
    stderr: "inherit",
  });
  return (await new Response(child.stdout).json()) as { packets: number; bytes: number };
}
