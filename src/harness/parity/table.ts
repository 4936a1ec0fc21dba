/**
 * Writes the table in docs/adaptive-fec.md: each trace with shares that stay and with the one that
 * adapts. `bun src/harness/parity/table.ts` writes, `--check` fails when writing would change it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { type Simulation, simulate } from "./simulate.ts";
import { type Trace, traces } from "./traces.ts";

const path = new URL("../../../docs/adaptive-fec.md", import.meta.url).pathname;
const begin = "<!-- generated: traces -->\n";
const end = "<!-- end -->";

/** Each trace is run with these, and what is counted is added up. */
const seeds = [1, 2, 3];
const fixedShares = [50, 200, 500];
/** Seconds from the onset at which the share is shown. */
const moments = [0.3, 1, 5, 20, 58];

const sum = (runs: readonly Simulation[], of: (run: Simulation) => number) =>
  runs.reduce((total, run) => total + of(run), 0);

function lostPct(runs: readonly Simulation[]): string {
  const lost = sum(runs, (run) => run.framesLost);
  return lost === 0 ? "0" : ((100 * lost) / sum(runs, (run) => run.frames)).toFixed(2);
}

function shareAt(runs: readonly Simulation[], seconds: number): string {
  const at = sum(runs, ({ shares }) => {
    return shares.find((share) => share.seconds >= seconds)?.permille ?? 0;
  });
  return Math.round(at / runs.length / 10).toString();
}

function adaptedMs(runs: readonly Simulation[]): string {
  const times = runs.flatMap((run) => (run.adaptedMs === null ? [] : [run.adaptedMs]));
  const slowest = Math.max(...times);
  return times.length < runs.length ? "–" : `${(slowest / 1000).toFixed(1)} s`;
}

function row(trace: Trace): string {
  const run = (share: number | "adaptive") => seeds.map((seed) => simulate(trace, share, seed));
  const adaptive = run("adaptive");
  const causes = new Set(adaptive.flatMap((each) => each.causes));
  const cells = [
    `**${trace.name}**: ${trace.does}`,
    ...fixedShares.map((share) => lostPct(run(share))),
    lostPct(adaptive),
    Math.round(sum(adaptive, (each) => each.parityPct) / seeds.length),
    adaptedMs(adaptive),
    moments.map((seconds) => shareAt(adaptive, seconds)).join(" · "),
    [...causes].join(", "),
  ];
  return `| ${cells.join(" | ")} |`;
}

function table(): string {
  const head = [
    "path",
    ...fixedShares.map((share) => `lost at ${share / 10}%`),
    "lost, adaptive",
    "its parity",
    "adapted in",
    `its share after ${moments.join(" · ")} s`,
    "why",
  ];
  const rule = head.map((_, i) => (i === 0 || i >= 6 ? "---" : "---:"));
  return [`| ${head.join(" | ")} |`, `| ${rule.join(" | ")} |`, ...traces.map(row), ""].join("\n");
}

/** The page with its table made anew. */
function page(text: string): string {
  const from = text.indexOf(begin) + begin.length;
  const to = text.indexOf(end, from);
  if (from < begin.length || to < 0) throw new Error(`${path} has no place for the table`);
  return `${text.slice(0, from)}${table()}${text.slice(to)}`;
}

if (import.meta.main) {
  const text = readFileSync(path, "utf8");
  const made = page(text);
  if (made !== text && process.argv.includes("--check")) {
    console.error(`${path} is not up to date: run npm run generate`);
    process.exit(1);
  }
  if (made !== text) writeFileSync(path, made);
}
