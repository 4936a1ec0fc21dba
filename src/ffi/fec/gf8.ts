/** Binding of the 8-bit erasure code in libpf_fec, for tests, benchmarks and simulations. */
import { PfError } from "../../base/errors.ts";
import { openLibrary } from "../library.ts";
import { ShardCoder } from "./coder.ts";

const symbols = {
  pf_gf8_open: { args: ["u32", "ptr"], returns: "i32" },
  pf_gf8_close: { args: ["ptr"], returns: "void" },
  pf_gf8_encode: { args: ["ptr", "ptr", "u32", "ptr", "u32", "u32"], returns: "i32" },
  pf_gf8_decode: { args: ["ptr", "ptr", "ptr", "u32", "u32", "u32"], returns: "i32" },
  pf_gf8_select: { args: ["ptr", "ptr"], returns: "i32" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const gf8 = () => (library ??= openLibrary("fec", symbols));

/**
 * An encoder and decoder of the code that Moonlight's clients expect, for blocks of up to 255
 * shards of up to a length; see gf8.h. Kernels are those of `fecKernels()`.
 */
export class Gf8 extends ShardCoder {
  /** Throws PF_NATIVE_FAILED for a length not within 1 and 65,536 or an unknown kernel. */
  constructor(shardBytesMax: number, options: { readonly kernel?: string } = {}) {
    if (!Number.isInteger(shardBytesMax) || shardBytesMax < 0 || shardBytesMax > 0xffffffff) {
      throw new PfError("PF_NATIVE_FAILED", `A shard can't have ${shardBytesMax} bytes.`, {
        hint: "Give a whole number within 1 and 65,536.",
      });
    }
    const { functions, check } = gf8();
    super(
      {
        open: (out) => functions.pf_gf8_open(shardBytesMax, out),
        close: functions.pf_gf8_close,
        select: functions.pf_gf8_select,
        encode: functions.pf_gf8_encode,
        decode: functions.pf_gf8_decode,
        check,
      },
      options.kernel,
    );
  }
}
