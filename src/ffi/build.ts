/** Builds programs of the native build that are not part of every set-up: C tests and fuzzers. */
import { availableParallelism } from "node:os";
import { join } from "node:path";

const native = import.meta.dir;

export type Variant = "release" | "sanitize" | "thread" | "fuzz";

/**
 * Builds a program, as `test/media_test` or `fuzz/media_fuzz`, with all processors; returns its path.
 * Throws what the compiler says. One build runs at a time, in all processes: two that compile the
 * same file would spoil it.
 */
export function nativeProgram(variant: Variant, name: string): string {
  const path = `../../build/native/${variant}/${name}`;
  const make = ["make", "-s", `-j${availableParallelism()}`, `VARIANT=${variant}`, path];
  const command = ["flock", join(native, "Makefile"), ...make];
  const made = Bun.spawnSync(command, { cwd: native });
  if (!made.success) throw new Error(`make ${path}: ${made.stderr.toString()}`);
  return join(native, path);
}
