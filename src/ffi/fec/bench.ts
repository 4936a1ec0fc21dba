/** Speed of the erasure codes, by shape and by kernel. */
import { Fec, fecKernels, ShardBlock, type ShardShape } from "./fec.ts";
import { Gf8 } from "./gf8.ts";

/** One line of the benchmark. */
export interface FecWork extends ShardShape {
  /** Leopard's 16-bit code, or the 8-bit code that Moonlight expects. */
  readonly code: "gf16" | "gf8";
  readonly op: "encode" | "decode";
  /** Data shards that a decode rebuilds, evenly spread; 0 for encode. */
  readonly lost: number;
}

export interface FecFigure {
  /** Code, what was done to which block (data + parity x shard bytes, - lost), and kernel. */
  readonly name: string;
  /** Bytes of data, without parity, per nanosecond: the median of many short runs. */
  readonly gbPerS: number;
  readonly kernel: string;
  /** What this line must reach with the best kernel. */
  readonly wantedGbPerS?: number;
  /** `gbPerS` over that of the reference kernel in the same run. */
  readonly timesReference: number;
}

/**
 * Stands for peers, whose kernels look bytes up in tables as this one does: a processor of 2006 has
 * all that it needs.
 */
const referenceKernel = "ssse3";

/** A run is long against the clock and short against what else the machine does. */
const runMs = 2;
const runs = 31;

const encode = (dataCount: number, parityCount: number): FecWork => ({
  code: "gf16",
  op: "encode",
  dataCount,
  parityCount,
  shardBytes: 1216,
  lost: 0,
});
const decode = (dataCount: number, parityCount: number, lost: number): FecWork => ({
  ...encode(dataCount, parityCount),
  op: "decode",
  lost,
});
const moonlight = (dataCount: number, parityCount: number, lost: number): FecWork => ({
  code: "gf8",
  op: lost === 0 ? "encode" : "decode",
  dataCount,
  parityCount,
  shardBytes: 1408,
  lost,
});

/**
 * A frame at 1 Gbps and 60 fps, frames of usual streams, a small group; and the blocks of frames as
 * GameStream cuts them, up to the largest with 20% parity.
 */
const lines: readonly (readonly [work: FecWork, wantedGbPerS?: number])[] = [
  [encode(1740, 348), 9],
  [encode(435, 87), 12],
  [encode(174, 35), 15],
  [encode(35, 7), 20],
  [decode(1740, 348, 348), 2],
  [decode(1740, 348, 35), 6],
  [decode(1740, 348, 3)],
  [decode(435, 87, 87)],
  [decode(435, 87, 9)],
  [decode(174, 35, 35)],
  [decode(174, 35, 3)],
  [decode(35, 7, 7)],
  [decode(35, 7, 3), 10],
  [moonlight(32, 7, 0)],
  [moonlight(100, 20, 0)],
  [moonlight(212, 43, 0)],
  [moonlight(32, 7, 1)],
  [moonlight(100, 20, 5)],
  [moonlight(212, 43, 43)],
];

/** Every line with the best kernel, AVX2's and the reference's, as far as they are there. */
export async function bench(): Promise<readonly FecFigure[]> {
  const there = fecKernels();
  const wanted = [there[0] as string, "avx2", referenceKernel];
  const kernels = there.filter((kernel) => wanted.includes(kernel));
  const figures: FecFigure[] = [];
  for (const [work, wantedGbPerS] of lines) {
    const speeds = measureKernels(work, kernels);
    const reference = speeds.at(-1) as number;
    const { code, op, dataCount, parityCount, shardBytes, lost } = work;
    const name = `${code} ${op} ${dataCount}+${parityCount}x${shardBytes}${lost ? ` -${lost}` : ""}`;
    for (const [index, kernel] of kernels.entries()) {
      const gbPerS = speeds[index] as number;
      const goal = index === 0 && wantedGbPerS !== undefined ? { wantedGbPerS } : {};
      const timesReference = gbPerS / reference;
      figures.push({ name: `${name} ${kernel}`, gbPerS, kernel, ...goal, timesReference });
    }
    await Bun.sleep(0);
  }
  return figures;
}

/** The speed of one line with one kernel, the best if none is named. */
export function measureFec({ kernel, ...work }: FecWork & { readonly kernel?: string }): {
  readonly gbPerS: number;
} {
  const [gbPerS] = measureKernels(work, [kernel ?? (fecKernels()[0] as string)]);
  return { gbPerS: gbPerS as number };
}

/** Kernels take turns, so that whatever slows the machine down slows all of them down. */
function measureKernels(work: FecWork, kernels: readonly string[]): number[] {
  const prepared = kernels.map((kernel) => prepare(work, kernel));
  const samples = prepared.map((): number[] => []);
  for (const { act } of prepared) act();
  for (let run = 0; run < runs; run++) {
    for (const [index, { act }] of prepared.entries()) samples[index]?.push(callNs(act));
  }
  for (const { close } of prepared) close();
  const bytes = work.dataCount * work.shardBytes;
  return samples.map((calls) => bytes / (calls.sort((a, b) => a - b)[runs >> 1] as number));
}

function prepare(work: FecWork, kernel: string): { act: () => void; close: () => void } {
  const block = new ShardBlock(work);
  for (let at = 0; at < block.data.length; at += 65_536) {
    crypto.getRandomValues(block.data.subarray(at, at + 65_536));
  }
  const coder =
    work.code === "gf16" ? new Fec(work, { kernel }) : new Gf8(work.shardBytes, { kernel });
  const present = new Uint8Array(block.shardCount).fill(1);
  for (let i = 0; i < work.lost; i++) present[Math.floor((i * work.dataCount) / work.lost)] = 0;
  coder.encode(block);
  return {
    act: work.op === "encode" ? () => coder.encode(block) : () => void coder.decode(block, present),
    close: () => coder.close(),
  };
}

/** Nanoseconds of a call, over a run of calls. */
function callNs(act: () => void): number {
  const beginNs = Bun.nanoseconds();
  let count = 0;
  let elapsedNs = 0;
  while (elapsedNs < runMs * 1e6) {
    act();
    count++;
    elapsedNs = Bun.nanoseconds() - beginNs;
  }
  return elapsedNs / count;
}
