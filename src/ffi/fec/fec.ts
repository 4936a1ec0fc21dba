/** Binding of libpf_fec: the erasure code, for tests, benchmarks and simulations. */
import { CString, ptr } from "bun:ffi";
import { PfError } from "../../base/errors.ts";
import { openLibrary } from "../library.ts";
import { ShardCoder } from "./coder.ts";

const symbols = {
  pf_fec_open: { args: ["u32", "u32", "u32", "ptr"], returns: "i32" },
  pf_fec_close: { args: ["ptr"], returns: "void" },
  pf_fec_encode: { args: ["ptr", "ptr", "u32", "ptr", "u32", "u32"], returns: "i32" },
  pf_fec_decode: { args: ["ptr", "ptr", "ptr", "u32", "u32", "u32"], returns: "i32" },
  pf_fec_kernel: { args: ["u32"], returns: "ptr" },
  pf_fec_select: { args: ["ptr", "ptr"], returns: "i32" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const fec = () => (library ??= openLibrary("fec", symbols));

/** The implementations that this processor can run, fastest first; "scalar" is the last. */
export function fecKernels(): string[] {
  const names: string[] = [];
  for (;;) {
    const name = fec().functions.pf_fec_kernel(names.length);
    if (name === null) return names;
    names.push(String(new CString(name)));
  }
}

/** What a block is made of: counts and bytes of shards. */
export interface ShardShape {
  readonly dataCount: number;
  readonly parityCount: number;
  /** A multiple of 64. */
  readonly shardBytes: number;
}

/** What C takes in 32 bits must be meant so: bun:ffi would cut a larger number down. */
const countMax = 0xffffffff;

function expectShape({ dataCount, parityCount, shardBytes }: ShardShape): void {
  for (const count of [dataCount, parityCount, shardBytes]) {
    if (Number.isInteger(count) && count >= 0 && count <= countMax) continue;
    throw new PfError(
      "PF_NATIVE_FAILED",
      `There can't be ${dataCount} + ${parityCount} shards of ${shardBytes} bytes.`,
      { hint: "Give whole numbers within the erasure code's limits." },
    );
  }
}

/** Most memory of a block: that of the largest frame with all its parity. */
const blockBytesMax = 2 ** 27;

/** Memory of one block: its data shards, then its parity shards, one behind the other. */
export class ShardBlock implements ShardShape {
  readonly dataCount: number;
  readonly parityCount: number;
  readonly shardBytes: number;
  /** All shards; the first `dataCount * shardBytes` are the data. */
  readonly bytes: Uint8Array;
  /** Native addresses of the shards, valid as long as this block. */
  readonly addresses: BigUint64Array;

  /** Throws PF_NATIVE_FAILED for numbers that no block has: negative, broken, or far too large. */
  constructor(shape: ShardShape) {
    expectShape(shape);
    this.dataCount = shape.dataCount;
    this.parityCount = shape.parityCount;
    this.shardBytes = shape.shardBytes;
    const count = this.dataCount + this.parityCount;
    if (count * this.shardBytes > blockBytesMax) {
      throw new PfError(
        "PF_NATIVE_FAILED",
        `A block of ${count} shards of ${this.shardBytes} bytes is too large.`,
        { hint: `Keep it within ${blockBytesMax} bytes.` },
      );
    }
    /* One byte more, so that a block of nothing has an address too. */
    const memory = new Uint8Array(count * this.shardBytes + 1);
    this.bytes = memory.subarray(0, count * this.shardBytes);
    this.addresses = new BigUint64Array(count + 1);
    const first = BigInt(ptr(memory));
    for (let i = 0; i < count; i++) {
      this.addresses[i] = first + BigInt(i) * BigInt(this.shardBytes);
    }
  }

  get shardCount(): number {
    return this.dataCount + this.parityCount;
  }

  /** Shard `index`: data below `dataCount`, parity from there on. A view. */
  shard(index: number): Uint8Array {
    return this.bytes.subarray(index * this.shardBytes, (index + 1) * this.shardBytes);
  }

  /** Throws PF_NATIVE_FAILED unless there is a flag for each shard. */
  expectFlags(present: Uint8Array): void {
    if (present.length === this.shardCount) return;
    throw new PfError(
      "PF_NATIVE_FAILED",
      `The block of ${this.shardCount} shards can't be decoded with ${present.length} flags.`,
      { hint: "Give one flag for each shard." },
    );
  }

  /** All data shards. A view. */
  get data(): Uint8Array {
    return this.bytes.subarray(0, this.dataCount * this.shardBytes);
  }

  /** All parity shards. A view. */
  get parity(): Uint8Array {
    return this.bytes.subarray(this.dataCount * this.shardBytes);
  }
}

/** An encoder and decoder for blocks of up to a size; see fec.h for the code and its limits. */
export class Fec extends ShardCoder {
  /** Throws PF_NATIVE_FAILED for a size outside the code's limits or an unknown kernel. */
  constructor(max: ShardShape, options: { readonly kernel?: string } = {}) {
    expectShape(max);
    const { dataCount, parityCount, shardBytes } = max;
    const { functions, check } = fec();
    super(
      {
        open: (out) => functions.pf_fec_open(dataCount, parityCount, shardBytes, out),
        close: functions.pf_fec_close,
        select: functions.pf_fec_select,
        encode: functions.pf_fec_encode,
        decode: functions.pf_fec_decode,
        check,
      },
      options.kernel,
    );
  }
}
