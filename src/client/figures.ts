/**
 * What a client measured, in the shapes that people and machines read: the summary object of the
 * command-line contract, the live record of each second, and the host's own stage times that arrive
 * by the 0xCF datagrams. A figure that was not measured is null, never 0.
 */
import { Histogram, type Percentiles } from "../base/stats.ts";
import type { MessageOf } from "../wire/control.ts";
import { readField } from "../wire/layout.ts";
import { type CodecName, datagramPlane, hostTiming } from "../wire/media.ts";
import { formatMode, type Mode } from "../wire/mode.ts";
import type { SoundFigures } from "./sound/sound.ts";

export interface ClockFigures {
  readonly offsetNs: number;
  readonly rttNs: number;
}

/** Counters and histograms of the client's stages, copied at one moment. */
export interface ClientSnapshot {
  readonly atMs: number;
  readonly receive: Readonly<Record<string, number>>;
  readonly decode: Readonly<Record<string, number>>;
  readonly present: Readonly<Record<string, number>> | null;
  readonly port: Readonly<Record<string, number>>;
  readonly histograms: {
    readonly network: Histogram;
    readonly captureToReassembled: Histogram;
    readonly decode: Histogram;
    readonly captureToDecoded: Histogram;
    readonly present: Histogram | null;
    readonly captureToPresented: Histogram | null;
  };
}

export interface SessionFacts {
  /** Input messages that were sent, by kind. */
  readonly input: Readonly<Record<string, number>>;
  /** Of sound; null = none is received. */
  readonly audio?: SoundFigures | null;
  readonly mode: Mode;
  readonly codec: CodecName;
  readonly requestedKbps: number | null;
  readonly resolvedKbps: number;
  readonly clock: ClockFigures | null;
  readonly sendDropped: number | null;
  /** The host's share of parity as it told last. */
  readonly parityPermille: number | null;
}

/** Stage times that only the host can measure. */
export class HostStages {
  readonly queue = new Histogram();
  readonly encode = new Histogram();
  readonly seal = new Histogram();
  readonly pace = new Histogram();

  /** Takes one 0xCF datagram; false when it is malformed. */
  takeDatagram(bytes: Uint8Array): boolean {
    if (bytes.length < 4 || bytes[0] !== datagramPlane.hostTiming[0]) return false;
    const count = bytes[1] as number;
    if (bytes.length !== 4 + count * hostTiming.bytes) return false;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < count; i++) {
      const at = (name: string) =>
        Number(readField(view, hostTiming, name, 4 + i * hostTiming.bytes));
      this.queue.record(at("queue_us"));
      this.encode.record(at("encode_us"));
      this.seal.record(at("seal_us"));
      this.pace.record(at("pace_us"));
    }
    return true;
  }
}

const brief = (histogram: Histogram | null) => {
  const all = histogram?.percentiles() ?? null;
  return all === null ? null : { p50: all.p50, p99: all.p99 };
};
const full = (histogram: Histogram | null): Percentiles | null => histogram?.percentiles() ?? null;

function figure(counters: Readonly<Record<string, number>>, name: string): number {
  const value = counters[name];
  if (value === undefined) throw new Error(`no counter ${name}`);
  return value;
}

/** Kilobits a second of delivered access units over a span. */
function receivedKbps(bytes: number, durationMs: number): number | null {
  return durationMs <= 0 ? null : Math.round((bytes * 8) / durationMs);
}

/** The last line of `connect --json`. */
export function summary(
  facts: SessionFacts,
  last: ClientSnapshot,
  host: HostStages,
  startedAtMs: number,
) {
  const { receive, decode, present, histograms } = last;
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
      captureToReassembled: full(histograms.captureToReassembled),
      captureToDecoded: full(histograms.captureToDecoded),
      captureToPresented: full(histograms.captureToPresented),
    },
    stagesUs: {
      queue: brief(host.queue),
      encode: brief(host.encode),
      seal: brief(host.seal),
      pace: brief(host.pace),
      network: brief(histograms.network),
      decode: brief(histograms.decode),
      present: brief(histograms.present),
    },
    clock: {
      offsetNs: facts.clock?.offsetNs ?? null,
      rttNs: facts.clock?.rttNs ?? null,
      skewCorrected: facts.clock !== null,
    },
    input: { ...facts.input },
    audio: facts.audio ?? { received: null, lost: null },
  };
}

export type Summary = ReturnType<typeof summary>;

const percent = (permille: number | null) => (permille === null ? null : permille / 10);

/** What one interval looked like, for the line of each second and the overlay. */
export function interval(
  earlier: ClientSnapshot,
  later: ClientSnapshot,
  host: MessageOf<"hostStats"> | null,
) {
  const seconds = (later.atMs - earlier.atMs) / 1000;
  const grown = (part: "receive" | "decode", name: string) =>
    figure(later[part], name) - figure(earlier[part], name);
  const lost = grown("receive", "packets_lost");
  const received = grown("receive", "packets");
  const latency = (name: "captureToPresented" | "captureToDecoded") => {
    const [now, before] = [later.histograms[name], earlier.histograms[name]];
    return now === null || before === null ? null : now.since(before);
  };
  const shown = latency("captureToPresented");
  const measured = shown !== null && shown.count > 0 ? shown : latency("captureToDecoded");
  return {
    type: "stats" as const,
    framesPerSecond: Math.round((grown("decode", "frames_out") / seconds) * 10) / 10,
    kbps: receivedKbps(grown("receive", "bytes_delivered"), seconds * 1000),
    latencyUs: {
      p50: measured?.percentileUs(0.5) ?? null,
      p99: measured?.percentileUs(0.99) ?? null,
    },
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

/** What the client tells the host of itself: sums since Start, times of the interval. */
export function clientStats(
  earlier: ClientSnapshot,
  later: ClientSnapshot,
): MessageOf<"clientStats"> {
  const taken = (name: keyof ClientSnapshot["histograms"]) => {
    const [now, before] = [later.histograms[name], earlier.histograms[name]];
    const grown = now === null || before === null ? null : now.since(before);
    const at = (share: number) => {
      const us = grown?.percentileUs(share) ?? null;
      return us === null ? null : Math.round(us);
    };
    return { p50: at(0.5), p99: at(0.99) };
  };
  const whole = taken("captureToPresented");
  const [network, decode, present] = [taken("network"), taken("decode"), taken("present")];
  return {
    type: "clientStats",
    framesDecoded: figure(later.decode, "frames_out"),
    framesPresented: later.present === null ? null : figure(later.present, "frames_presented"),
    captureToPresentedUsP50: whole.p50,
    captureToPresentedUsP99: whole.p99,
    networkUsP50: network.p50,
    networkUsP99: network.p99,
    decodeUsP50: decode.p50,
    decodeUsP99: decode.p99,
    presentUsP50: present.p50,
    presentUsP99: present.p99,
  };
}
