/**
 * What this client tells the host about its path: every 100 ms while packets come, else each second,
 * what was lost since the last report and how it lies in its frames. The host adapts its parity.
 */
import type { FrameLoss } from "../ffi/media/receive.ts";
import type { MessageOf } from "../wire/control.ts";
import { limit } from "../wire/limits.ts";

export type LossReport = MessageOf<"lossReport">;

/** Counters of the receiver and its port at one moment. */
export interface LossCounters {
  readonly atMs: number;
  readonly packets: number;
  /** Told lost and not come since, so it may fall. */
  readonly packetsLost: number;
  readonly packetsLate: number;
  readonly packetsDropped: number;
  readonly framesComplete: number;
  readonly framesRecovered: number;
  readonly framesLost: number;
  readonly shardsSettled: number;
}

/** Six frames at 60 Hz: soon enough that few are lost before the parity is more. */
export const lossIntervalMs = 100;
/** Something is said at least this often. */
const silenceMsMax = 1000;

/**
 * Whether a frame was lost that no parity within the limits makes good: a host that answered it with
 * more would only send more.
 */
export function isBeyond({ dataCount, parityCount, lost }: FrameLoss): boolean {
  const most = limit("parity_permille_max");
  const shards = dataCount + parityCount;
  return lost > parityCount && lost * (1000 + most) > shards * most;
}

/** A report of what happened between two moments, of which `losses` are the frames with a loss. */
export function lossReport(
  earlier: LossCounters,
  later: LossCounters,
  losses: readonly FrameLoss[],
): LossReport {
  const grown = (name: keyof LossCounters) => Math.max(0, later[name] - earlier[name]);
  const within = losses.filter((frame) => frame.lost > 0 && !isBeyond(frame));
  const beyond = losses.filter(isBeyond);
  const sum = (list: readonly FrameLoss[], of: (frame: FrameLoss) => number) =>
    list.reduce((total, frame) => total + of(frame), 0);
  const used = ({ lost, parityCount }: FrameLoss) => lost / parityCount;
  const worst = within.reduce<FrameLoss | undefined>(
    (most, frame) => (most === undefined || used(frame) > used(most) ? frame : most),
    undefined,
  );
  return {
    type: "lossReport",
    intervalMs: Math.round(grown("atMs")),
    packetsReceived: grown("packets"),
    packetsLost: grown("packetsLost"),
    packetsLate: grown("packetsLate"),
    packetsDropped: grown("packetsDropped"),
    framesComplete: grown("framesComplete"),
    framesRecovered: grown("framesRecovered"),
    framesLost: grown("framesLost"),
    shardsSettled: grown("shardsSettled"),
    shardsLost: sum(losses, (frame) => frame.lost),
    lossRuns: sum(losses, (frame) => frame.runs),
    tailLost: sum(losses, (frame) => frame.tailLost),
    framesBeyond: beyond.length,
    beyondSettled: sum(beyond, (frame) => frame.dataCount + frame.parityCount),
    beyondLost: sum(beyond, (frame) => frame.lost),
    burstPacketsMax: losses.reduce((most, frame) => Math.max(most, frame.longestRun), 0),
    worst:
      worst === undefined
        ? null
        : {
            data: worst.dataCount,
            parity: worst.parityCount,
            lost: worst.lost,
            burst: worst.longestRun,
          },
  };
}

export interface LossReporterOptions {
  readonly counters: () => LossCounters;
  /** Each settled frame with a loss once. */
  readonly takeLosses: () => readonly FrameLoss[];
  readonly send: (report: LossReport) => void;
}

/** Sends reports from `start` to `stop`. */
export class LossReporter {
  readonly #options: LossReporterOptions;
  #earlier: LossCounters;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: LossReporterOptions) {
    this.#options = options;
    this.#earlier = options.counters();
  }

  start(): void {
    this.#timer = setInterval(() => this.tick(), lossIntervalMs);
  }

  /** Sends a report if there is something to say. */
  tick(): void {
    const later = this.#options.counters();
    const isQuiet = later.packets === this.#earlier.packets;
    if (isQuiet && later.atMs - this.#earlier.atMs < silenceMsMax) return;
    this.#options.send(lossReport(this.#earlier, later, this.#options.takeLosses()));
    this.#earlier = later;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
