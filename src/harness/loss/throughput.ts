/** How fast the erasure codes and the sealing are on this machine, by shape. */
import { PfError } from "../../base/errors.ts";
import { Fec, fecKernels, ShardBlock, type ShardShape } from "../../ffi/fec/fec.ts";
import { Gf8 } from "../../ffi/fec/gf8.ts";
import { measureSeal } from "../../ffi/seal/bench.ts";
import { limit } from "../../wire/limits.ts";
import { packetHeader, sealTagBytes, shardHeader } from "../../wire/media.ts";

export interface ThroughputRow {
  /** The code and the implementation that was chosen, or the library that seals. */
  readonly kernel: string;
  readonly op: "encode" | "decode" | "seal";
  /** Data and parity shards of a block; packets of a burst and 0 for sealing. */
  readonly k: number;
  readonly m: number;
  /** Of a shard; of a whole packet for sealing. */
  readonly bytes: number;
  /** Data shards that a decode rebuilds; 0 for the others. */
  readonly lost: number;
  /** Of data without parity, the median of several runs; of packets, in the fastest one. */
  readonly gbPerS: number;
}

/** A small group, groups of a usual frame, a frame at 1 Gbps and 60 fps. */
const shapes: readonly ShardShape[] = [
  { dataCount: 35, parityCount: 7, shardBytes: 1216 },
  { dataCount: 174, parityCount: 35, shardBytes: 1216 },
  { dataCount: 435, parityCount: 87, shardBytes: 1216 },
  { dataCount: 1740, parityCount: 348, shardBytes: 1216 },
];

/** As many packets of the largest shard as leave in one burst. */
const burstCount = 44;

/** Runs of a figure, and how long each is at least: the median forgives what interrupts one. */
const runs = 9;
const runMs = 12;

function gbPerS(bytes: number, act: () => void): number {
  act();
  const samples = Array.from({ length: runs }, () => {
    const beginNs = Bun.nanoseconds();
    let count = 0;
    let elapsedNs = 0;
    while (elapsedNs < runMs * 1e6) {
      act();
      count++;
      elapsedNs = Bun.nanoseconds() - beginNs;
    }
    return (bytes * count) / elapsedNs;
  });
  return rounded(samples.sort((a, b) => a - b)[runs >> 1] as number);
}

const rounded = (figure: number) => Number(figure.toPrecision(4));

/** The codes, each with the blocks that it can do. */
const codes = {
  gf16: {
    open: (shape: ShardShape, kernel: string) => new Fec(shape, { kernel }),
    shardsMax: 65_536,
  },
  gf8: {
    open: ({ shardBytes }: ShardShape, kernel: string) => new Gf8(shardBytes, { kernel }),
    shardsMax: 255,
  },
} as const;

/** Every figure as it is measured, a fraction of a second each. */
export function* measureThroughput(): Generator<ThroughputRow> {
  const kernel = fecKernels()[0] as string;
  for (const [name, { open, shardsMax }] of Object.entries(codes)) {
    for (const shape of shapes) {
      if (shape.dataCount + shape.parityCount > shardsMax) continue;
      const code = open(shape, kernel);
      try {
        yield* measureShape(code, shape, `${name} ${kernel}`);
      } finally {
        code.close();
      }
    }
  }
  yield* measureSeals();
}

function* measureShape(code: Fec | Gf8, shape: ShardShape, kernel: string) {
  const { dataCount: k, parityCount: m, shardBytes: bytes } = shape;
  const block = new ShardBlock(shape);
  crypto.getRandomValues(block.data.subarray(0, 65_536));
  const row = { kernel, k, m, bytes };
  const encode = gbPerS(block.data.length, () => code.encode(block));
  yield { ...row, op: "encode" as const, lost: 0, gbPerS: encode };
  // One packet, two in a hundred, and as many as can be rebuilt.
  for (const lost of new Set([1, Math.ceil(k / 50), m])) {
    const present = new Uint8Array(block.shardCount).fill(1);
    for (let i = 0; i < lost; i++) present[Math.floor((i * k) / lost)] = 0;
    const decode = gbPerS(block.data.length, () => code.decode(block, present));
    yield { ...row, op: "decode" as const, lost, gbPerS: decode };
  }
}

/** Bursts of the smallest and of the largest shards, by each library that is there. */
function* measureSeals(): Generator<ThroughputRow> {
  const around = packetHeader.bytes + shardHeader.bytes + sealTagBytes;
  for (const library of ["libipsec-mb", "openssl"] as const) {
    for (const shardBytes of [limit("shard_bytes_small"), limit("shard_bytes_max")]) {
      const packetBytes = around + shardBytes;
      try {
        const figure = measureSeal({ library, packetBytes, batch: burstCount });
        yield {
          kernel: library,
          op: "seal",
          k: burstCount,
          m: 0,
          bytes: packetBytes,
          lost: 0,
          gbPerS: rounded(figure.gbPerS),
        };
      } catch (error) {
        if (!(error instanceof PfError && error.code === "PF_LIBRARY_MISSING")) throw error;
      }
    }
  }
}
