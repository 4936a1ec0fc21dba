import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { nativeProgram } from "../build.ts";
import { fecKernels, ShardBlock, type ShardShape } from "./fec.ts";
import { Gf8 } from "./gf8.ts";

/** Enough for a first build of all kernels with sanitizers on a slow machine. */
const buildTimeoutMs = 300_000;

const shape = (dataCount: number, parityCount: number, shardBytes: number): ShardShape => ({
  dataCount,
  parityCount,
  shardBytes,
});

/** A generator of whole numbers below `limit`, the same at every run. */
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) % limit;
  };
}

function filledBlock(of: ShardShape): ShardBlock {
  const block = new ShardBlock(of);
  const random = generator(of.dataCount);
  for (let i = 0; i < block.data.length; i++) block.data[i] = random(256);
  return block;
}

/** Loses the shards, decodes, and says whether all data is as before. */
function survives(gf8: Gf8, block: ShardBlock, lost: Iterable<number>): boolean {
  const sent = block.bytes.slice();
  const present = new Uint8Array(block.shardCount).fill(1);
  for (const index of lost) {
    present[index] = 0;
    block.shard(index).fill(0xee);
  }
  const done = gf8.decode(block, present);
  const same = Buffer.compare(sent.subarray(0, block.data.length), block.data) === 0;
  block.bytes.set(sent);
  return done && same;
}

describe("the 8-bit code", () => {
  test("its parity is what Moonlight's decoder expects, with every kernel", () => {
    for (const kernel of fecKernels()) {
      const gf8 = new Gf8(4, { kernel });
      const block = new ShardBlock(shape(3, 2, 4));
      block.data.set(Uint8Array.fromHex("010203ff1020304000000007"));
      gf8.encode(block);
      expect(block.parity.toHex()).toBe("75ea9ff2fce51927");
      gf8.close();
    }
  });

  test("the factors of three data and two parity shards are the published rows", () => {
    const gf8 = new Gf8(3);
    const block = new ShardBlock(shape(3, 2, 3));
    block.data.set([1, 0, 0, 0, 1, 0, 0, 0, 1]);
    gf8.encode(block);
    expect(block.parity.toHex()).toBe("8ef447f48ea7");
    gf8.close();
  });

  const large = [
    [212, 43, 1408], [100, 20, 1408], [32, 7, 1423], [254, 1, 16], [1, 254, 33], [128, 127, 100],
  ] as const; // biome-ignore format: a table
  test.each(large)("%d+%dx%d is the same with every kernel, and survives", (k, m, bytes) => {
    const block = filledBlock(shape(k, m, bytes));
    const scalar = new Gf8(bytes, { kernel: "scalar" });
    scalar.encode(block);
    scalar.close();
    const parity = block.parity.slice();
    for (const kernel of fecKernels()) {
      const gf8 = new Gf8(bytes, { kernel });
      block.parity.fill(0);
      gf8.encode(block);
      expect(Buffer.compare(block.parity, parity)).toBe(0);
      const random = generator(k + m);
      for (let round = 0; round < 5; round++) {
        const lost = new Set<number>();
        while (lost.size < m) lost.add(random(k + m));
        expect(survives(gf8, block, lost)).toBe(true);
      }
      gf8.close();
    }
  });

  test(
    "every loss of every block of up to 10 shards is mended with every kernel",
    async () => {
      const run = await Bun.$`${nativeProgram("release", "test/gf8_test")} 10`.quiet().nothrow();
      expect(run.exitCode, run.stderr.toString()).toBe(0);
    },
    buildTimeoutMs,
  );

  test(
    "no byte too much is touched, under the sanitizers",
    async () => {
      const run = await Bun.$`${nativeProgram("sanitize", "test/gf8_test")} 6`.quiet().nothrow();
      expect(run.exitCode, run.stderr.toString()).toBe(0);
    },
    buildTimeoutMs,
  );

  test(
    "a stranger's geometry and losses stay within memory",
    async () => {
      const fuzzer = nativeProgram("fuzz", "fuzz/gf8_fuzz");
      const options = ["-max_total_time=3", "-max_len=64", "-exact_artifact_path=/dev/null"];
      const run = await Bun.$`${fuzzer} ${options}`.quiet().nothrow();
      expect(run.exitCode, run.stderr.toString()).toBe(0);
    },
    buildTimeoutMs,
  );
});

describe("bad input", () => {
  let gf8: Gf8;
  beforeAll(() => {
    gf8 = new Gf8(100);
  });
  afterAll(() => gf8.close());

  test.each([0, 65537, 4294967295])("an opening for shards of %d bytes is refused", (bytes) => {
    expect(() => new Gf8(bytes)).toThrow(`a shard of ${bytes} bytes is not within 1 and 65536`);
  });

  test.each([-1, 1.5, Number.NaN, 2 ** 32 + 64])(
    "an opening for %d bytes, which is no length, is refused",
    (bytes) => {
      expect(() => new Gf8(bytes)).toThrow(`A shard can't have ${bytes} bytes`);
    },
  );

  test.each([
    [0, 2, 64, "a block can't have 0 data and 2 parity shards"],
    [2, 0, 64, "a block can't have 2 data and 0 parity shards"],
    [213, 43, 64, "a block can't have 213 data and 43 parity shards"],
    [65_535, 2, 1, "a block can't have 65535 data and 2 parity shards"],
    [2, 2, 0, "a shard of 0 bytes holds nothing"],
    [2, 2, 101, "shards of 101 bytes exceed 100"],
    [2, 2, 1_000_000, "shards of 1000000 bytes exceed 100"],
  ])("a block of %d+%dx%d is refused", (k, m, bytes, words) => {
    const block = new ShardBlock(shape(k, m, bytes));
    expect(() => gf8.encode(block)).toThrow(words);
    expect(() => gf8.decode(block, new Uint8Array(k + m))).toThrow(words);
  });

  test("the loss of one shard too many is told, and nothing is written", () => {
    const block = filledBlock(shape(10, 4, 99));
    gf8.encode(block);
    const present = new Uint8Array(14).fill(1);
    for (const index of [0, 2, 5, 9, 12]) present[index] = 0;
    block.shard(0).fill(0xee);
    const before = block.bytes.slice();
    expect(gf8.decode(block, present)).toBe(false);
    expect(block.bytes).toEqual(before);
  });

  test("flags that don't fit the block are refused", () => {
    const block = new ShardBlock(shape(8, 4, 64));
    expect(() => gf8.decode(block, new Uint8Array(13))).toThrow("with 13 flags");
  });

  test("a kernel that is not there is refused by name", () => {
    expect(() => new Gf8(64, { kernel: "abacus" })).toThrow("named abacus");
  });

  test("a closed handle is refused, and closing again is nothing", () => {
    const closed = new Gf8(64);
    closed.close();
    closed.close();
    expect(() => closed.encode(new ShardBlock(shape(2, 2, 64)))).toThrow("was closed");
  });
});
