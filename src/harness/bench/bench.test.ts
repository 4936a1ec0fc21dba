import { expect, test } from "bun:test";
import { percentile } from "./row.ts";

async function bench(...args: string[]) {
  const child = Bun.spawn([process.execPath, `${import.meta.dir}/main.ts`, ...args], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [output, words] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { output, words, status: await child.exited };
}

test("a section's rows come as JSON after the machine and before the count of them", async () => {
  const { output, words, status } = await bench("help", "--json");
  const lines = output.trim().split("\n");
  const [machine, row, total] = lines.map((line) => JSON.parse(line));
  expect(status).toBe(0);
  expect(lines).toHaveLength(3);
  expect(machine).toMatchObject({ type: "machine", cores: navigator.hardwareConcurrency });
  expect(row).toMatchObject({ type: "row", section: "help", what: "punktfunk --help" });
  expect(row.verdict).toBe(row.figures.median < 150 ? "pass" : "short");
  expect(total).toEqual({
    type: "summary",
    pass: 0,
    short: 0,
    report: 0,
    absent: 0,
    ...count(row),
  });
  expect(words).toContain("help: done");
});

const count = (row: { verdict: string }) => ({ [row.verdict]: 1 });

test("for people it is a table, and a section that does not exist is a wrong command line", async () => {
  const table = await bench("help");
  expect(table.output).toMatch(/what +wanted +seen/);
  expect(table.output).toMatch(/punktfunk --help +< 150 ms +\d+ ms/);
  const wrong = await bench("nosuch");
  expect([wrong.status, wrong.output]).toEqual([2, ""]);
  expect(wrong.words).toContain("no section nosuch: stream, latency, input,");
});

test("a percentile is a sample at least as large as that share of them", () => {
  expect(percentile([], 0.5)).toBeNull();
  expect([0, 0.5, 0.99, 1].map((share) => percentile([9, 1, 5, 3], share))).toEqual([1, 3, 9, 9]);
});
