/** Speed of the erasure code, by shape and by kernel. */
import { Fec, fecKernels, ShardBlock, type ShardShape } from "./fec.ts";

export interface FecFigure {
  /** What was done to which block: data + parity x shard bytes, and how much was lost. */
  readonly name: string;
  /** Bytes of data (without parity) per nanosecond, of the fastest of many runs. */
  readonly gbPerS: number;
  readonly kernel: string;
}

/** A single small shard group, groups of a usual frame, a frame at 1 Gbps and 60 fps. */
const shapes: readonly (readonly [dataCount: number, parityCount: number, shardBytes: number])[] = [
  [17, 4, 1216],
  [35, 7, 1216],
  [64, 16, 1408],
  [174, 35, 1216],
  [1740, 348, 1216],
];

/** How long one figure is measured. Long enough for a run that nothing interrupts. */
const measureMs = 150;

/** Encodes, and decodes with one shard, a twentieth of all data and as much as can be lost. */
export async function benchFec(
  kernels: readonly string[] = fecKernels().slice(0, 1),
): Promise<FecFigure[]> {
  const figures: FecFigure[] = [];
  for (const kernel of kernels) {
    for (const [dataCount, parityCount, shardBytes] of shapes) {
      figures.push(...benchShape({ dataCount, parityCount, shardBytes }, kernel));
      await Bun.sleep(0);
    }
  }
  return figures;
}

function benchShape(shape: ShardShape, kernel: string): FecFigure[] {
  const { dataCount, parityCount, shardBytes } = shape;
  const size = `${dataCount}+${parityCount}x${shardBytes}`;
  const block = new ShardBlock(shape);
  crypto.getRandomValues(block.data.subarray(0, 65_536));
  const fec = new Fec(shape, { kernel });
  const figure = (name: string, run: () => void): FecFigure => ({
    name,
    gbPerS: block.data.length / fastestNs(run),
    kernel,
  });
  const figures = [figure(`encode ${size}`, () => fec.encode(block))];
  const losses = new Set([1, Math.ceil(dataCount / 20), Math.min(dataCount, parityCount)]);
  for (const lost of losses) {
    const present = new Uint8Array(block.shardCount).fill(1);
    for (let i = 0; i < lost; i++) present[Math.floor((i * dataCount) / lost)] = 0;
    figures.push(figure(`decode ${size} -${lost}`, () => fec.decode(block, present)));
  }
  fec.close();
  return figures;
}

function fastestNs(run: () => void): number {
  let fastest = Number.POSITIVE_INFINITY;
  run();
  const end = Bun.nanoseconds() + measureMs * 1e6;
  while (Bun.nanoseconds() < end) {
    const begin = Bun.nanoseconds();
    run();
    fastest = Math.min(fastest, Bun.nanoseconds() - begin);
  }
  return fastest;
}
