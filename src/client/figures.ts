/**
 * What a client measured, in the shapes that people and machines read: the summary object of the
 * command-line contract, the live record of each second, and the host's own stage times that arrive
 * by the 0xCF datagrams. A figure that was not measured is null, never 0.
 */
import {
  type ByStage,
  byStage,
  type ClientStageName,
  clientStageNames,
  type HostStageName,
} from "../base/stages.ts";
import { Histogram, type Percentiles } from "../base/stats.ts";
import { micros } from "../base/units.ts";
import type { MessageOf } from "../wire/control.ts";
import { readField } from "../wire/layout.ts";
import { type CodecName, datagramPlane, hostTiming } from "../wire/media.ts";
import { formatMode, type Mode } from "../wire/mode.ts";
import type { ClockEstimate } from "./control/clock-estimate.ts";
import type { SoundFigures } from "./sound/sound.ts";

export interface ClockFigures {
  readonly offsetNs: number;
  /** The offset is wrong by at most this. */
  readonly errorNs: number;
  readonly rttNs: number;
  /** How much faster this machine's clock runs; null = not known. */
  readonly driftPpm: number | null;
  /** The clocks contradicted each other when they were last compared. */
  readonly isSuspect: boolean;
}

/** What is known of the host's clock, in figures. */
export function clockFigures(estimate: ClockEstimate): ClockFigures {
  const { offsetNs, errorNs, rttNs, driftPpm, isSuspect } = estimate;
  return {
    offsetNs: Number(offsetNs),
    errorNs: Number(errorNs),
    rttNs: Number(rttNs),
    driftPpm: driftPpm === null ? null : Math.round(driftPpm * 100) / 100,
    isSuspect,
  };
}

/** Counters and histograms of the client's stages, copied at one moment. */
export interface ClientSnapshot {
  readonly atMs: number;
  readonly receive: Readonly<Record<string, number>>;
  readonly decode: Readonly<Record<string, number>>;
  readonly present: Readonly<Record<string, number>> | null;
  readonly port: Readonly<Record<string, number>>;
  /** Of the sealed session with the host. */
  readonly session: Readonly<Record<string, number>>;
  readonly stages: Readonly<Record<ClientStageName, Histogram | null>>;
  readonly whole: Readonly<Record<"captureToReassembled" | "captureToDecoded", Histogram>> & {
    readonly captureToPresented: Histogram | null;
  };
}

/** What a session knows at one moment: the client's part, and what the host told. */
export interface SessionSnapshot extends ClientSnapshot {
  readonly hostStages: Readonly<Record<HostStageName, Histogram>>;
  readonly hostStats: MessageOf<"hostStats"> | null;
  /** When that came. */
  readonly hostStatsAtMs: number;
  readonly clock: ClockFigures | null;
  /** For how long this process stood still since the snapshot before, at most at once. */
  readonly heldMs: number;
}

/** A histogram of each stage, whoever measured it. */
export const stageHistograms = (snapshot: SessionSnapshot): ByStage<Histogram | null> => ({
  ...snapshot.hostStages,
  ...snapshot.stages,
});

/** What the stages took between two moments; null = not measured. */
export function stagesBetween(
  earlier: SessionSnapshot,
  later: SessionSnapshot,
): ByStage<Percentiles | null> {
  const [before, now] = [stageHistograms(earlier), stageHistograms(later)];
  return byStage((name) => between(before[name], now[name]));
}

export const between = (before: Histogram | null, now: Histogram | null): Percentiles | null =>
  now === null || before === null ? null : now.since(before).percentiles();

/** What figures across machines are worth, beside each of them. */
export const clockTrust = (clock: ClockFigures | null) => ({
  skewCorrected: clock !== null && !clock.isSuspect,
  errorNs: clock?.errorNs ?? null,
  suspect: clock?.isSuspect ?? false,
});

export interface SessionFacts {
  /** Input messages that were sent, by kind. */
  readonly input: Readonly<Record<string, number>>;
  /** Of sound; null = none is received. */
  readonly audio?: SoundFigures | null;
  readonly mode: Mode;
  readonly codec: CodecName;
  readonly requestedKbps: number | null;
  readonly resolvedKbps: number;
  readonly sendDropped: number | null;
  /** The host's share of parity as it told last. */
  readonly parityPermille: number | null;
}

/** Bytes of a 0xCF datagram in front of its entries. */
export const hostTimingHead = 4;

/** Stage times that only the host can measure. */
export class HostStages {
  readonly queue = new Histogram();
  readonly encode = new Histogram();
  readonly seal = new Histogram();
  readonly pace = new Histogram();

  /** Takes one 0xCF datagram; false when it is malformed. */
  takeDatagram(bytes: Uint8Array): boolean {
    if (bytes.length < hostTimingHead || bytes[0] !== datagramPlane.hostTiming[0]) return false;
    const count = bytes[1] as number;
    if (bytes.length !== hostTimingHead + count * hostTiming.bytes) return false;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < count; i++) {
      const at = (name: string) =>
        Number(readField(view, hostTiming, name, hostTimingHead + i * hostTiming.bytes));
      this.queue.record(at("queue_us"));
      this.encode.record(at("encode_us"));
      this.seal.record(at("seal_us"));
      this.pace.record(at("pace_us"));
    }
    return true;
  }

  /** Copies of this moment. */
  copy(): Readonly<Record<HostStageName, Histogram>> {
    const none = new Histogram();
    const { queue, encode, seal, pace } = this;
    return {
      queue: queue.plus(none),
      encode: encode.plus(none),
      seal: seal.plus(none),
      pace: pace.plus(none),
    };
  }
}

const full = (histogram: Histogram | null): Percentiles | null => histogram?.percentiles() ?? null;

export function figure(counters: Readonly<Record<string, number>>, name: string): number {
  const value = counters[name];
  if (value === undefined) throw new Error(`no counter ${name}`);
  return value;
}

/** Kilobits a second of delivered access units over a span. */
function receivedKbps(bytes: number, durationMs: number): number | null {
  return durationMs <= 0 ? null : Math.round((bytes * 8) / durationMs);
}

/** The last line of `connect --json`. */
export function summary(facts: SessionFacts, last: SessionSnapshot, startedAtMs: number) {
  const { receive, decode, present, whole } = last;
  const stages = stageHistograms(last);
  const durationMs = Math.round(last.atMs - startedAtMs);
  return {
    type: "summary" as const,
    mode: formatMode(facts.mode),
    codec: facts.codec,
    durationMs,
    frames: {
      received: figure(receive, "frames_delivered"),
      decoded: figure(decode, "frames_out"),
      presented: present === null ? null : figure(present, "frames_presented"),
      lost: figure(receive, "frames_lost") + figure(receive, "frames_skipped"),
      recovered: figure(receive, "frames_recovered"),
    },
    packets: {
      received: figure(receive, "packets"),
      lost: figure(receive, "packets_lost"),
      sendDropped: facts.sendDropped,
    },
    parityPct: percent(facts.parityPermille),
    bitrateKbps: {
      requested: facts.requestedKbps,
      resolved: facts.resolvedKbps,
      received: receivedKbps(figure(receive, "bytes_delivered"), durationMs),
    },
    latencyUs: {
      captureToReassembled: full(whole.captureToReassembled),
      captureToDecoded: full(whole.captureToDecoded),
      captureToPresented: full(whole.captureToPresented),
    },
    stagesUs: byStage((name) => full(stages[name])),
    clock: {
      offsetNs: last.clock?.offsetNs ?? null,
      rttNs: last.clock?.rttNs ?? null,
      driftPpm: last.clock?.driftPpm ?? null,
      ...clockTrust(last.clock),
    },
    input: { ...facts.input },
    audio: facts.audio ?? { received: null, lost: null },
  };
}

export type Summary = ReturnType<typeof summary>;

const percent = (permille: number | null) => (permille === null ? null : permille / 10);

/** What one interval looked like, for the line of each second and the overlay. */
export function interval(earlier: SessionSnapshot, later: SessionSnapshot) {
  const seconds = (later.atMs - earlier.atMs) / 1000;
  const grown = (part: "receive" | "decode", name: string) =>
    figure(later[part], name) - figure(earlier[part], name);
  const lost = grown("receive", "packets_lost");
  const received = grown("receive", "packets");
  const host = later.hostStats;
  const shown = wholeBetween(earlier, later);
  return {
    type: "stats" as const,
    framesPerSecond: Math.round((grown("decode", "frames_out") / seconds) * 10) / 10,
    kbps: receivedKbps(grown("receive", "bytes_delivered"), seconds * 1000),
    /** Capture to presentation, or to the decoded picture where nothing is shown. */
    latencyUs: {
      p50: shown?.p50 ?? null,
      p95: shown?.p95 ?? null,
      p99: shown?.p99 ?? null,
      max: shown?.max ?? null,
    },
    stagesUs: stagesBetween(earlier, later),
    clock: clockTrust(later.clock),
    packetLossPct:
      received + lost === 0 ? null : Math.round((lost / (received + lost)) * 10_000) / 100,
    parityPct: percent(host?.parityPermille ?? null),
    /** Why it is as it is. */
    parityCause: host?.parityCause ?? null,
    framesLost: grown("receive", "frames_lost") + grown("receive", "frames_skipped"),
    framesRecovered: grown("receive", "frames_recovered"),
  };
}

export type Interval = ReturnType<typeof interval>;

/** The whole way, to where it was measured last. */
export function wholeBetween(earlier: ClientSnapshot, later: ClientSnapshot): Percentiles | null {
  const of = (name: keyof ClientSnapshot["whole"]) =>
    between(earlier.whole[name], later.whole[name]);
  return of("captureToPresented") ?? of("captureToDecoded");
}

/** What the client tells the host of itself: sums since Start, times of the interval. */
export function clientStats(
  earlier: SessionSnapshot,
  later: SessionSnapshot,
): MessageOf<"clientStats"> {
  const stages = stagesBetween(earlier, later);
  const { captureToPresented } = later.whole;
  return {
    type: "clientStats",
    framesDecoded: figure(later.decode, "frames_out"),
    framesPresented: later.present === null ? null : figure(later.present, "frames_presented"),
    captureToPresentedUs: inWhole(between(earlier.whole.captureToPresented, captureToPresented)),
    stagesUs: Object.fromEntries(
      clientStageNames.map((name) => [name, inWhole(stages[name])]),
    ) as Record<ClientStageName, Percentiles | null>,
    packetsDisordered: figure(later.session, "packets_disordered"),
    decodeRefused: figure(later.decode, "units_dropped"),
    presentReplaced: later.present === null ? null : figure(later.present, "frames_replaced"),
    clockErrorNs: later.clock?.errorNs ?? null,
    clockSuspect: later.clock?.isSuspect ?? false,
  };
}

/** In whole microseconds, as they travel. */
function inWhole(figures: Percentiles | null): Percentiles | null {
  if (figures === null) return null;
  const { p50, p95, p99, max } = figures;
  const round = (us: number) => micros(Math.round(us));
  return { p50: round(p50), p95: round(p95), p99: round(p99), max: round(max) };
}
