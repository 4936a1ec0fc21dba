/** A client's figures for people. */
import { stageNames, stages } from "../base/stages.ts";
import type { Interval, Summary } from "../client/figures.ts";
import { parseMode } from "../wire/mode.ts";
import { clockWords, stageTable } from "./why.ts";

/** The time between two frames of a mode. */
const frameUs = (mode: string) => 1e9 / parseMode(mode).refreshMilliHz;

const milliseconds = (us: number | null | undefined) =>
  us === null || us === undefined ? "–" : `${(us / 1000).toFixed(us < 10_000 ? 2 : 1)} ms`;
const megabits = (kbps: number | null) =>
  kbps === null ? "–" : `${(kbps / 1000).toFixed(1)} Mbps`;

/** One line about the last second. */
export function liveLine(figures: Interval): string {
  const parts = [
    `${figures.framesPerSecond.toFixed(0)} fps`,
    megabits(figures.kbps),
    `latency ${milliseconds(figures.latencyUs.p50)} (p99 ${milliseconds(figures.latencyUs.p99)}` +
      `${figures.clock.suspect ? ", clock offset suspect" : ""})`,
    slowest(figures),
    `loss ${figures.packetLossPct ?? "–"}% (parity ${figures.parityPct ?? "–"}%)`,
    `${figures.framesLost} frames lost, ${figures.framesRecovered} recovered`,
  ];
  return parts.join(" · ");
}

/** The stage that takes most, as `most of it encode 3.20 ms`. */
function slowest({ stagesUs }: Interval): string {
  const worst = stageNames
    .filter((name) => !stages[name].isAside && stagesUs[name] !== null)
    .toSorted((a, b) => (stagesUs[b]?.p50 ?? 0) - (stagesUs[a]?.p50 ?? 0))[0];
  if (worst === undefined) return "no stage measured";
  return `most of it ${worst} ${milliseconds(stagesUs[worst]?.p50)}`;
}

/** What was sent of each kind of input; empty when nothing was. */
function sentLine(input: Summary["input"]): string {
  const sent = Object.entries(input).filter(([, count]) => count > 0);
  if (sent.length === 0) return "";
  return `  input      ${sent.map(([kind, count]) => `${kind} ${count}`).join(", ")}`;
}

/** What came of sound; empty when none was to come. */
function soundLine({ received, lost }: Summary["audio"]): string {
  return received === null ? "" : `  sound      ${received} packets received, ${lost} lost`;
}

/** The whole stream as a short table. */
export function summaryTable(summary: Summary): string {
  const { frames, packets, bitrateKbps, latencyUs, stagesUs, clock } = summary;
  const seconds = (summary.durationMs / 1000).toFixed(1);
  const latency = (name: keyof typeof latencyUs) => {
    const figures = latencyUs[name];
    if (figures === null) return "not measured";
    return `p50 ${milliseconds(figures.p50)}, p99 ${milliseconds(figures.p99)}, most ${milliseconds(figures.max)}`;
  };
  return [
    "",
    `  ${summary.mode} ${summary.codec}, ${seconds} s`,
    `  frames     ${frames.received} received, ${frames.decoded} decoded, ` +
      `${frames.presented ?? "none"} shown, ${frames.lost} lost, ${frames.recovered} recovered`,
    `  packets    ${packets.received} received, ${packets.lost} lost, ` +
      `${summary.parityPct ?? "–"}% parity at the end`,
    sentLine(summary.input),
    soundLine(summary.audio),
    `  bitrate    ${megabits(bitrateKbps.received)} of ${megabits(bitrateKbps.resolved)}`,
    `  capture → reassembled   ${latency("captureToReassembled")}`,
    `  capture → decoded       ${latency("captureToDecoded")}`,
    `  capture → shown         ${latency("captureToPresented")}`,
    stageTable(stagesUs, frameUs(summary.mode)),
    `  ${clockWords(clock)}`,
  ]
    .filter((line, index) => index === 0 || line !== "")
    .join("\n");
}
