/** Builds programs of the native build that are not part of every set-up: C tests and fuzzers. */
import { availableParallelism } from "node:os";
import { join } from "node:path";

const native = import.meta.dir;

export type Variant = "release" | "sanitize" | "thread" | "fuzz";

/**
 * Builds a program, as `test/media_test` or `fuzz/media_fuzz`, with the processors that tests beside
 * it leave; returns its path. Throws what the compiler says.
 */
export function nativeProgram(variant: Variant, name: string): string {
  const path = `../../build/native/${variant}/${name}`;
  const make = ["make", "-s", `-j${availableParallelism()}`, `VARIANT=${variant}`, path];
  const command = ["nice", "-n", "10", ...make];
  const made = Bun.spawnSync(command, { cwd: native });
  if (!made.success) throw new Error(`make ${path}: ${made.stderr.toString()}`);
  return join(native, path);
}
