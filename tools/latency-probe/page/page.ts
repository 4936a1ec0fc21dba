/**
 * report.html: one file that needs nothing else, no script among it. Runs of one pair of ends, one
 * mode and one codec are compared with each other, in plots with the same figures in a table beside.
 */

import { showRate, variantOf } from "../matrix.ts";
import type { Report, Run } from "../report.ts";
import {
  cumulative,
  distributionPlot,
  lossPlot,
  lossShares,
  nothing,
  secondsPlot,
  stagePlot,
  stagesOf,
} from "./plots.ts";
import { style } from "./style.ts";
import { curvesMax, escapeText } from "./svg.ts";

interface Column {
  readonly title: string;
  readonly cell: (run: Run) => string;
}

const ms = (us: number | null | undefined) =>
  us === null || us === undefined ? "–" : (us / 1000).toFixed(2);
const percent = (share: number | null) => (share === null ? "–" : share.toFixed(2));

export function reportPage(report: Report): string {
  const names = namesOf(report.runs);
  const groups = groupsOf(report.runs, names.group);
  const sections = groups.map(({ title, runs }, index) => group(title, runs, `group-${index + 1}`));
  const failed = report.runs.filter(({ error }) => error !== null).length;
  const counted = `${report.runs.length} runs${failed === 0 ? "" : `, ${failed} of them failed`}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Latency of punktfunk: ${counted}</title>
<style>${style}</style>
</head>
<body>
<a class="skip" href="#content">To the figures</a>
<header>
<h1>Latency of punktfunk</h1>
<p>${counted}${escapeText(names.common)}. The host's pictures carry the time of their capture; it is read from the decoded
pixels at the client, and held against what each stage stamped.</p>
<nav aria-label="Parts of this report"><ul>
<li><a href="#runs">All runs</a></li>
${groups.map(({ title }, i) => `<li><a href="#group-${i + 1}">${escapeText(title)}</a></li>`).join("\n")}
<li><a href="#machines">Machines</a></li>
</ul></nav>
</header>
<main id="content">
<h2 id="runs">All runs</h2>
${table("All runs, latency in ms", allColumns, report.runs, names.run)}
${sections.join("\n")}
<h2 id="machines">Machines</h2>
${machines(report)}
</main>
<footer><p>– means not measured. p50 is the median; p99 is what 99 of 100 pictures
keep. The latencies are wrong by no more than the clocks may be.</p></footer>
</body>
</html>
`;
}

interface Names {
  /** What all runs have in common, as the end of a sentence. */
  readonly common: string;
  /** What the runs that are compared have in common beyond that. */
  readonly group: (run: Run) => string;
  readonly run: (run: Run) => string;
}

function namesOf(runs: readonly Run[]): Names {
  const parts = [ends, ({ durationMs }: Run["plan"]) => `${durationMs / 1000} s each`];
  const told = parts.map((part) => ({ part, all: new Set(runs.map(({ plan }) => part(plan))) }));
  const common = told.flatMap(({ all }) => (all.size === 1 ? [...all] : []));
  const own = told.filter(({ all }) => all.size > 1);
  const group = ({ plan }: Run) =>
    [`${plan.mode} ${plan.codec}`, ...own.map(({ part }) => part(plan))].join(", ");
  return {
    common: common.map((words) => `, ${words}`).join(""),
    group,
    run: (run) => `${group(run)}, ${variantOf(run.plan)}`,
  };
}

function ends({ host, client, linkKbps }: Run["plan"]): string {
  const link = linkKbps === null ? "" : ` over ${showRate(linkKbps)}`;
  return `${host === "local" ? "between namespaces" : `${host} → ${client}`}${link}`;
}

const allColumns: readonly Column[] = [
  { title: "pixels p50", cell: ({ summary }) => ms(summary?.pixelLatencyUs?.p50) },
  { title: "p95", cell: ({ summary }) => ms(summary?.pixelLatencyUs?.p95) },
  { title: "p99", cell: ({ summary }) => ms(summary?.pixelLatencyUs?.p99) },
  { title: "most", cell: ({ summary }) => ms(summary?.pixelLatencyUs?.max) },
  { title: "stages' sum", cell: ({ summary }) => ms(summary?.stagesSumUs) },
  { title: "pixels beyond", cell: ({ summary }) => ms(summary?.differenceUs) },
  { title: "clocks ±", cell: ({ summary }) => clockError(summary?.clock) },
  { title: "frames", cell: ({ summary }) => String(summary?.frames.received ?? "–") },
];

function clockError(clock: NonNullable<Run["summary"]>["clock"] | undefined): string {
  if (clock === undefined || clock.errorNs === null) return "–";
  return `${ms(clock.errorNs / 1000)}${clock.skewCorrected ? "" : ", suspect"}`;
}

/** Runs that are compared, in the order of the plan's settings. */
function groupsOf(
  runs: readonly Run[],
  titleOf: (run: Run) => string,
): { readonly title: string; readonly runs: Run[] }[] {
  return [...Map.groupBy(runs, titleOf)].flatMap(([title, all]) => {
    const parts = Math.ceil(all.length / curvesMax);
    const size = Math.ceil(all.length / parts);
    return Array.from({ length: parts }, (_, part) => ({
      title: parts === 1 ? title : `${title}, part ${part + 1} of ${parts}`,
      runs: all.slice(part * size, (part + 1) * size),
    }));
  });
}

function group(title: string, runs: readonly Run[], id: string): string {
  const done = runs.filter(({ summary }) => summary !== null);
  const failures = runs.filter(({ error }) => error !== null);
  const parts = [
    `<h2 id="${id}">${escapeText(title)}</h2>`,
    ...failures.map(
      (run) =>
        `<p><span class="failed">Failed:</span> ${escapeText(variantOf(run.plan))}. ` +
        `${escapeText(run.error?.message ?? "")}</p>`,
    ),
  ];
  if (done.length === 0) return parts.join("\n");
  const hasPixels = done.some(({ summary }) => (summary?.histogramUs ?? []).length > 0);
  const variant = ({ plan }: Run) => variantOf(plan);
  const section = (
    heading: string,
    plot: string,
    columns: readonly Column[],
    unit: string,
    look = "plot",
  ) =>
    `<section class="${look}" aria-label="${heading}, ${escapeText(title)}"><h3>${heading}</h3>\n` +
    `${plot}\n${table(`${heading}, ${unit}`, columns, done, variant)}</section>`;
  return [
    ...parts,
    section("Stages", stagePlot(done), stageColumns(done), "p50 / p99 in ms", "plot wide"),
    section(
      "Distribution",
      hasPixels ? distributionPlot(done) : nothing("No picture had a marker"),
      distributionColumns,
      "pixel latency in ms",
    ),
    section("Second by second", secondsPlot(done), secondColumns(done), "p50 in ms"),
    section("Loss and recovery", lossPlot(done), lossColumns, "percent"),
  ].join("\n");
}

function stageColumns(runs: readonly Run[]): Column[] {
  return [
    ...stagesOf(runs).map((stage) => ({
      title: stage,
      cell: ({ summary }: Run) => {
        const figures = summary?.stagesUs[stage];
        return `${ms(figures?.p50)} / ${ms(figures?.p99)}`;
      },
    })),
    {
      title: "pixels",
      cell: ({ summary }) =>
        `${ms(summary?.pixelLatencyUs?.p50)} / ${ms(summary?.pixelLatencyUs?.p99)}`,
    },
  ];
}

const distributionColumns: readonly Column[] = [0.05, 0.25, 0.5, 0.75, 0.95, 0.99].map((share) => ({
  title: `${Math.round(share * 100)}% within`,
  cell: ({ summary }) =>
    ms(cumulative(summary?.histogramUs ?? []).find(([, upTo]) => upTo >= share)?.[0]),
}));

/** Ten seconds at most, evenly taken from the run; the file report.json has them all. */
function secondColumns(runs: readonly Run[]): Column[] {
  const longest = Math.max(1, ...runs.map(({ seconds }) => seconds.length));
  const step = Math.ceil(longest / 10);
  return Array.from({ length: Math.ceil(longest / step) }, (_, i) => ({
    title: `${1 + i * step} s`,
    cell: ({ seconds }: Run) => ms(seconds[i * step]?.latencyUs.p50),
  }));
}

const lossColumns: readonly Column[] = [
  { title: "packets lost", cell: (run) => percent(lossShares(run).packetsLost) },
  { title: "frames rebuilt", cell: (run) => percent(lossShares(run).framesRecovered) },
  { title: "frames lost", cell: (run) => percent(lossShares(run).framesLost) },
  { title: "parity at the end", cell: ({ seconds }) => percent(seconds.at(-1)?.parityPct ?? null) },
];

/** A table that scrolls by itself where it is too wide, by keyboard too. */
function table(
  caption: string,
  columns: readonly Column[],
  runs: readonly Run[],
  name: (run: Run) => string,
): string {
  const heads = columns.map(({ title }) => `<th scope="col">${escapeText(title)}</th>`).join("");
  const lines = runs.map((run) => {
    const cells =
      run.error === null
        ? columns.map(({ cell }) => `<td>${escapeText(cell(run))}</td>`).join("")
        : `<td class="words" colspan="${columns.length}"><span class="failed">failed</span> ` +
          `${escapeText(run.error.message)}</td>`;
    return `<tr><th scope="row">${escapeText(name(run))}</th>${cells}</tr>`;
  });
  return scrolling(
    caption,
    `<thead><tr><th scope="col">run</th>${heads}</tr></thead>\n<tbody>${lines.join("\n")}</tbody>`,
  );
}

const scrolling = (caption: string, content: string) =>
  `<div class="table" role="group" tabindex="0" aria-label="${escapeText(caption)}">` +
  `<table><caption>${escapeText(caption)}</caption>\n${content}</table></div>`;

function machines(report: Report): string {
  const lines = report.machines.map(
    ({ name, version, system, processors }) =>
      `<tr><th scope="row">${escapeText(name)}</th><td>${escapeText(version)}</td>` +
      `<td>${escapeText(system)}</td><td>${escapeText(String(processors))}</td></tr>`,
  );
  const heads = ["machine", "punktfunk", "system", "processors"]
    .map((title) => `<th scope="col">${title}</th>`)
    .join("");
  return scrolling(
    "Machines",
    `<thead><tr>${heads}</tr></thead>\n<tbody>${lines.join("")}</tbody>`,
  );
}
