/**
 * `npm run check`: everything about the sources that can be judged without running them. All
 * checks run; a line each says how it went; the last two count them as bun test does. Exit status
 * 1: one failed.
 */
import { cpus } from "node:os";
import { importViolations } from "./imports.ts";
import { formViolations, proseViolations } from "./sources.ts";
import { sourceFiles } from "./tree.ts";

/** Returns what is wrong, "" for nothing. */
type Check = () => Promise<string>;

const root = new URL("..", import.meta.url).pathname;

/** Output of a command that failed. */
async function command(...words: string[]): Promise<string> {
  const child = Bun.spawn(words, { cwd: root, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const status = await child.exited;
  return status === 0 ? "" : `${output}${errors}\n(exit status ${status})`;
}

/** Violations in the files whose paths match. */
async function inFiles(
  pattern: RegExp,
  violations: (path: string, text: string) => string[],
): Promise<string> {
  const files = await sourceFiles(pattern);
  return files.flatMap(({ path, text }) => violations(path, text)).join("\n");
}

const modules = "node_modules/.bin";
const checks: Record<string, Check> = {
  types: () => command(`${modules}/tsc`, "--project", "."),
  "types of the console": () => command(`${modules}/tsc`, "--project", "src/console"),
  "lint and format": () => command(`${modules}/biome`, "check", "--error-on-warnings"),
  "generated files": () => command(process.execPath, "src/wire/generate.ts", "--check"),
  "description of the API": () =>
    command(process.execPath, "src/wire/management/openapi.ts", "--check"),
  "table of parity": () => command(process.execPath, "src/harness/parity/table.ts", "--check"),
  "import rule": () => inFiles(/\.ts$/, importViolations),
  "file and line length": () => inFiles(/\.(ts|mjs|c|h)$/, formViolations),
  prose: () => inFiles(/\.(ts|mjs|c|h|md|json|mk|sh)$/, proseViolations),
  "C compiles with clang": () =>
    command(
      ...["make", "-s", "-C", "src/ffi", `-j${cpus().length}`],
      ...["CC=clang", "BUILD=../../build/native/clang"],
    ),
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  const started = performance.now();
  const wrong = (await check()).trim();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${wrong === "" ? "ok  " : "FAIL"} ${name.padEnd(22)} ${seconds} s`);
  if (wrong === "") continue;
  failed += 1;
  console.log(wrong.replace(/^/gm, "     "));
}
console.log(`\n ${Object.keys(checks).length - failed} pass\n ${failed} fail`);
process.exitCode = failed === 0 ? 0 : 1;
