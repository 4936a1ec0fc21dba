/**
 * Where a stream's time and frames go, told from figures of some seconds: the slowest stage against
 * the time that a frame has, what is wrong, and the setting that would help. Pure.
 *
 * The network answers only for what is left when all that both machines dropped themselves has been
 * taken off; a stage that was not measured is neither praised nor blamed.
 */

import type { ByStage, StageName } from "./stages.ts";
import { stageNames, stages as stageTable } from "./stages.ts";

/** Of the frames of an interval, in microseconds. */
export interface StageTimes {
  readonly p50: number;
  readonly p95: number;
}

/** What happened in an interval. A figure that was not measured is null. */
export interface StreamFigures {
  readonly seconds: number;
  /** The time that the host's counts are of; null = the same. */
  readonly sourceSeconds: number | null;
  readonly refreshHz: number;
  readonly stages: ByStage<StageTimes | null>;
  readonly framesCaptured: number | null;
  /** Pictures that a newer one replaced before the encoder took them. */
  readonly framesReplaced: number | null;
  readonly framesSent: number | null;
  /** Packets that the host's own machine did not take. */
  readonly sendDropped: number | null;
  readonly packetsReceived: number | null;
  /** Packets that never came to the receiver, for whatever reason. */
  readonly packetsLost: number | null;
  readonly packetsLate: number | null;
  readonly packetsDisordered: number | null;
  /** Of the lost ones, those that the client's kernel threw away. */
  readonly socketDropped: number | null;
  /** The longest time that the client's own process stood still, in microseconds. */
  readonly clientHeldUs: number | null;
  readonly framesLost: number | null;
  /** Frames that came and that the decoder's full queue did not take. */
  readonly decodeRefused: number | null;
  readonly framesDecoded: number | null;
  /** Pictures that a newer one replaced before they were shown. */
  readonly presentReplaced: number | null;
  readonly isClockSuspect: boolean;
}

export const causes = [
  "late-source",
  "slow-encoder",
  "pacing",
  "host-socket",
  "client-socket",
  "client-held",
  "network-loss",
  "reorder",
  "slow-network",
  "slow-decoder",
  "display-wait",
  "clock",
] as const;
export type Cause = (typeof causes)[number];

export interface Finding {
  readonly cause: Cause;
  /** What was seen, as a sentence. */
  readonly detail: string;
  /** The setting that would help, as a sentence. */
  readonly advice: string;
  /** Share of the frames that it costs or holds up, 0…1; the findings are sorted by it. */
  readonly weight: number;
}

export interface Diagnosis {
  readonly budgetUs: number;
  /** The stage that takes most of a frame's time by itself; null when none was measured. */
  readonly slowest: {
    readonly stage: StageName;
    readonly p95Us: number;
    /** Of the time between two frames. */
    readonly budgetShare: number;
  } | null;
  /** The worst first; empty when nothing is wrong. */
  readonly findings: Finding[];
}

/** The slowest stage against the time that a frame has, as a sentence. */
export function slowestSentence({ slowest, budgetUs }: Diagnosis): string {
  if (slowest === null) return "No stage was measured: no picture came.";
  const { label, from, to } = stageTable[slowest.stage];
  return (
    `${label} (${from} to ${to}) takes most: ${ms(slowest.p95Us)} of the ${ms(budgetUs)} that a ` +
    `frame has, ${Math.round(slowest.budgetShare * 100)}% (95th percentile).`
  );
}

/** Below these shares nobody sees it. */
const seen = { frames: 0.02, loss: 0.001, disorder: 0.01 } as const;

export function diagnose(figures: StreamFigures): Diagnosis {
  const budgetUs = 1e6 / figures.refreshHz;
  const slowest = slowestStage(figures, budgetUs);
  const findings = [
    lateSource(figures),
    slowEncoder(figures, budgetUs),
    pacing(figures, budgetUs),
    hostSocket(figures),
    clientSocket(figures),
    clientHeld(figures),
    networkLoss(figures),
    reorder(figures),
    slowNetwork(figures, budgetUs),
    slowDecoder(figures, budgetUs),
    displayWait(figures, budgetUs),
    clock(figures),
  ].filter((finding) => finding !== undefined);
  return { budgetUs, slowest, findings: findings.sort((a, b) => b.weight - a.weight) };
}

function slowestStage(figures: StreamFigures, budgetUs: number): Diagnosis["slowest"] {
  const { stages } = figures;
  const own = { network: arriving(figures)?.p95, reassemble: gathering(figures) };
  const measured = stageNames.flatMap((stage) => {
    const isShared = stage === "network" || stage === "reassemble";
    const p95Us = isShared ? own[stage] : stages[stage]?.p95;
    return p95Us === undefined ? [] : [{ stage, p95Us, budgetShare: p95Us / budgetUs }];
  });
  if (measured.length === 0) return null;
  return measured.reduce((worst, one) => (one.p95Us > worst.p95Us ? one : worst));
}

/** How long a frame's packets take to be all there, beyond the time for which they are sent. */
function gathering({ stages, clientHeldUs }: StreamFigures): number | undefined {
  const { reassemble, pace } = stages;
  if (reassemble === null) return undefined;
  return Math.max(0, reassemble.p95 - (pace?.p95 ?? 0) - (clientHeldUs ?? 0));
}

/** The time on the network without that for which the client itself did not look. */
function arriving({ stages, clientHeldUs }: StreamFigures): StageTimes | undefined {
  const { network } = stages;
  if (network === null) return undefined;
  const p95 = Math.max(network.p50, network.p95 - (clientHeldUs ?? 0));
  return { p50: network.p50, p95 };
}

/** The share of frames that a count is of; 0 when either is not known. */
function share(count: number | null, of: number | null): number {
  return count === null || of === null || of <= 0 ? 0 : Math.min(1, Math.max(0, count / of));
}

/** How far a stage's 95th percentile is beyond its time, as a weight: twice the time is 1. */
function beyond(figures: StreamFigures, stage: StageName, timeUs: number): number {
  const p95 = figures.stages[stage]?.p95 ?? 0;
  return Math.min(1, Math.max(0, p95 / timeUs - 1));
}

const ms = (us: number) => `${(us / 1000).toFixed(us < 10_000 ? 1 : 0)} ms`;
const percent = (part: number) => `${(part * 100).toFixed(part < 0.01 ? 2 : 1)}%`;
const p95 = (figures: StreamFigures, stage: StageName) => ms(figures.stages[stage]?.p95 ?? 0);

function lateSource(figures: StreamFigures): Finding | undefined {
  const { framesCaptured, refreshHz } = figures;
  const seconds = figures.sourceSeconds ?? figures.seconds;
  if (framesCaptured === null) return undefined;
  const missing = 1 - framesCaptured / (refreshHz * seconds);
  if (missing < 0.05) return undefined;
  const rate = (framesCaptured / seconds).toFixed(1);
  return {
    cause: "late-source",
    detail: `The desktop gave ${rate} pictures a second of the ${refreshHz.toFixed(0)} asked for.`,
    advice:
      "A desktop that stands still gives none, and that is right. If it moves: lower the game's " +
      "settings or resolution, or ask for what it reaches by --mode.",
    weight: missing,
  };
}

function slowEncoder(figures: StreamFigures, budgetUs: number): Finding | undefined {
  const replaced = share(figures.framesReplaced, figures.framesCaptured);
  const weight = Math.max(replaced, beyond(figures, "encode", budgetUs));
  if (weight < seen.frames) return undefined;
  return {
    cause: "slow-encoder",
    detail:
      `Encoding takes ${p95(figures, "encode")} of the ${ms(budgetUs)} that a frame has; ` +
      `${percent(replaced)} of the pictures were replaced before it.`,
    advice:
      "Use a hardware encoder (serve --encoder auto takes one; punktfunk doctor encode says why " +
      "not), --codec h264, a smaller --mode, or a lower --bitrate.",
    weight,
  };
}

function pacing(figures: StreamFigures, budgetUs: number): Finding | undefined {
  const weight = beyond(figures, "pace", budgetUs / 2);
  if (weight < seen.frames) return undefined;
  return {
    cause: "pacing",
    detail: `Sending a frame's packets takes ${p95(figures, "pace")}: they are spread over time.`,
    advice: "Lower --bitrate, or --fec if its share is high: large frames take long to send.",
    weight,
  };
}

function hostSocket(figures: StreamFigures): Finding | undefined {
  const { sendDropped, framesSent } = figures;
  if (sendDropped === null || sendDropped <= 0) return undefined;
  return {
    cause: "host-socket",
    detail: `The host's own machine did not take ${sendDropped} packets.`,
    advice: "On the host: sudo sysctl -w net.core.wmem_max=33554432, then start serve again.",
    weight: Math.max(share(sendDropped, framesSent), seen.loss),
  };
}

function clientSocket(figures: StreamFigures): Finding | undefined {
  const { socketDropped, packetsReceived } = figures;
  if (socketDropped === null || socketDropped <= 0) return undefined;
  const part = share(socketDropped, (packetsReceived ?? 0) + socketDropped);
  return {
    cause: "client-socket",
    detail: `The client's own machine threw ${socketDropped} packets away, ${percent(part)}.`,
    advice:
      "On the client: sudo sysctl -w net.core.rmem_max=33554432, and let its threads run at once: " +
      "the line @users - rtprio 1 in /etc/security/limits.d/90-punktfunk.conf.",
    weight: Math.min(1, part * 10),
  };
}

function clientHeld({ clientHeldUs, seconds }: StreamFigures): Finding | undefined {
  if (clientHeldUs === null || clientHeldUs <= 0) return undefined;
  return {
    cause: "client-held",
    detail: `The client itself stood still, for up to ${ms(clientHeldUs)} at once.`,
    advice:
      "Something stopped it, or other programs took its processor: close them, or run it with a " +
      "smaller --mode.",
    weight: Math.min(1, Math.max(clientHeldUs / 1e6 / seconds, seen.frames)),
  };
}

function networkLoss(figures: StreamFigures): Finding | undefined {
  const { packetsLost, packetsReceived, framesLost } = figures;
  if (packetsLost === null || packetsReceived === null) return undefined;
  const own = (figures.socketDropped ?? 0) + (figures.sendDropped ?? 0);
  const lost = Math.max(0, packetsLost - own);
  const part = share(lost, packetsReceived + packetsLost);
  if (part < seen.loss) return undefined;
  const frames = (framesLost ?? 0) > 0 ? ` ${framesLost} frames could not be made good.` : "";
  return {
    cause: "network-loss",
    detail: `The network lost ${percent(part)} of the packets.${frames}`,
    advice:
      "A cable instead of Wi-Fi, or its 5 GHz band; a lower --bitrate; --fec with twice the loss " +
      "if frames are lost.",
    weight: Math.max(share(framesLost, figures.framesSent) * 10, part),
  };
}

function reorder(figures: StreamFigures): Finding | undefined {
  const { packetsDisordered, packetsLate, packetsReceived } = figures;
  const part = Math.max(
    share(packetsDisordered, packetsReceived),
    share(packetsLate, packetsReceived),
  );
  if (part < seen.disorder) return undefined;
  return {
    cause: "reorder",
    detail: `${percent(part)} of the packets came out of order or late.`,
    advice: "Two paths are used at once, or Wi-Fi repeats: bind to one interface (serve --bind).",
    weight: part,
  };
}

function slowNetwork(figures: StreamFigures, budgetUs: number): Finding | undefined {
  const network = arriving(figures);
  // What its worst frames take longer than its usual ones is the path's; the rest is distance.
  const spread = network === undefined || figures.isClockSuspect ? 0 : network.p95 - network.p50;
  const slower = Math.max(spread, gathering(figures) ?? 0);
  const weight = Math.min(1, Math.max(0, slower / budgetUs - 0.5));
  if (weight < seen.frames) return undefined;
  return {
    cause: "slow-network",
    detail: `On the network the slowest frames in twenty take ${ms(slower)} longer than others.`,
    advice: "Something queues on the way: lower --bitrate, or see by punktfunk speed-test HOST.",
    weight,
  };
}

function slowDecoder(figures: StreamFigures, budgetUs: number): Finding | undefined {
  const arrived = (figures.framesDecoded ?? 0) + (figures.decodeRefused ?? 0);
  const refused = share(figures.decodeRefused, arrived);
  const slow = Math.max(beyond(figures, "decode", budgetUs), beyond(figures, "wait", budgetUs));
  const weight = Math.max(refused, slow);
  if (weight < seen.frames) return undefined;
  return {
    cause: "slow-decoder",
    detail:
      `Decoding takes ${p95(figures, "decode")} of the ${ms(budgetUs)} that a frame has, after ` +
      `${p95(figures, "wait")} of waiting; ${percent(refused)} of the frames found its queue full.`,
    advice:
      "Use a hardware decoder (connect --decoder auto takes one), --codec h264, a smaller --mode.",
    weight,
  };
}

function displayWait(figures: StreamFigures, budgetUs: number): Finding | undefined {
  const replaced = share(figures.presentReplaced, figures.framesDecoded);
  const weight = Math.max(replaced, beyond(figures, "present", budgetUs));
  if (weight < 2 * seen.frames) return undefined;
  return {
    cause: "display-wait",
    detail:
      `Showing a picture takes ${p95(figures, "present")}; ${percent(replaced)} of them were ` +
      "replaced by newer ones before.",
    advice: "Ask for the screen's own rate by --mode, use full screen (F11), and switch vsync off.",
    weight,
  };
}

function clock({ isClockSuspect }: StreamFigures): Finding | undefined {
  if (!isClockSuspect) return undefined;
  return {
    cause: "clock",
    detail: "The two machines' clocks contradict each other: the offset is suspect.",
    advice: "Times across machines are left out until they agree; NTP on both ends helps.",
    weight: 0,
  };
}
