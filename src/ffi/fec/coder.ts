/** What the bindings of both erasure codes have in common: a handle that codes blocks of shards. */
import { ptr } from "bun:ffi";
import { PfError } from "../../base/errors.ts";
import { results } from "../../wire/results.ts";
import { type Address, OutPointer, pointer } from "../library.ts";
import type { ShardBlock } from "./fec.ts";

type Native = NonNullable<ReturnType<typeof pointer>>;
type Bytes = ReturnType<typeof ptr>;

/** A code's functions in C. */
export interface CoderFunctions {
  readonly open: (out: Native) => number;
  readonly close: (handle: Native) => void;
  readonly select: (handle: Native, kernel: Bytes) => number;
  readonly encode: (
    handle: Native,
    data: Bytes,
    k: number,
    parity: Bytes,
    m: number,
    shardBytes: number,
  ) => number;
  readonly decode: (
    handle: Native,
    shards: Bytes,
    present: Bytes | null,
    k: number,
    m: number,
    shardBytes: number,
  ) => number;
  readonly check: (result: number, code: "PF_NATIVE_FAILED", what: string) => void;
}

const tooManyLost = results.PF_E_TOO_MANY_LOST[0];

export class ShardCoder {
  readonly #functions: CoderFunctions;
  readonly #address: Address;
  #closed = false;

  /** Throws PF_NATIVE_FAILED for a size outside the code's limits or an unknown kernel. */
  protected constructor(functions: CoderFunctions, kernel: string | undefined) {
    this.#functions = functions;
    const out = new OutPointer();
    const what = "The erasure code can't be opened";
    functions.check(functions.open(out.argument), "PF_NATIVE_FAILED", what);
    this.#address = out.value;
    if (kernel === undefined) return;
    const name = new TextEncoder().encode(`${kernel}\0`);
    const result = functions.select(pointer(this.#address), ptr(name));
    if (result < 0) this.close();
    functions.check(result, "PF_NATIVE_FAILED", what);
  }

  /** Makes the block's parity from its data. Throws PF_NATIVE_FAILED for a shape it can't take. */
  encode(block: ShardBlock): void {
    const result = this.#functions.encode(
      this.#open(),
      ptr(block.addresses),
      block.dataCount,
      ptr(block.addresses.subarray(block.dataCount)),
      block.parityCount,
      block.shardBytes,
    );
    this.#functions.check(result, "PF_NATIVE_FAILED", "The block can't be encoded");
  }

  /**
   * Rebuilds the missing data shards in place; `present` has a flag per shard, 0 = missing. Returns
   * false when too many are lost; then nothing was written. Throws PF_NATIVE_FAILED for a shape it
   * does not take.
   */
  decode(block: ShardBlock, present: Uint8Array): boolean {
    block.expectFlags(present);
    const result = this.#functions.decode(
      this.#open(),
      ptr(block.addresses),
      present.length === 0 ? null : ptr(present),
      block.dataCount,
      block.parityCount,
      block.shardBytes,
    );
    if (result === tooManyLost) return false;
    this.#functions.check(result, "PF_NATIVE_FAILED", "The block can't be decoded");
    return true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#functions.close(pointer(this.#address));
  }

  #open(): Native {
    if (this.#closed) throw new PfError("PF_STATE_INVALID", "The erasure code was closed.");
    return pointer(this.#address);
  }
}
