/**
 * Measures the data plane by itself: access units through sender, loopback and receiver in one
 * process, without an encoder and without JavaScript in between. Run with nothing else running.
 */
const native = new URL("..", import.meta.url).pathname;

/** Builds a test program of a variant (release, sanitize, thread, fuzz); returns its path. */
export async function mediaProgram(variant: string, name = "test/media_test"): Promise<string> {
  const path = `../../build/native/${variant}/${name}`;
  await Bun.$`make -s -C ${native} VARIANT=${variant} ${path}`.quiet();
  return new URL(`../${path}`, import.meta.url).pathname;
}

export interface MediaBench {
  readonly frames: number;
  readonly delivered: number;
  readonly seconds: number;
  /** Of access units, so without headers and parity. */
  readonly gbps: number;
  /** Of both ends together. */
  readonly cpuSeconds: number;
  /** Medians: push to first burst sent, first packet received to complete. */
  readonly sealUs: number;
  readonly reassembleUs: number;
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
  readonly noGso?: boolean;
  readonly noGro?: boolean;
  readonly v6?: boolean;
}

export async function benchMedia(options: MediaBenchOptions): Promise<MediaBench> {
  const program = await mediaProgram("release");
  const flags = [
    ...(options.noGso ? ["no-gso"] : []),
    ...(options.noGro ? ["no-gro"] : []),
    ...(options.v6 ? ["v6"] : []),
  ];
  const interval = Math.round(options.intervalMs * 1000);
  const run = Bun.$`${program} bench ${options.frameBytes} ${options.frames} ${interval} ${flags}`;
  return (await run.quiet().json()) as MediaBench;
}

/** Latency of frames as a 1080p stream at 20 Mbps and 60 fps has them. */
export function benchLatency({ frames = 1000, intervalMs = 16 } = {}): Promise<MediaBench> {
  return benchMedia({ frameBytes: 40_000, frames, intervalMs });
}

/** Throughput of frames as a stream of 1 Gbps at 60 fps has them. */
export function benchThroughput({ frames = 500 } = {}): Promise<MediaBench> {
  return benchMedia({ frameBytes: 2_000_000, frames, intervalMs: 0 });
}
