/** What a run of the tests says of each file, in the JUnit form that `bun test` writes. */

export interface FileResult {
  /** From the root, "src/base/units.test.ts". */
  readonly file: string;
  readonly passed: number;
  readonly failed: number;
}

/** Suites lie within those of their files, whose counts hold them. */
export function resultsOf(report: string): FileResult[] {
  const results: FileResult[] = [];
  let depth = 0;
  for (const [tag] of report.matchAll(/<testsuite\s[^>]*>|<\/testsuite>/g)) {
    if (tag.startsWith("</")) depth--;
    else if (depth++ === 0) results.push(resultOf(tag));
    if (tag.endsWith("/>")) depth--;
  }
  return results;
}

function resultOf(tag: string): FileResult {
  const attribute = (name: string) => new RegExp(` ${name}="([^"]*)"`).exec(tag)?.[1] ?? "";
  const [tests, failed, skipped] = ["tests", "failures", "skipped"].map((name) =>
    Number(attribute(name)),
  ) as [number, number, number];
  return { file: attribute("file"), passed: tests - failed - skipped, failed };
}

/** All files of tests, from the root. */
export async function testFiles(root: string): Promise<string[]> {
  const files: string[] = [];
  for (const folder of ["packaging", "src", "tools"]) {
    const found = new Bun.Glob("**/*.test.ts").scan({ cwd: `${root}/${folder}` });
    for await (const file of found) files.push(`${folder}/${file}`);
  }
  return files.sort();
}
