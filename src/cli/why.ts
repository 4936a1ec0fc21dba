/** Where a session's time and frames go, in words. */
import { type Diagnosis, slowestSentence } from "../base/bottleneck.ts";
import { stageNames, stages } from "../base/stages.ts";
import type { Percentiles } from "../base/stats.ts";
import { plainLine } from "../wire/control.ts";
import type { Why } from "../wire/management.ts";
import { table } from "./host/table.ts";

type Times = { readonly [Name in keyof Percentiles]: number } | null;

const ms = (us: number | undefined) =>
  us === undefined ? "–" : `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms`;
const cells = (times: Times) => [times?.p50, times?.p95, times?.p99, times?.max].map(ms);

/** A bar of the time that a frame has; + where it is more. */
const barCells = 20;
function bar(us: number | undefined, budgetUs: number): string {
  if (us === undefined) return "";
  const share = us / budgetUs;
  const filled = "█".repeat(Math.round(Math.min(1, share) * barCells));
  return share > 1 ? `${filled}+` : filled;
}

/** The stages as a table, p95 as a bar of the budget. */
export function stageTable(
  stagesUs: Readonly<Record<keyof typeof stages, Times>>,
  budgetUs: number,
): string {
  const rows = stageNames.map((name) => {
    const times = stagesUs[name];
    return [stages[name].label, ...cells(times), bar(times?.p95, budgetUs)];
  });
  const heads = ["STAGE", "P50", "P95", "P99", "MAX", "OF A FRAME'S TIME"];
  return table([heads, ...rows], [1, 2, 3, 4]);
}

export function whyWords(why: Why): string {
  const { findings, captureToPresentedUs } = why;
  const [p50, p95, p99, max] = cells(captureToPresentedUs);
  return [
    "",
    `  Session ${why.session} with ${plainLine(why.peer)}, ${plainLine(why.mode)}: the last ${why.seconds.toFixed(0)} s ` +
      `as the ${why.side} knows them.`,
    `  ${slowestSentence(why as Diagnosis)}`,
    ...(findings.length === 0 ? ["  Nothing is wrong."] : []),
    ...findings.flatMap(({ cause, detail, advice }, index) => [
      "",
      `  ${index + 1}. ${cause}: ${plainLine(detail)}`,
      `     ${plainLine(advice)}`,
    ]),
    "",
    stageTable(why.stagesUs, why.budgetUs),
    ...(captureToPresentedUs === null
      ? []
      : [`  captured → presented: p50 ${p50}, p95 ${p95}, p99 ${p99}, max ${max}`]),
    `  ${clockWords(why.clock)}`,
  ].join("\n");
}

/** What a figure across machines is worth. */
export function clockWords(clock: Why["clock"]): string {
  if (clock?.suspect === true) {
    return "Clock offset suspect: the machines' clocks contradict each other, so nothing across them is measured.";
  }
  if (clock === null || !clock.skewCorrected) {
    return "The clocks were not compared: nothing across machines is measured.";
  }
  const error = clock.errorNs === null ? "" : `, right to ± ${ms(clock.errorNs / 1000)}`;
  return `Times across machines are corrected by the clocks' offset${error}.`;
}
