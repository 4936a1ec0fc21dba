/** The figures of a speed test for people. */
import type { Burst } from "../client/policy/burst.ts";
import type { BurstProgress } from "../client/probe.ts";
import type { SpeedSummary } from "../client/speed-test.ts";

/** A rate in the unit in which a person would say it. */
export function rateWords(kbps: number | null): string {
  if (kbps === null) return "–";
  if (kbps >= 1_000_000) return `${(kbps / 1_000_000).toFixed(2)} Gbps`;
  return `${(kbps / 1000).toFixed(kbps < 10_000 ? 1 : 0)} Mbps`;
}

const percentWords = (percent: number | null) => (percent === null ? "–" : `${percent}%`);
const jitterWords = (us: number | null) => (us === null ? "–" : `${(us / 1000).toFixed(2)} ms`);

/** One line about the burst that runs. */
export function progressLine(progress: BurstProgress): string {
  return [
    `${rateWords(progress.throughputKbps)} of ${rateWords(progress.targetKbps)}`,
    `loss ${percentWords(progress.lossPct)}`,
    `jitter ${jitterWords(progress.jitterUs)}`,
    `${(progress.elapsedMs / 1000).toFixed(1)} s`,
  ].join(" · ");
}

/** One line about a burst of the ramp. */
export function burstLine(burst: Burst, held: boolean): string {
  const lost = `loss ${percentWords(burst.lossPct)}`;
  const came = `${rateWords(burst.throughputKbps)} came`;
  return `${rateWords(burst.targetKbps)}: ${held ? "carried" : "too much"}, ${came}, ${lost}`;
}

const limits: Readonly<Record<SpeedSummary["limitedBy"], string>> = {
  rate: "the rate that was asked for came through",
  clamp: "the most that this host sends; serve --max-probe raises it",
  host: "the host could not send faster",
  network: "the network lost or delayed the rest",
  client: "this machine could not take in more",
};

/** What to say when the host sent less than it was asked for. */
export function clampWarning({ requestedKbps, targetKbps }: SpeedSummary): string | undefined {
  if (requestedKbps === null || requestedKbps <= targetKbps) return undefined;
  return (
    `The host sends at most ${rateWords(targetKbps)}, not ${rateWords(requestedKbps)}: ` +
    "serve --max-probe raises that."
  );
}

/** The whole test as a short table. */
export function speedTable(summary: SpeedSummary): string {
  const { packets, frames, drops } = summary;
  return [
    "",
    `  throughput   ${rateWords(summary.throughputKbps)} of ${rateWords(summary.targetKbps)}, ` +
      `${(summary.durationMs / 1000).toFixed(1)} s`,
    `  limited by   ${limits[summary.limitedBy]}`,
    `  loss         ${percentWords(summary.lossPct)}: ${packets.lost} of ${packets.sent} packets; ` +
      `${frames.lost} of ${frames.sent} frames, ${frames.recovered} saved by parity`,
    `  dropped      ${drops.sender} by the host, ${drops.network} on the way, ` +
      `${drops.kernel} by this kernel, ${drops.client} by this client`,
    `  order        ${packets.disordered} out of order, ${packets.late} late`,
    `  jitter       ${jitterWords(summary.jitterUs)}`,
    `  recommended  --bitrate ${recommendation(summary.recommendedKbps)}`,
  ].join("\n");
}

/** As --bitrate takes it. */
function recommendation(kbps: number | null): string {
  if (kbps === null) return "–";
  return kbps < 10_000 ? `${kbps}k` : `${Math.floor(kbps / 1000)}M`;
}
