/** The report folder: report.json is what was measured, the other files show it. */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { PfError } from "../../src/base/errors.ts";
import { stageNames } from "../../src/base/stages.ts";
import type { Interval } from "../../src/client/figures.ts";
import type { LatencySummary } from "../../src/client/latency.ts";
import type { Plan } from "./matrix.ts";
import { reportPage } from "./page/page.ts";

/** One measurement, done or failed. */
export interface Run {
  readonly plan: Plan;
  /** ISO 8601. */
  readonly startedAt: string;
  /** null = it was done. */
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly summary: LatencySummary | null;
  /** What each second looked like. */
  readonly seconds: readonly Interval[];
}

/** A machine that took part. */
export interface Machine {
  readonly name: string;
  /** Version of punktfunk there. */
  readonly version: string;
  /** Kernel and architecture, as uname(1) tells them. */
  readonly system: string;
  readonly processors: number;
}

export interface Report {
  readonly format: typeof format;
  readonly machines: readonly Machine[];
  readonly runs: readonly Run[];
}

const format = "punktfunk latency report 1";

const reportSchema = z.looseObject({
  format: z.literal(format),
  machines: z.array(z.looseObject({ name: z.string() })),
  runs: z.array(
    z.looseObject({
      plan: z.looseObject({ id: z.string() }),
      error: z.looseObject({ message: z.string() }).nullable(),
      summary: z.looseObject({ type: z.literal("summary") }).nullable(),
      seconds: z.array(z.looseObject({ type: z.literal("stats") })),
    }),
  ),
});

export const emptyReport: Report = { format, machines: [], runs: [] };

/** The report of a folder; an empty one where there is none yet. Throws PF_STATE_INVALID. */
export async function readReport(folder: string): Promise<Report> {
  const path = join(folder, "report.json");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return emptyReport;
    throw new PfError("PF_STATE_INVALID", `${path} can't be read: ${(error as Error).message}.`);
  }
  try {
    return reportSchema.parse(JSON.parse(text)) as unknown as Report;
  } catch (error) {
    throw new PfError("PF_STATE_INVALID", `${path} is no report of this tool.`, {
      hint: "Name another folder by --out, or move the file away.",
      cause: error,
    });
  }
}

/** With the machines as they are now. */
export function withMachines(report: Report, machines: readonly Machine[]): Report {
  const others = report.machines.filter(({ name }) => !machines.some((one) => one.name === name));
  return { ...report, machines: [...others, ...machines] };
}

/** With a run added; an earlier run of the same plan goes. */
export function withRun(report: Report, run: Run): Report {
  const others = report.runs.filter(({ plan }) => plan.id !== run.plan.id);
  return { ...report, runs: [...others, run] };
}

/** Writes all three files, each as a whole. Throws PF_FILE_UNWRITABLE. */
export async function writeReport(folder: string, report: Report): Promise<void> {
  const files = {
    "report.json": `${JSON.stringify(report, undefined, 1)}\n`,
    "report.csv": reportCsv(report),
    "report.html": reportPage(report),
  };
  try {
    await mkdir(folder, { recursive: true });
    for (const [name, text] of Object.entries(files)) {
      const path = join(folder, name);
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
    }
  } catch (error) {
    throw new PfError(
      "PF_FILE_UNWRITABLE",
      `The report can't be written to ${folder}: ${(error as Error).message}.`,
      { hint: "Name a folder of yours by --out." },
    );
  }
}

type Cell = string | number | boolean | null;

/** A line a run (RFC 4180); an empty cell = not measured. */
export function reportCsv({ runs }: Report): string {
  const lines = runs.map((run) => csvRow(run));
  const heading = Object.keys(lines[0] ?? csvRow(undefined));
  const rows = lines.map((line) => Object.values(line));
  return [heading, ...rows].map((cells) => `${cells.map(csvCell).join(",")}\r\n`).join("");
}

function csvRow(run: Run | undefined): Record<string, Cell> {
  const { plan, summary } = run ?? {};
  const stageCells = stageNames.flatMap((stage) => {
    const figures = summary?.stagesUs[stage];
    return [
      [`${stage}P50Us`, figures?.p50 ?? null],
      [`${stage}P99Us`, figures?.p99 ?? null],
    ];
  });
  return {
    host: plan?.host ?? null,
    client: plan?.client ?? null,
    mode: plan?.mode ?? null,
    codec: plan?.codec ?? null,
    bitrateKbps: plan?.bitrateKbps ?? null,
    fecPct: plan === undefined || plan.fecPermille === null ? null : plan.fecPermille / 10,
    lossPct: plan?.lossPct ?? null,
    linkKbps: plan?.linkKbps ?? null,
    durationMs: summary?.durationMs ?? plan?.durationMs ?? null,
    startedAt: run?.startedAt ?? null,
    error: run?.error?.message ?? null,
    pixelP50Us: summary?.pixelLatencyUs?.p50 ?? null,
    pixelP95Us: summary?.pixelLatencyUs?.p95 ?? null,
    pixelP99Us: summary?.pixelLatencyUs?.p99 ?? null,
    pixelMaxUs: summary?.pixelLatencyUs?.max ?? null,
    stagesSumUs: summary?.stagesSumUs ?? null,
    differenceUs: summary?.differenceUs ?? null,
    ...Object.fromEntries(stageCells),
    framesReceived: summary?.frames.received ?? null,
    framesLost: summary?.frames.lost ?? null,
    framesRecovered: summary?.frames.recovered ?? null,
    packetsReceived: summary?.packets.received ?? null,
    packetsLost: summary?.packets.lost ?? null,
    clockErrorNs: summary?.clock.errorNs ?? null,
    skewCorrected: summary?.clock.skewCorrected ?? null,
  };
}

function csvCell(cell: Cell): string {
  const text = cell === null ? "" : String(cell);
  // A text that begins like a formula is not to be one in a spreadsheet.
  const safe = typeof cell === "string" && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
