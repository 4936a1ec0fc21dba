/** Where a session's time and frames went in the last seconds, as its client sees it. */
import { diagnose, type StreamFigures } from "../base/bottleneck.ts";
import { RecentSamples } from "../base/recent.ts";
import type { MessageOf } from "../wire/control.ts";
import type { Why } from "../wire/management.ts";
import { formatMode, type Mode } from "../wire/mode.ts";
import { between, clockTrust, figure, type SessionSnapshot, stagesBetween } from "./figures.ts";

export interface WhyFacts {
  readonly session: number;
  /** The host's name. */
  readonly peer: string;
  readonly mode: Mode;
}

/** Takes the session's snapshots as they come. */
export class Recent {
  readonly #samples = new RecentSamples<SessionSnapshot>();
  #refreshMilliHz = 0;

  /** Of another mode nothing can be held against this one's budget. */
  add(snapshot: SessionSnapshot, { refreshMilliHz }: Mode): void {
    if (refreshMilliHz !== this.#refreshMilliHz) this.#samples.clear();
    this.#refreshMilliHz = refreshMilliHz;
    this.#samples.add(snapshot);
  }

  /** null until there are two snapshots of this mode. */
  why({ session, peer, mode }: WhyFacts): Why | null {
    const { ends } = this.#samples;
    if (ends === null) return null;
    const [earlier, later] = ends;
    const clientHeldUs = 1000 * Math.max(...this.#samples.all.slice(1).map(({ heldMs }) => heldMs));
    const figures = { ...figuresOf(earlier, later, mode), clientHeldUs };
    return {
      session,
      side: "client",
      peer,
      mode: formatMode(mode),
      seconds: figures.seconds,
      ...diagnose(figures),
      stagesUs: stagesBetween(earlier, later),
      captureToPresentedUs: between(
        earlier.whole.captureToPresented,
        later.whole.captureToPresented,
      ),
      clock: clockTrust(later.clock),
    };
  }
}

function figuresOf(
  earlier: SessionSnapshot,
  later: SessionSnapshot,
  mode: Mode,
): Omit<StreamFigures, "clientHeldUs"> {
  const grown = (part: "receive" | "decode" | "port" | "session", name: string) =>
    figure(later[part], name) - figure(earlier[part], name);
  const host = (name: keyof Omit<MessageOf<"hostStats">, "type" | "parityCause">) =>
    earlier.hostStats === null || later.hostStats === null
      ? null
      : later.hostStats[name] - earlier.hostStats[name];
  const hostMs = later.hostStatsAtMs - earlier.hostStatsAtMs;
  const late = grown("receive", "packets_late");
  return {
    seconds: (later.atMs - earlier.atMs) / 1000,
    sourceSeconds: earlier.hostStats === null || hostMs <= 0 ? null : hostMs / 1000,
    refreshHz: mode.refreshMilliHz / 1000,
    stages: stagesBetween(earlier, later),
    framesCaptured: host("framesCaptured"),
    framesReplaced: host("framesReplaced"),
    framesSent: host("framesSent"),
    sendDropped: host("packetsDropped"),
    packetsReceived: grown("receive", "packets"),
    packetsLost: grown("receive", "packets_lost") - late,
    packetsLate: late,
    packetsDisordered: grown("session", "packets_disordered"),
    socketDropped: grown("port", "dropped_kernel"),
    framesLost: grown("receive", "frames_lost"),
    decodeRefused: grown("decode", "units_dropped"),
    framesDecoded: grown("decode", "frames_out"),
    presentReplaced:
      earlier.present === null || later.present === null
        ? null
        : figure(later.present, "frames_replaced") - figure(earlier.present, "frames_replaced"),
    isClockSuspect: later.clock?.isSuspect ?? false,
  };
}
