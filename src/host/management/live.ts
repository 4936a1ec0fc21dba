/**
 * What a session has done so far, taken at one moment, and the figures of the time between two of
 * them. The host counts what it sends; loss and the rest of the way are as the client reports them.
 */
import type { Histogram } from "../../base/stats.ts";
import type { MessageOf } from "../../wire/control.ts";
import type { Figures, LatencyStage } from "../../wire/management.ts";
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
  readonly framesCaptured: number;
  readonly framesSent: number;
  readonly packetsSent: number;
  readonly packetsDropped: number;
  readonly bytesSent: number;
  readonly histograms: Readonly<Record<"queue" | "encode" | "seal" | "pace", Histogram>>;
  readonly heard: Heard;
}

/** What the client told so far: sums of its loss reports, and its newest figures. */
export interface Heard {
  readonly packets: { readonly received: number; readonly lost: number };
  readonly frames: { readonly lost: number; readonly recovered: number };
  readonly reports: number;
  readonly stats: MessageOf<"clientStats"> | null;
  /** When the newest figures came. */
  readonly statsAtMs: number;
}

export const nothingHeard: Heard = {
  packets: { received: 0, lost: 0 },
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
    framesCaptured: figures.framesCaptured,
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

type Brief = Figures["captureToPresentedUs"];

/** A client that has told nothing for this long is not measured. */
const statsMsMax = 5000;

/** The figures of the time between two samples of one session; `earlier` null: since its start. */
export function figuresBetween(earlier: LiveSample, later: LiveSample, at: Date): Figures {
  const seconds = Math.max(1, later.atMs - earlier.atMs) / 1000;
  const rate = (name: "framesCaptured" | "framesSent") =>
    round((later[name] - earlier[name]) / seconds);
  const isFresh = later.heard.stats !== null && later.atMs - later.heard.statsAtMs <= statsMsMax;
  const stats = isFresh ? later.heard.stats : null;
  const clientRate = (name: "framesDecoded" | "framesPresented") => {
    const [first, last] = [earlier.heard, later.heard];
    const ms = last.statsAtMs - first.statsAtMs;
    if (stats === null || first.stats === null || ms <= 0) return null;
    const [before, now] = [first.stats[name], stats[name]];
    return before === null || now === null ? null : round(((now - before) * 1000) / ms);
  };
  const host = (stage: keyof LiveSample["histograms"]): Brief =>
    briefOf(later.histograms[stage].since(earlier.histograms[stage]));
  const client = (stage: "network" | "decode" | "present"): Brief =>
    stats === null ? null : pair(stats[`${stage}UsP50`], stats[`${stage}UsP99`]);
  const latencyUs: Record<LatencyStage, Brief> = {
    queue: host("queue"),
    encode: host("encode"),
    seal: host("seal"),
    pace: host("pace"),
    network: client("network"),
    decode: client("decode"),
    present: client("present"),
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
    latencyUs,
    captureToPresentedUs:
      stats === null ? null : pair(stats.captureToPresentedUsP50, stats.captureToPresentedUsP99),
  };
}

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

function briefOf(histogram: Histogram): Brief {
  const all = histogram.percentiles();
  return all === null ? null : { p50: all.p50, p99: all.p99 };
}

const pair = (p50: number | null, p99: number | null): Brief =>
  p50 === null || p99 === null ? null : { p50, p99 };
const round = (value: number) => Math.round(value * 10) / 10;
