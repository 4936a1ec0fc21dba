/**
 * What a session has done so far, taken at one moment, and the figures of the time between two of
 * them. The host counts what it sends; loss and the rest of the way are as the client reports them.
 */
import { byStage, type HostStageName } from "../../base/stages.ts";
import type { Histogram, Percentiles } from "../../base/stats.ts";
import type { MessageOf } from "../../wire/control.ts";
import type { Figures } from "../../wire/management.ts";
import { formatMode, type Mode } from "../../wire/mode.ts";
import type { HostPipeline } from "../pipeline.ts";

export interface LiveSample {
  readonly atMs: number;
  readonly stream: {
    readonly mode: string;
    readonly codec: HostPipeline["codec"];
    readonly encoder: string;
    readonly source: string;
    readonly sourceWhy: string;
    readonly bitrateKbps: number;
    readonly parityPermille: number;
    readonly parityCause: string;
  };
  readonly refreshHz: number;
  readonly framesCaptured: number;
  readonly framesReplaced: number;
  readonly framesSent: number;
  readonly packetsSent: number;
  readonly packetsDropped: number;
  readonly bytesSent: number;
  readonly histograms: Readonly<Record<HostStageName, Histogram>>;
  readonly heard: Heard;
}

/** What the client told so far: sums of its loss reports, and its newest figures. */
export interface Heard {
  readonly packets: {
    readonly received: number;
    readonly lost: number;
    /** Came after they had been given up. */
    readonly late: number;
    /** Of the lost ones, those that the client's kernel threw away. */
    readonly dropped: number;
  };
  readonly frames: { readonly lost: number; readonly recovered: number };
  readonly reports: number;
  readonly stats: MessageOf<"clientStats"> | null;
  /** When the newest figures came. */
  readonly statsAtMs: number;
}

export const nothingHeard: Heard = {
  packets: { received: 0, lost: 0, late: 0, dropped: 0 },
  frames: { lost: 0, recovered: 0 },
  reports: 0,
  stats: null,
  statsAtMs: 0,
};

/** Adds what a client tells of itself. */
export function hear(
  before: Heard,
  message: MessageOf<"lossReport"> | MessageOf<"clientStats">,
  nowMs: number,
): Heard {
  if (message.type === "clientStats") return { ...before, stats: message, statsAtMs: nowMs };
  const { packets, frames, reports } = before;
  return {
    ...before,
    packets: {
      received: packets.received + message.packetsReceived,
      lost: packets.lost + message.packetsLost,
      late: packets.late + message.packetsLate,
      dropped: packets.dropped + message.packetsDropped,
    },
    frames: {
      lost: frames.lost + message.framesLost,
      recovered: frames.recovered + message.framesRecovered,
    },
    reports: reports + 1,
  };
}

/** Copies what a pipeline has counted. */
export function sampleOf(
  pipeline: HostPipeline,
  facts: {
    readonly mode: Mode;
    readonly source: string;
    readonly sourceWhy: string;
    readonly parityCause: string;
    readonly heard: Heard;
    readonly atMs: number;
  },
): LiveSample {
  const { send, figures } = pipeline;
  return {
    atMs: facts.atMs,
    stream: {
      mode: formatMode(facts.mode),
      codec: pipeline.codec,
      encoder: pipeline.encoder,
      source: facts.source,
      sourceWhy: facts.sourceWhy,
      bitrateKbps: pipeline.bitrateKbps,
      parityPermille: pipeline.parityPermille,
      parityCause: facts.parityCause,
    },
    refreshHz: facts.mode.refreshMilliHz / 1000,
    framesCaptured: figures.framesCaptured,
    framesReplaced: figures.framesReplaced,
    framesSent: send.counters.get("frames"),
    packetsSent: send.counters.get("packets"),
    packetsDropped: send.counters.get("packets_dropped"),
    bytesSent: send.counters.get("packet_bytes"),
    histograms: {
      queue: figures.queueUs,
      encode: figures.encodeUs,
      seal: send.counters.histogram("seal_us"),
      pace: send.counters.histogram("pace_us"),
    },
    heard: facts.heard,
  };
}

/** A client that has told nothing for this long is not measured. */
const statsMsMax = 5000;

/** The figures of the time between two samples of one session; `earlier` null: since its start. */
export function figuresBetween(earlier: LiveSample, later: LiveSample, at: Date): Figures {
  const seconds = Math.max(1, later.atMs - earlier.atMs) / 1000;
  const rate = (name: "framesCaptured" | "framesSent") =>
    round((later[name] - earlier[name]) / seconds);
  const stats = freshStats(later);
  const clientRate = (name: "framesDecoded" | "framesPresented") => {
    const [first, last] = [earlier.heard, later.heard];
    const ms = last.statsAtMs - first.statsAtMs;
    if (stats === null || first.stats === null || ms <= 0) return null;
    const [before, now] = [first.stats[name], stats[name]];
    return before === null || now === null ? null : round(((now - before) * 1000) / ms);
  };
  return {
    at: at.toISOString(),
    fps: {
      captured: rate("framesCaptured"),
      sent: rate("framesSent"),
      decoded: clientRate("framesDecoded"),
      presented: clientRate("framesPresented"),
    },
    bitrateKbps: round(((later.bytesSent - earlier.bytesSent) * 8) / 1000 / seconds),
    ...lossBetween(earlier.heard, later.heard),
    packetsDropped: later.packetsDropped - earlier.packetsDropped,
    latencyUs: byStage(
      (stage) => hostStage(stage, earlier, later) ?? clientStage(stage, stats?.stagesUs),
    ),
    captureToPresentedUs: stats?.captureToPresentedUs ?? null,
    clock: clockOf(stats),
  };
}

/** What the client told last, unless that is too long ago. */
export function freshStats({ heard, atMs }: LiveSample): MessageOf<"clientStats"> | null {
  return atMs - heard.statsAtMs <= statsMsMax ? heard.stats : null;
}

/** Of a stage of the host's; null for another, or without frames. */
export function hostStage(
  stage: string,
  earlier: LiveSample,
  later: LiveSample,
): Percentiles | null {
  if (!Object.hasOwn(later.histograms, stage)) return null;
  const name = stage as HostStageName;
  return later.histograms[name].since(earlier.histograms[name]).percentiles();
}

type ClientStages = MessageOf<"clientStats">["stagesUs"];

const clientStage = (stage: string, told: ClientStages | undefined) =>
  told?.[stage as keyof NonNullable<ClientStages>] ?? null;

/** What the client's figures across machines are worth. */
export const clockOf = (stats: MessageOf<"clientStats"> | null): Figures["clock"] =>
  stats === null
    ? null
    : {
        skewCorrected: stats.clockErrorNs !== null && stats.clockSuspect !== true,
        errorNs: stats.clockErrorNs,
        suspect: stats.clockSuspect ?? false,
      };

function lossBetween(
  earlier: Heard,
  later: Heard,
): Pick<Figures, "lossPct" | "framesLost" | "framesRecovered"> {
  if (later.reports === earlier.reports) {
    return { lossPct: null, framesLost: null, framesRecovered: null };
  }
  const lost = later.packets.lost - earlier.packets.lost;
  const all = lost + later.packets.received - earlier.packets.received;
  return {
    lossPct: all === 0 ? null : Math.round((lost / all) * 10_000) / 100,
    framesLost: later.frames.lost - earlier.frames.lost,
    framesRecovered: later.frames.recovered - earlier.frames.recovered,
  };
}

const round = (value: number) => Math.round(value * 10) / 10;
