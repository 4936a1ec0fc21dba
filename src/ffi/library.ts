/**
 * Opens the native libraries that `make -C src/ffi` builds, each when it is first needed.
 * Throws PF_LIBRARY_MISSING (with what to install) or PF_LIBRARY_STALE (built from other tables).
 */
import { dlopen, type FFIFunction, type Pointer, ptr, suffix } from "bun:ffi";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PfError, type PfErrorCode } from "../base/errors.ts";
import { abiHash } from "../wire/generate.ts";
import { resultName, results } from "../wire/results.ts";

const nativeFolder =
  process.env["PUNKTFUNK_NATIVE"] ??
  new URL("../../build/native/release", import.meta.url).pathname;

/** What each library needs at run time, in words, and the switch-off that its absence means. */
const libraryNeeds = {
  core: "a C library",
  fec: "a C library",
  media: "a C library and libcrypto or libipsec-mb",
  lab: "a C library and libcrypto or libipsec-mb",
  source: "a C library",
  capture: "libwayland-client",
  pipewire: "libpipewire",
  screencast: "libpipewire",
  trial: "libpipewire and libopus",
  sound: "libpipewire and libopus",
  speaker: "SDL2",
  bus: "a C library",
  input: "libwayland-client and libxkbcommon",
  ei: "libei 1.0, which Debian has from version 13 on, and libxkbcommon",
  uinput: "libxkbcommon",
  kwin: "libwayland-client and libxkbcommon",
  x11: "libxcb",
  encode: "libavcodec",
  decode: "libavcodec",
  record: "libavformat",
  rival: "libavformat",
  window: "SDL2, SDL2_ttf and libyuv",
  terminal: "chafa and libyuv",
  testcard: "a C library",
} as const;
export type LibraryName = keyof typeof libraryNeeds;

type Symbols = Record<string, FFIFunction>;

const commonSymbols = {
  pf_abi_hash: { args: [], returns: "u32" },
  pf_last_error: { args: [], returns: "cstring" },
} as const satisfies Symbols;

/** Path of a program that the native build makes, as `pf_supervise`. */
export function nativeProgram(name: string): string {
  return join(nativeFolder, "bin", name);
}

/** The functions of a library, plus `check`, which turns a negative pf_result into a PfError. */
export function openLibrary<Table extends Symbols>(name: LibraryName, symbols: Table) {
  const path = join(nativeFolder, "lib", `libpf_${name}.${suffix}`);
  if (!existsSync(path)) {
    throw new PfError("PF_LIBRARY_MISSING", `The native library ${path} is not there.`, {
      hint: `It needs ${libraryNeeds[name]}: run npm run setup.`,
    });
  }
  const { common, functions } = tryOpen(name, path, symbols);
  if (common.pf_abi_hash() !== abiHash()) {
    throw new PfError("PF_LIBRARY_STALE", `${path} was built from other wire tables.`, {
      hint: "Run npm run setup to build it again.",
    });
  }
  return {
    functions,
    /** Returns `result` when it is not negative, else throws `code` with the library's words. */
    check(result: number, code: PfErrorCode, what: string): number {
      if (result >= 0) return result;
      const reason = resultName(result);
      const words = String(common.pf_last_error());
      const why =
        words !== "" ? words : reason === undefined ? `result ${result}` : results[reason][1];
      throw new PfError(code, `${what}: ${why}.`, { cause: reason });
    },
  };
}

function tryOpen<Table extends Symbols>(name: LibraryName, path: string, symbols: Table) {
  try {
    return {
      common: dlopen(path, commonSymbols).symbols,
      functions: dlopen(path, symbols).symbols,
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new PfError("PF_LIBRARY_MISSING", `${path} can't be loaded: ${why}.`, {
      hint: `It needs ${libraryNeeds[name]}: run npm run setup.`,
      cause: error,
    });
  }
}

/** Native addresses as TypeScript holds them: 0 is NULL. */
export type Address = number;

/** A 64-bit out parameter for `T **out`. */
export class OutPointer {
  readonly #slot = new BigUint64Array(1);
  get argument(): Pointer {
    return ptr(this.#slot);
  }
  get value(): Address {
    return Number(this.#slot[0]);
  }
}

/** An address as bun:ffi's Pointer type. */
export function pointer(address: Address): Pointer {
  return address as Pointer;
}

/** Where a stage's output goes, as `pf_sink`. */
export interface Sink {
  readonly push: Address;
  readonly context: Address;
}

export const noSink: Sink = { push: 0, context: 0 };

/** Reads the `pf_sink` that `fill` writes, as the input of a stage. */
export function readSink(fill: (out: Pointer) => void): Sink {
  const words = new BigUint64Array(2);
  fill(ptr(words));
  return { push: Number(words[0]), context: Number(words[1]) };
}

/** The config fields that every stage with an output has. */
export function sinkFields(sink: Sink) {
  return { sink_push: sink.push, sink_context: sink.context };
}
