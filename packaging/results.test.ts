import { expect, test } from "bun:test";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { resultsOf, testFiles } from "./results.ts";

/** Runs files of tests as `npm test` does, and returns its report. */
async function reportOf(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "punktfunk-report-"));
  try {
    for (const [name, text] of Object.entries(files)) await Bun.write(join(folder, name), text);
    const words = ["--reporter=junit", "--reporter-outfile=report"];
    const options = { cwd: folder, stdout: "ignore", stderr: "ignore" } as const;
    await Bun.spawn([process.execPath, "test", ...words], options).exited;
    return await Bun.file(join(folder, "report")).text();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("what passed and failed is counted by file, groups within their file", async () => {
  const head = 'import { describe, expect, test } from "bun:test";\n';
  const report = await reportOf({
    "good.test.ts": `${head}test("a <b> \\"c\\"", () => {}); test.skip("s", () => {});
      describe("d & e", () => { describe("f", () => { test("g", () => {}); }); });`,
    "bad.test.ts": `${head}describe("d", () => { test("h", () => expect(1).toBe(2)); });
      test("i", () => {});`,
    "late.test.ts": `${head}test("j", () => { setTimeout(() => { throw new Error("late"); }, 1); });
      test("k", async () => { await Bun.sleep(50); });`,
    "broken.test.ts": `${head}throw new Error("no test of it ran");`,
  });
  expect(resultsOf(report).toSorted((a, b) => a.file.localeCompare(b.file))).toEqual([
    { file: "bad.test.ts", passed: 1, failed: 1 },
    { file: "good.test.ts", passed: 2, failed: 0 },
    { file: "late.test.ts", passed: 1, failed: 1 },
  ]);
});

test("files of tests are found in every folder that has some", async () => {
  const root = await mkdtemp(join(tmpdir(), "punktfunk-root-"));
  try {
    for (const name of ["packaging", "src/a/b", "tools"]) {
      await mkdir(join(root, name), { recursive: true });
      await Bun.write(join(root, name, "x.test.ts"), "");
      await Bun.write(join(root, name, "y.ts"), "");
    }
    const found = ["packaging", "src/a/b", "tools"].map((name) => `${name}/x.test.ts`);
    expect(await testFiles(root)).toEqual(found);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
});
