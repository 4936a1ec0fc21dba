/** The figures of the latency probe for people. */
import type { LatencySummary } from "../client/latency.ts";
import type { SoakVerdict } from "../client/policy/soak.ts";

const ms = (us: number | null | undefined) =>
  us === null || us === undefined ? "–" : `${(us / 1000).toFixed(2)} ms`;
const spread = (figures: { p50: number; p95: number; p99: number; max: number } | null) =>
  figures === null
    ? "not measured"
    : `p50 ${ms(figures.p50)}, p95 ${ms(figures.p95)}, p99 ${ms(figures.p99)}, most ${ms(figures.max)}`;

function sum({ stagesSumUs, differenceUs }: LatencySummary): string {
  if (stagesSumUs === null) return "not measured";
  if (differenceUs === null) return ms(stagesSumUs);
  const more = differenceUs < 0 ? "less" : "more";
  return `${ms(stagesSumUs)}; the pixels say ${ms(Math.abs(differenceUs))} ${more}`;
}

/** The whole probe as a short table. */
export function latencyTable(summary: LatencySummary): string {
  const { stagesUs, clock, markers, inputs, pixelsReadFrom } = summary;
  const place = pixelsReadFrom === "screen" ? "capture → screen" : "capture → decoded";
  const stages = Object.entries(stagesUs).map(
    ([name, stage]) => `    ${name.padEnd(10)} ${spread(stage)}`,
  );
  const error = clock.errorNs === null ? "" : ` ± ${ms(clock.errorNs / 1000)}`;
  return [
    "",
    `  ${summary.mode} ${summary.codec}, ${(summary.durationMs / 1000).toFixed(1)} s, ` +
      `${markers?.seen ?? 0} markers read, ${markers?.skipped ?? 0} pictures not seen`,
    `  by the pixels, ${place}   ${spread(summary.pixelLatencyUs)}`,
    `  by the stages             ${sum(summary)}`,
    ...stages,
    ...(inputs === null
      ? []
      : [
          `  key → its answer in the picture   ${spread(summary.inputLatencyUs)}; ` +
            `${inputs.answered} of ${inputs.pressed} keys`,
        ]),
    clock.skewCorrected
      ? `  clocks     offset ${ms((clock.offsetNs ?? 0) / 1000)}${error}, drift ${clock.driftPpm ?? "–"} ppm`
      : "  clocks     could not be compared: no latency across machines",
  ].join("\n");
}

/** What a soak ends with. */
export function soakTable(verdicts: readonly SoakVerdict[]): string {
  const mark = ({ ok }: SoakVerdict) => (ok ? "ok  " : "FAIL");
  return [
    "",
    ...verdicts.map(
      (verdict) =>
        `  ${mark(verdict)} ${verdict.what.padEnd(32)} ${verdict.seen} (${verdict.limit})`,
    ),
  ].join("\n");
}
