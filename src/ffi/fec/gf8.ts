/** Binding of the 8-bit erasure code in libpf_fec, for tests, benchmarks and simulations. */
import { ptr } from "bun:ffi";
import { PfError } from "../../base/errors.ts";
import { results } from "../../wire/results.ts";
import { type Address, OutPointer, openLibrary, pointer } from "../library.ts";
import type { ShardBlock } from "./fec.ts";

const symbols = {
  pf_gf8_open: { args: ["u32", "ptr"], returns: "i32" },
  pf_gf8_close: { args: ["ptr"], returns: "void" },
  pf_gf8_encode: { args: ["ptr", "ptr", "u32", "ptr", "u32", "u32"], returns: "i32" },
  pf_gf8_decode: { args: ["ptr", "ptr", "ptr", "u32", "u32", "u32"], returns: "i32" },
  pf_gf8_select: { args: ["ptr", "ptr"], returns: "i32" },
} as const;

const tooManyLost = results.PF_E_TOO_MANY_LOST[0];

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const gf8 = () => (library ??= openLibrary("fec", symbols));

/**
 * An encoder and decoder of the code that Moonlight's clients expect, for blocks of up to 255
 * shards of up to a length; see gf8.h. Kernels are those of `fecKernels()`.
 */
export class Gf8 {
  readonly #address: Address;
  #closed = false;

  /** Throws PF_NATIVE_FAILED for a length not within 1 and 65,536 or an unknown kernel. */
  constructor(shardBytesMax: number, options: { readonly kernel?: string } = {}) {
    if (!Number.isInteger(shardBytesMax) || shardBytesMax < 0 || shardBytesMax > 0xffffffff) {
      throw new PfError("PF_NATIVE_FAILED", `A shard can't have ${shardBytesMax} bytes.`, {
        hint: "Give a whole number within 1 and 65,536.",
      });
    }
    const out = new OutPointer();
    const { functions, check } = gf8();
    check(
      functions.pf_gf8_open(shardBytesMax, out.argument),
      "PF_NATIVE_FAILED",
      "The erasure code can't be opened",
    );
    this.#address = out.value;
    if (options.kernel === undefined) return;
    const name = new TextEncoder().encode(`${options.kernel}\0`);
    const result = functions.pf_gf8_select(pointer(this.#address), ptr(name));
    if (result < 0) this.close();
    check(result, "PF_NATIVE_FAILED", "The erasure code can't be opened");
  }

  /** Makes the block's parity from its data. Throws PF_NATIVE_FAILED for a shape it can't take. */
  encode(block: ShardBlock): void {
    const { functions, check } = gf8();
    const result = functions.pf_gf8_encode(
      this.#open(),
      ptr(block.addresses),
      block.dataCount,
      ptr(block.addresses.subarray(block.dataCount)),
      block.parityCount,
      block.shardBytes,
    );
    check(result, "PF_NATIVE_FAILED", "The block can't be encoded");
  }

  /**
   * Rebuilds the missing data shards in place; `present` has a flag per shard, 0 = missing. Returns
   * false when too many are lost; then nothing was written. Throws PF_NATIVE_FAILED for a shape it
   * does not take.
   */
  decode(block: ShardBlock, present: Uint8Array): boolean {
    block.expectFlags(present);
    const { functions, check } = gf8();
    const result = functions.pf_gf8_decode(
      this.#open(),
      ptr(block.addresses),
      present.length === 0 ? null : ptr(present),
      block.dataCount,
      block.parityCount,
      block.shardBytes,
    );
    if (result === tooManyLost) return false;
    check(result, "PF_NATIVE_FAILED", "The block can't be decoded");
    return true;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    gf8().functions.pf_gf8_close(pointer(this.#address));
  }

  #open() {
    if (this.#closed) throw new PfError("PF_STATE_INVALID", "The erasure code was closed.");
    return pointer(this.#address);
  }
}
