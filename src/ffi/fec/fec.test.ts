import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { nativeProgram } from "../build.ts";
import { measureFec } from "./bench.ts";
import { Fec, fecKernels, ShardBlock, type ShardShape } from "./fec.ts";
import vectors from "./fec.vectors.json";
import { decodeSlowly, encodeSlowly, invert, multiply } from "./reference.ts";

/** Enough for a first build of all kernels with sanitizers on a slow machine. */
const buildTimeoutMs = 300_000;

const shape = (dataCount: number, parityCount: number, shardBytes: number): ShardShape => ({
  dataCount,
  parityCount,
  shardBytes,
});
const name = ({ dataCount, parityCount, shardBytes }: ShardShape) =>
  `${dataCount}+${parityCount}x${shardBytes}`;

/** A generator of whole numbers below `limit`, the same at every run. */
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) % limit;
  };
}

function filledBlock(of: ShardShape, seed = 1): ShardBlock {
  const block = new ShardBlock(of);
  const random = generator(seed);
  for (let i = 0; i < block.data.length; i++) block.data[i] = random(256);
  return block;
}

/** `count` different numbers from `first` to before `end`. */
function pick(random: (limit: number) => number, first: number, end: number, count: number) {
  const picked = new Set<number>();
  while (picked.size < count) picked.add(first + random(end - first));
  return [...picked];
}

/** Loses the shards, decodes, and says whether all data is as before. */
function survives(fec: Fec, block: ShardBlock, lost: readonly number[]): boolean {
  const sent = block.data.slice();
  const present = new Uint8Array(block.shardCount).fill(1);
  for (const index of lost) {
    present[index] = 0;
    block.shard(index).fill(0xee);
  }
  const done = fec.decode(block, present);
  const same = Buffer.compare(sent, block.data) === 0;
  block.data.set(sent);
  return done && same;
}

const sha256 = (bytes: Uint8Array) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

/** The data of a vector: top bytes of the 64-bit generator that the vectors' file describes. */
function fillVector(block: ShardBlock): void {
  let high = block.dataCount;
  let low = block.parityCount * 65536 + block.shardBytes;
  for (let i = 0; i < block.data.length; i++) {
    [high, low] = nextState(high, low);
    block.data[i] = high >>> 24;
  }
}

/* 6364136223846793005 and 1442695040888963407 */
const multiplier = { high: 0x5851f42d, low: 0x4c957f2d };
const increment = { high: 0x14057b7e, low: 0xf767814f };

/** One step in halves of 32 bits, since BigInt is too slow for megabytes. */
function nextState(high: number, low: number): [number, number] {
  const a = low >>> 16;
  const b = low & 0xffff;
  const c = multiplier.low >>> 16;
  const d = multiplier.low & 0xffff;
  const middle = a * d + ((b * d) >>> 16);
  const upper = a * c + Math.floor((middle + b * c) / 65536);
  const product = Math.imul(low, multiplier.low) >>> 0;
  const sum = product + increment.low;
  const carry = sum > 0xffffffff ? 1 : 0;
  const top =
    upper +
    (Math.imul(high, multiplier.low) >>> 0) +
    (Math.imul(low, multiplier.high) >>> 0) +
    increment.high +
    carry;
  return [(top % 2 ** 32) >>> 0, sum >>> 0];
}

describe("the code", () => {
  for (const vector of vectors.cases) {
    const of = shape(vector.k, vector.m, vector.bytes);
    test(`${name(of)} is Leopard's, byte for byte, with every kernel`, () => {
      const block = new ShardBlock(of);
      fillVector(block);
      expect(sha256(block.data)).toBe(vector.data_sha256);
      for (const kernel of fecKernels()) {
        const fec = new Fec(of, { kernel });
        block.parity.fill(0);
        fec.encode(block);
        expect(sha256(block.parity)).toBe(vector.parity_sha256);
        if (vector.parity_hex !== undefined) {
          expect(block.parity.toHex()).toBe(vector.parity_hex);
        }
        fec.close();
      }
    });
  }

  test("the reference's field has inverses and distributes", () => {
    const random = generator(3);
    for (let i = 0; i < 1000; i++) {
      const [x, y, z] = [1 + random(65535), random(65536), random(65536)];
      expect(multiply(x, invert(x))).toBe(1);
      expect(multiply(x, y ^ z)).toBe(multiply(x, y) ^ multiply(x, z));
    }
  });

  const slowShapes = [
    [1, 3, 64], [2, 1, 64], [2, 2, 192], [3, 7, 64], [6, 3, 128], [16, 4, 64], [33, 9, 64],
    [50, 33, 64], [250, 6, 64], [260, 5, 64],
  ] as const; // biome-ignore format: a table
  test.each(slowShapes)("%d+%dx%d is what the slow reference says", (k, m, bytes) => {
    const block = filledBlock(shape(k, m, bytes), k * m);
    const data = Array.from({ length: k }, (_, i) => block.shard(i));
    const parity = encodeSlowly(data, m);
    for (const kernel of fecKernels()) {
      const fec = new Fec(block, { kernel });
      fec.encode(block);
      expect(Array.from({ length: m }, (_, i) => block.shard(k + i).toHex())).toEqual(
        parity.map((shard) => shard.toHex()),
      );
      fec.close();
    }
  });

  test("the slow reference decodes what the kernel encoded", () => {
    const block = filledBlock(shape(12, 5, 64));
    const fec = new Fec(block);
    fec.encode(block);
    fec.close();
    const shards = Array.from({ length: 17 }, (_, i) =>
      [0, 3, 4, 11, 13].includes(i) ? undefined : block.shard(i),
    );
    const rebuilt = decodeSlowly(shards, 12);
    expect(Buffer.compare(Buffer.concat(rebuilt), block.data)).toBe(0);
    shards[1] = undefined;
    expect(() => decodeSlowly(shards, 12)).toThrow(RangeError);
  });
});

describe("decoding", () => {
  test(
    "every loss of every block of up to 12 shards is mended with every kernel",
    async () => {
      const run = await Bun.$`${nativeProgram("release", "test/fec_test")} 12`.quiet().nothrow();
      expect(run.exitCode, run.stderr.toString()).toBe(0);
    },
    buildTimeoutMs,
  );

  test(
    "no byte too much is touched, under the sanitizers",
    async () => {
      const run = await Bun.$`${nativeProgram("sanitize", "test/fec_test")} 6`.quiet().nothrow();
      expect(run.exitCode, run.stderr.toString()).toBe(0);
    },
    buildTimeoutMs,
  );

  const large = [
    [1740, 348, 1216], [5000, 5000, 64], [32768, 32767, 64], [60000, 5000, 64], [65000, 536, 64],
    [65534, 2, 64], [2, 65534, 64], [30000, 35000, 64],
  ] as const; // biome-ignore format: a table
  test.each(large)(
    "%d+%dx%d survives the loss of as many shards as it has parity",
    (k, m, bytes) => {
      const block = filledBlock(shape(k, m, bytes), k);
      const fec = new Fec(block);
      fec.encode(block);
      const random = generator(k + m);
      const most = Math.min(k, m);
      for (const count of new Set([1, Math.ceil(most / 3), most])) {
        const lost = pick(random, 0, k, count);
        const parity = pick(random, k, k + m, m - count);
        expect(survives(fec, block, [...lost, ...parity])).toBe(true);
        fec.encode(block);
      }
      fec.close();
    },
  );

  test("the loss of one shard too many is told, and nothing is written", () => {
    const block = filledBlock(shape(10, 4, 64));
    const fec = new Fec(block);
    fec.encode(block);
    const present = new Uint8Array(14).fill(1);
    for (const index of [0, 2, 5, 9, 12]) present[index] = 0;
    block.shard(0).fill(0xee);
    const before = block.bytes.slice();
    expect(fec.decode(block, present)).toBe(false);
    expect(block.bytes).toEqual(before);
    fec.close();
  });

  test(
    "a stranger's geometry and losses stay within memory",
    async () => {
      const fuzzer = nativeProgram("fuzz", "fuzz/fec_fuzz");
      const options = ["-max_total_time=3", "-max_len=64", "-exact_artifact_path=/dev/null"];
      const run = await Bun.$`${fuzzer} ${options}`.quiet().nothrow();
      expect(run.exitCode, run.stderr.toString()).toBe(0);
    },
    buildTimeoutMs,
  );
});

describe("bad input", () => {
  let fec: Fec;
  beforeAll(() => {
    fec = new Fec(shape(8, 4, 128));
  });
  afterAll(() => fec.close());

  test.each([
    [0, 1, 64, "0 data shards are not within 1 and 65,535"],
    [1, 0, 64, "0 parity shards are not within 1 and 65,535"],
    [65536, 1, 64, "65536 data shards are not within"],
    [1, 1, 0, "a shard of 0 bytes is no multiple of 64"],
    [1, 1, 100, "a shard of 100 bytes is no multiple of 64"],
    [1, 1, 65600, "a shard of 65600 bytes is above 65536"],
    [1, 1, 0xffffffc0, "a shard of 4294967232 bytes is above 65536"],
    [-1, 1, 64, "There can't be -1 + 1 shards of 64 bytes"],
    [1, 2 ** 32 + 1, 64, "There can't be 1 + 4294967297 shards of 64 bytes"],
    [1, 1, 64.5, "There can't be 1 + 1 shards of 64.5 bytes"],
    [1, 1, Number.NaN, "There can't be 1 + 1 shards of NaN bytes"],
  ])("an opening for %d+%dx%d is refused", (k, m, bytes, words) => {
    expect(() => new Fec(shape(k, m, bytes))).toThrow(words);
  });

  test.each([
    [0, 2, 64, "a block can't have 0 data and 2 parity shards"],
    [2, 0, 64, "a block can't have 2 data and 0 parity shards"],
    [40000, 30000, 0, "a block can't have 40000 data and 30000 parity shards"],
    [2, 2, 0, "a shard of 0 bytes is no multiple of 64"],
    [2, 2, 96, "a shard of 96 bytes is no multiple of 64"],
    [9, 4, 64, "9 + 4 shards of 64 bytes exceed 8 + 4 of 128"],
    [8, 5, 64, "8 + 5 shards of 64 bytes exceed 8 + 4 of 128"],
    [8, 4, 192, "8 + 4 shards of 192 bytes exceed 8 + 4 of 128"],
  ])("a block of %d+%dx%d is refused", (k, m, bytes, words) => {
    const block = new ShardBlock(shape(k, m, bytes));
    expect(() => fec.encode(block)).toThrow(words);
    expect(() => fec.decode(block, new Uint8Array(k + m))).toThrow(words);
  });

  test("a block of 65,537 shards is refused by a handle for the most", () => {
    const largest = new Fec(shape(65535, 65535, 64));
    for (const [k, m] of [
      [65535, 2],
      [2, 65535],
      [32768, 32769],
    ] as const) {
      const block = new ShardBlock(shape(k, m, 64));
      const words = `a block can't have ${k} data and ${m} parity shards`;
      expect(() => largest.encode(block)).toThrow(words);
      expect(() => largest.decode(block, new Uint8Array(k + m).fill(1))).toThrow(words);
    }
    largest.close();
  });

  test("a block that no memory should hold is refused", () => {
    expect(() => new ShardBlock(shape(65535, 1, 65536))).toThrow("is too large");
    expect(() => new ShardBlock(shape(2, -1, 64))).toThrow("There can't be 2 + -1 shards");
  });

  test("flags that don't fit the block are refused", () => {
    const block = new ShardBlock(shape(8, 4, 64));
    expect(() => fec.decode(block, new Uint8Array(11))).toThrow("with 11 flags");
  });

  test("a kernel that is not there is refused by name", () => {
    expect(() => new Fec(shape(2, 2, 64), { kernel: "abacus" })).toThrow("named abacus");
    expect(fecKernels().at(-1)).toBe("scalar");
  });

  test("a closed handle is refused, and closing again is nothing", () => {
    const closed = new Fec(shape(2, 2, 64));
    closed.close();
    closed.close();
    expect(() => closed.encode(new ShardBlock(shape(2, 2, 64)))).toThrow("was closed");
  });
});

test("the benchmark can measure either code", () => {
  const shape = { dataCount: 10, parityCount: 4, shardBytes: 64 };
  for (const code of ["gf16", "gf8"] as const) {
    expect(measureFec({ ...shape, code, op: "encode", lost: 0 }).gbPerS).toBeGreaterThan(0);
    const decode = { ...shape, code, op: "decode", lost: 4, kernel: "scalar" } as const;
    expect(measureFec(decode).gbPerS).toBeGreaterThan(0);
  }
});
