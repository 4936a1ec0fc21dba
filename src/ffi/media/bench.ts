/**
 * Measures the data plane by itself: access units through sender, loopback and receiver in one
 * process, without an encoder and without JavaScript in between. Run with nothing else running.
 */
import { PfError } from "../../base/errors.ts";
import { limit } from "../../wire/limits.ts";
import { packetHeader, sealTagBytes, shardHeader } from "../../wire/media.ts";
import { nativeProgram } from "../build.ts";
import { measureSeal, type SealFigure } from "../seal/bench.ts";

export { measureSeal } from "../seal/bench.ts";

export interface MediaBench {
  readonly frames: number;
  readonly delivered: number;
  readonly recovered: number;
  readonly seconds: number;
  /** Of access units, so without headers and parity, by the clock on the wall. */
  readonly gbps: number;
  /** What the sender's threads used of a processor, and the access units by that time: what one
   * core sends. */
  readonly sendCpuSeconds: number;
  readonly sendCpuPercent: number;
  readonly sendGbps: number;
  /** The same of the receiver's thread. */
  readonly receiveCpuSeconds: number;
  readonly receiveCpuPercent: number;
  readonly receiveGbps: number;
  /** Medians: push to first burst sent, first packet received to complete. */
  readonly sealUs: number;
  readonly reassembleUs: number;
  readonly packets: number;
  /** Dropped before they were opened, because the bench was told to. */
  readonly packetsDropped: number;
  readonly packetsLost: number;
  readonly kernelDrops: number;
  /** Push into the sender to delivery by the receiver. */
  readonly latencyUs: Readonly<Record<"p50" | "p95" | "p99" | "max", number>>;
}

export interface MediaBenchOptions {
  readonly frameBytes: number;
  readonly frames: number;
  /** 0 = as fast as it goes with four frames on their way. */
  readonly intervalMs: number;
  /** Paced as a stream of this rate; default: not paced. */
  readonly kbps?: number;
  /** Of 1,000 packets, dropped before they are opened. */
  readonly lossPermille?: number;
  readonly noGso?: boolean;
  readonly noGro?: boolean;
  readonly v6?: boolean;
}

export async function benchMedia(options: MediaBenchOptions): Promise<MediaBench> {
  const program = nativeProgram("release", "test/media_test");
  const flags = [
    ...(options.noGso ? ["no-gso"] : []),
    ...(options.noGro ? ["no-gro"] : []),
    ...(options.v6 ? ["v6"] : []),
    ...(options.kbps === undefined ? [] : [`kbps=${options.kbps}`]),
    ...(options.lossPermille === undefined ? [] : [`loss=${options.lossPermille}`]),
  ];
  const interval = Math.round(options.intervalMs * 1000);
  const run = Bun.$`${program} bench ${options.frameBytes} ${options.frames} ${interval} ${flags}`;
  return (await run.quiet().json()) as MediaBench;
}

/** Latency of frames as a 1080p stream at 20 Mbps and 60 fps has them. */
export function benchLatency({ frames = 1000, intervalMs = 16 } = {}): Promise<MediaBench> {
  return benchMedia({ frameBytes: 40_000, frames, intervalMs });
}

/** A frame of 1 Gbps at 60 fps, as fast as it goes. */
export function benchThroughput(
  options: Partial<MediaBenchOptions> & { readonly frames?: number } = {},
): Promise<MediaBench> {
  return benchMedia({ frameBytes: 2_000_000, frames: 300, intervalMs: 0, ...options });
}

/** A stream of 100 Mbps at 60 fps, paced. */
export function benchHundredMbps({ frames = 180 } = {}): Promise<MediaBench> {
  return benchMedia({ frameBytes: 208_333, frames, intervalMs: 1000 / 60, kbps: 100_000 });
}

/** Each figure is the median of so many runs: single ones differ by a quarter on a busy machine. */
const runs = 5;

type Figures = Readonly<Record<string, number | string>>;
export type MediaFigure = { readonly name: string } & Figures;

/** All figures of the data plane, with 20% parity and AES-128-GCM. A line's name says its shape. */
export async function bench(): Promise<readonly MediaFigure[]> {
  return [
    await line("send 2 MB frames by GSO", () => benchThroughput(), sending),
    await line("send 2 MB frames by sendmmsg", () => benchThroughput({ noGso: true }), sending),
    await line("receive 2 MB frames, none lost", () => benchThroughput(), receiving),
    await line(
      "receive 2 MB frames, 5% lost",
      () => benchThroughput({ lossPermille: 50 }),
      receiving,
    ),
    await line(
      "100 Mbps at 60 fps",
      () => benchHundredMbps(),
      (seen) => ({
        sendCpuPercent: seen.sendCpuPercent,
        receiveCpuPercent: seen.receiveCpuPercent,
      }),
    ),
    await line(
      "40 kB frames at 60 fps",
      () => benchLatency({ frames: 180 }),
      ({ latencyUs }) => ({
        p50Us: latencyUs.p50,
        p95Us: latencyUs.p95,
        p99Us: latencyUs.p99,
      }),
    ),
    ...sealLines(),
  ];
}

const sending = (seen: MediaBench) => ({
  gbpsPerCore: seen.sendGbps,
  gbps: seen.gbps,
  kernelDrops: seen.kernelDrops,
});

const receiving = (seen: MediaBench) => ({
  gbpsPerCore: seen.receiveGbps,
  framesLost: seen.frames - seen.delivered,
  framesRecovered: seen.recovered,
});

async function line(
  name: string,
  run: () => Promise<MediaBench>,
  figuresOf: (seen: MediaBench) => Readonly<Record<string, number>>,
): Promise<MediaFigure> {
  const seen: Readonly<Record<string, number>>[] = [];
  for (let i = 0; i < runs; i++) seen.push(figuresOf(await run()));
  const names = Object.keys(seen[0] ?? {});
  const figures = names.map((figure) => [figure, median(seen.map((one) => one[figure] ?? 0))]);
  return { name, ...(Object.fromEntries(figures) as Record<string, number>) };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

/** Of packets of the largest shard, as many at once as the sender seals. */
function sealLines(): MediaFigure[] {
  const packetBytes =
    packetHeader.bytes + shardHeader.bytes + limit("shard_bytes_max") + sealTagBytes;
  const figures: MediaFigure[] = [];
  for (const library of ["libipsec-mb", "openssl"] as const) {
    try {
      const seen: SealFigure = measureSeal({ library, packetBytes, batch: 44 });
      figures.push({ name: `seal ${packetBytes} B by ${library}`, ...seen });
    } catch (error) {
      if (!(error instanceof PfError && error.code === "PF_LIBRARY_MISSING")) throw error;
    }
  }
  return figures;
}

if (import.meta.main) console.table(await bench());
