/** The report for people. */
import type { Machine } from "./machine.ts";
import type { Row } from "./row.ts";

const heads = ["what", "wanted", "seen", "", "how"] as const;

/** Prints one table; columns are as wide as their longest cell, the last one is not filled up. */
export function printTable(
  machine: Machine,
  report: readonly { readonly section: string; readonly rows: readonly Row[] }[],
  counts: Readonly<Record<Row["verdict"], number>>,
): void {
  const { cpu, cores, kernel, load, busyPct } = machine;
  console.log(
    `\n${cpu}, ${cores} cores, Linux ${kernel}; before the report ${busyPct}% of it was busy ` +
      `(load ${load.toFixed(2)})\n`,
  );
  const lines = report.flatMap(({ section, rows }) => [
    [`— ${section}`, "", "", "", ""],
    ...rows.map((row) => [`  ${row.what}`, row.wanted, row.seen, mark(row), row.method]),
  ]);
  const all = [[...heads], ...lines];
  const widths = heads.map((_, column) => Math.max(...all.map((cells) => width(cells[column]))));
  for (const cells of all) {
    const padded = cells.map((cell, column) =>
      column === heads.length - 1 ? cell : cell + " ".repeat((widths[column] ?? 0) - width(cell)),
    );
    console.log(padded.join("  ").trimEnd());
  }
  console.log(
    `\n${counts.pass} reached, ${counts.short} short, ${counts.absent} not measurable here`,
  );
}

const width = (cell = "") => Bun.stringWidth(cell);

function mark({ verdict }: Row): string {
  return { pass: "pass", short: "SHORT", report: "", absent: "–" }[verdict];
}
