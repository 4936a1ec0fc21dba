/**
 * Runs the tests: those that its arguments name (as `bun test` takes them), or all of them. All
 * means two halves side by side, since most of the first half's time goes by in waiting for
 * timeouts, desktops and browsers of its own. The second half's output comes when it is complete.
 *
 * Tests with real parts live by the real clock, which runs on while a busy machine lets them wait.
 * So some files that failed beside all others have one more chance alone, at the end, where their
 * failure is still to be read; what fails twice has failed. The last two lines count them all.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type FileResult, resultsOf, testFiles } from "./results.ts";

const root = join(import.meta.dir, "..");
const command = [process.execPath, "test", "--timeout", "60000"];
const options = { cwd: root, stdin: "inherit", stdout: "inherit", stderr: "inherit" } as const;

/** Real programs, each other's host and client. */
const programs = ["packaging/", "src/cli/", "src/harness/"];
/** More than these are no accident of time. */
const secondChancesMax = 6;

/** A run of some files, and the words for its results to be written to. */
const runOf = (files: readonly string[], report: string) => [
  ...[...command, "--reporter=junit", `--reporter-outfile=${report}`],
  ...files.map((file) => `./${file}`),
];

async function runHalves(files: readonly string[], reports: readonly [string, string]) {
  const isFirst = (file: string) => programs.some((folder) => file.startsWith(folder));
  const first = Bun.spawn(runOf(files.filter(isFirst), reports[0]), options);
  // What the first half streams in real time comes first.
  const rest = runOf(
    files.filter((file) => !isFirst(file)),
    reports[1],
  );
  const second = Bun.spawn(["nice", "-n", "10", ...rest], {
    ...options,
    stdout: "pipe",
    stderr: "pipe",
  });
  const said = Promise.all([
    new Response(second.stdout).text(),
    new Response(second.stderr).text(),
  ]);
  await Promise.all([first.exited, second.exited]);
  await Bun.write(Bun.stderr, (await said).join(""));
}

/** Of each file; one that told nothing has failed. */
async function readResults(files: readonly string[], reports: readonly string[]) {
  const known = new Map<string, FileResult>();
  for (const path of reports) {
    const report = Bun.file(path);
    if (!(await report.exists())) continue;
    for (const result of resultsOf(await report.text())) known.set(result.file, result);
  }
  const none = (file: string): FileResult => ({ file, passed: 0, failed: 1 });
  return files.map((file) => known.get(file) ?? none(file));
}

async function runAll(): Promise<boolean> {
  const files = await testFiles(root);
  const folder = await mkdtemp(join(tmpdir(), "punktfunk-tests-"));
  try {
    const halves = ["first", "second"].map((name) => join(folder, name)) as [string, string];
    await runHalves(files, halves);
    let results = await readResults(files, halves);
    const failed = results.filter((one) => one.failed > 0).map(({ file }) => file);
    if (failed.length > 0 && failed.length <= secondChancesMax) {
      console.log(`\nOnce more, alone, as they failed: ${failed.join(", ")}`);
      const again = join(folder, "again");
      await Bun.spawn(runOf(failed, again), options).exited;
      const others = results.filter((one) => one.failed === 0);
      results = [...others, ...(await readResults(failed, [again]))];
    }
    const sum = (part: "passed" | "failed") => results.reduce((all, one) => all + one[part], 0);
    console.log(`\n ${sum("passed")} pass\n ${sum("failed")} fail`);
    return sum("failed") === 0 && sum("passed") > 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const named = process.argv.slice(2);
const passed =
  named.length > 0
    ? (await Bun.spawn([...command, ...named], options).exited) === 0
    : await runAll();
process.exit(passed ? 0 : 1);
