/** A gigabyte of rubbish at both UDP ports of a stream. */

import { join } from "node:path";
import { type Millis, millis } from "../../base/units.ts";
import { runClient } from "../../client/client.ts";
import type { ClientSession } from "../../client/session.ts";
import { readField } from "../../wire/layout.ts";
import { packetHeader } from "../../wire/media.ts";
import { ImpairedLink } from "../link.ts";
import { collectingHooks, testClient, withState } from "../loopback.ts";
import { residentBytes } from "../processes.ts";
import { startHostProgram } from "../program.ts";
import type { FloodOrders } from "./flooder.ts";
import { type Row, type Section, show, verdictOf } from "./row.ts";

/** Thrown at each of the three ports: host control, host media, client media. */
const bytesEach = 350_000_000;
const samplesMax = 256;
/** Before and after, so that the stream is seen to go on. */
const calmMs = 3000;
/** Three flooding processes leave host and client less than half of two cores. */
const floodFpsMin = 20;
/** A frame in flight may still take memory that it did not need before. */
const grownMbMax = 32;
const megabyte = 1_000_000;

interface Observed {
  readonly framesDuring: number;
  readonly framesAfter: number;
  readonly thrown: { readonly packets: number; readonly bytes: number };
  readonly seconds: number;
  readonly grownMb: { readonly host: number; readonly client: number };
  readonly dropped: Readonly<Record<string, number>>;
}

export const benchHostile: Section = async (progress) => {
  progress(`${(3 * bytesEach) / megabyte} MB at three ports during a 1280x720@60 stream`);
  const { observed, hostDropped } = await observeFlood();
  const { thrown, seconds, framesAfter, framesDuring, grownMb } = observed;
  const rows: Row[] = [
    {
      what: "stream under a flood",
      wanted: `≥ ${floodFpsMin} fps, ≥ 55 after`,
      seen: `${show(framesDuring / seconds, 1)} fps during, ${show(framesAfter / (calmMs / 1000), 1)} after`,
      verdict: verdictOf(
        framesDuring / seconds >= floodFpsMin && framesAfter / (calmMs / 1000) >= 55,
      ),
      method:
        `${thrown.packets} random and bit-flipped datagrams, ${show(thrown.bytes / megabyte)} MB ` +
        `in ${show(seconds)} s from three processes beside host and client`,
      figures: { framesDuring, framesAfter, seconds, ...thrown },
    },
    {
      what: "memory under a flood",
      wanted: `< ${grownMbMax} MB more`,
      seen: `host ${show(grownMb.host, 1)} MB, client ${show(grownMb.client, 1)} MB`,
      verdict: verdictOf(Math.max(grownMb.host, grownMb.client) < grownMbMax),
      method: "resident memory after the flood less before it",
      figures: { ...grownMb },
    },
    droppedRow("dropped by the host", hostDropped),
    droppedRow("dropped by the client", observed.dropped),
  ];
  return rows;
};

/** Streams through a link that keeps some packets, and floods both ends with flips of them. */
function observeFlood() {
  return withState(async (folder) => {
    const host = await startHostProgram(folder, ["--source", "synthetic"]);
    const samples: string[] = [];
    const link = await ImpairedLink.open({
      target: { host: "127.0.0.1", port: host.mediaPort },
      seed: 1,
      observe: (_direction, packet) => {
        if (samples.length < samplesMax) samples.push(Buffer.from(packet).toString("base64"));
      },
    });
    const over = new AbortController();
    const observed = Promise.withResolvers<Observed>();
    try {
      const { hooks } = collectingHooks({
        interrupted: over.signal,
        started: (session) => {
          const ports = {
            control: host.port,
            host: host.mediaPort,
            client: session.pipeline.port.port,
          };
          const watched = watch(session, { ports, samples, hostPid: host.program.process.pid });
          watched.then(observed.resolve, observed.reject).finally(() => over.abort());
        },
      });
      const client = testClient(host, { mediaPeer: { address: "127.0.0.1", port: link.port } });
      const { error } = await runClient({ ...client, durationMs: undefined }, hooks);
      if (error !== undefined && error.code !== "PF_INTERRUPTED") observed.reject(error);
      const result = await observed.promise;
      await host.program.end();
      const summary = await host.program.line("summary");
      return { observed: result, hostDropped: summary?.["dropped"] as Record<string, number> };
    } finally {
      await link.close();
      if (host.program.process.exitCode === null) await host.program.end();
    }
  });
}

async function watch(
  session: ClientSession,
  around: {
    readonly ports: {
      readonly control: number;
      readonly host: number;
      readonly client: number;
    };
    readonly samples: readonly string[];
    readonly hostPid: number;
  },
): Promise<Observed> {
  const { ports, samples, hostPid } = around;
  const frames = () => session.pipeline.decode.counters.get("frames_out");
  const memory = () => ({ host: residentBytes(hostPid), client: residentBytes(process.pid) });
  await calm();
  const before = { frames: frames(), memory: memory() };
  const orders = { bytes: bytesEach, session: tagOf(samples), samples };
  const started = performance.now();
  const thrown = await Promise.all([
    throwAt({ ...orders, port: ports.host, seed: 2 }),
    throwAt({ ...orders, port: ports.client, seed: 3 }),
    throwAt({ ...orders, port: ports.control, seed: 4 }),
  ]);
  const seconds = (performance.now() - started) / 1000;
  const after = { frames: frames(), memory: memory() };
  await calm();
  return {
    framesDuring: after.frames - before.frames,
    framesAfter: frames() - after.frames,
    thrown: thrown.reduce((sum, one) => ({
      packets: sum.packets + one.packets,
      bytes: sum.bytes + one.bytes,
    })),
    seconds,
    grownMb: {
      host: (after.memory.host - before.memory.host) / megabyte,
      client: (after.memory.client - before.memory.client) / megabyte,
    },
    dropped: dropsOf(session),
  };
}

/** The session's tag as every packet of it carries it in clear. */
function tagOf([sample]: readonly string[]): number {
  if (sample === undefined) throw new Error("no packet passed the link");
  const bytes = Buffer.from(sample, "base64");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Number(readField(view, packetHeader, "session"));
}

const calm = (ms: Millis = millis(calmMs)) => Bun.sleep(ms);

async function throwAt(orders: FloodOrders): Promise<{ packets: number; bytes: number }> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "flooder.ts")], {
    stdin: new Blob([JSON.stringify(orders)]),
    stdout: "pipe",
    stderr: "inherit",
  });
  return (await new Response(child.stdout).json()) as { packets: number; bytes: number };
}

/** What the client's port, session and receiver refused, by reason. */
function dropsOf(session: ClientSession): Record<string, number> {
  const { port, session: media, receive } = session.pipeline;
  const all = [port, media, receive].flatMap(({ counters }) => Object.entries(counters.snapshot()));
  return Object.fromEntries(all.filter(([name]) => name.startsWith("dropped_")));
}

function droppedRow(what: string, dropped: Readonly<Record<string, number>>): Row {
  const seen = Object.entries(dropped).filter(([, count]) => count > 0);
  return {
    what,
    wanted: "counted",
    seen: seen.map(([reason, count]) => `${reason.replace("dropped_", "")} ${count}`).join(", "),
    verdict: verdictOf(seen.length > 0),
    method: "datagrams by the reason for which they were refused",
    figures: dropped,
  };
}
