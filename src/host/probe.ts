/**
 * Speed tests on a session: bursts of filler that the client asks for go through a sender of their
 * own, as video would. What the session streams is paused from the first request until the client
 * says that it has done, or asks for nothing more.
 */
import { type Kbps, kbps, type Millis, millis, type PerMille } from "../base/units.ts";
import type { EventQueue, NativeEvent } from "../ffi/core/core.ts";
import type { MediaSession } from "../ffi/media/port.ts";
import { FillerStage, fillerEnding } from "../ffi/media/probe.ts";
import { SendStage } from "../ffi/media/send.ts";
import type { Message, MessageOf } from "../wire/control.ts";
import { limit } from "../wire/limits.ts";
import { frameHeader } from "../wire/media.ts";
import { parityTable } from "./policy/parity.ts";
import type { SpeedTestedReport } from "./report.ts";
import { stageNumber } from "./sources.ts";

export interface HostProbeOptions {
  readonly session: MediaSession;
  readonly events: EventQueue;
  readonly shardBytesMax: number;
  readonly parityPermille: PerMille;
  /** Requests above it get it. */
  readonly rateMax: Kbps;
  readonly send: (message: Message) => void;
  /** Holds the stream, or lets it go on. */
  readonly setPaused: (isPaused: boolean) => void;
}

/** What the tests of a session came to. */
export interface ProbeFigures {
  readonly bursts: number;
  /** The highest rate that was sent, in kilobits a second. */
  readonly rateKbps: number;
  readonly packetsSent: number;
  readonly packetsDropped: number;
}

/** What is reported of a session's tests when it is over. */
export function speedTested(
  session: { readonly tag: number; readonly client: string },
  address: string,
  figures: ProbeFigures,
): SpeedTestedReport {
  const { tag, client } = session;
  return { type: "speed-tested", session: tag, client, address, ...figures };
}

/** A client that is not done asks for the next burst sooner. */
const nextRequestMsMax = 500;
/** What waits in the sender when the filler ends leaves within this. */
const drainMsMax = 500;
const drainPollMs = 1;

interface Burst {
  readonly number: number;
  readonly id: number;
  readonly rate: Kbps;
  readonly before: Totals;
}

export class HostProbe {
  readonly #options: HostProbeOptions;
  #stages: { readonly send: SendStage; readonly filler: FillerStage } | undefined;
  #burst: Burst | undefined;
  /** Asked for while a burst runs, which is halted for it. */
  #next: MessageOf<"probeRequest"> | undefined;
  #resumeTimer: ReturnType<typeof setTimeout> | undefined;
  #isPaused = false;
  #rateKbps = 0;
  #closed = false;

  constructor(options: HostProbeOptions) {
    this.#options = options;
  }

  /** Takes a message of the client; others than those of a speed test are none of its business. */
  take(message: Message): void {
    if (this.#closed) return;
    if (message.type === "probeRequest") {
      clearTimeout(this.#resumeTimer);
      if (this.#burst === undefined) return this.#begin(message);
      this.#next = message;
      this.#stages?.filler.halt();
    } else if (message.type === "probeStop") {
      this.#next = undefined;
      if (this.#burst === undefined) this.#resume();
      else if (this.#burst.id === message.id) this.#stages?.filler.halt();
    }
  }

  /** Takes an event of the session's queue. */
  onEvent(event: NativeEvent): void {
    const burst = this.#burst;
    if (event.stage !== stageNumber.filler || event.kind !== "ended") return;
    if (burst === undefined || event.a !== burst.number) return;
    void this.#finish(burst, fillerEnding[event.b] ?? "done");
  }

  /** null when nothing was tested. */
  get figures(): ProbeFigures | null {
    if (this.#stages === undefined) return null;
    const { bursts, packetsSent, packetsDropped } = this.#totals(this.#stages);
    return { bursts, rateKbps: this.#rateKbps, packetsSent, packetsDropped };
  }

  /** Ends a burst that runs. Idempotent; before the session is closed. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#resumeTimer);
    const stages = this.#stages;
    this.#stages = undefined;
    stages?.filler.stop();
    stages?.send.stop();
    stages?.filler.close();
    stages?.send.close();
  }

  #begin(request: MessageOf<"probeRequest">): void {
    const { rateMax, send, setPaused } = this.#options;
    const rate = clampRate(request.rateKbps, rateMax);
    const duration = clampDuration(request.durationMs);
    this.#stages ??= this.#open();
    const { send: sender, filler } = this.#stages;
    this.#isPaused = true;
    setPaused(true);
    sender.setBitrate(rate);
    this.#rateKbps = Math.max(this.#rateKbps, rate);
    const before = this.#totals(this.#stages);
    const number = filler.begin(rate, duration);
    this.#burst = { number, id: request.id, rate, before };
    send({
      type: "probeStarted",
      id: request.id,
      rateKbps: rate,
      rateKbpsMax: rateMax,
      durationMs: duration,
    });
  }

  async #finish(burst: Burst, ended: (typeof fillerEnding)[number]): Promise<void> {
    const until = performance.now() + drainMsMax;
    while (this.#stages !== undefined && this.#stages.send.counters.get("queued") > 0) {
      if (performance.now() > until) break;
      await Bun.sleep(drainPollMs);
    }
    if (this.#stages === undefined) return;
    const { send, filler } = this.#stages;
    const begunNs = filler.counters.get("begin_ns");
    const now = this.#totals(this.#stages);
    const grown = (name: keyof Totals) => now[name] - burst.before[name];
    this.#burst = undefined;
    this.#options.send({
      type: "probeResult",
      id: burst.id,
      ended,
      durationMs: Math.round(filler.counters.get("burst_ns") / 1e6),
      sendUs: Math.round(Math.max(0, send.counters.get("last_ns") - begunNs) / 1000),
      framesOffered: grown("framesOffered"),
      framesSent: grown("framesSent"),
      bytesSent: grown("bytesSent"),
      packetsSent: grown("packetsSent"),
      packetsDropped: grown("packetsDropped"),
    });
    const next = this.#next;
    this.#next = undefined;
    if (next !== undefined) this.#begin(next);
    else this.#resumeTimer = setTimeout(() => this.#resume(), nextRequestMsMax);
  }

  #resume(): void {
    clearTimeout(this.#resumeTimer);
    if (!this.#isPaused || this.#closed) return;
    this.#isPaused = false;
    this.#options.setPaused(false);
  }

  #open() {
    const { session, events, shardBytesMax, parityPermille, rateMax } = this.#options;
    const perFrame = (rateMax * 125) / limit("probe_frames_per_second");
    const frameBytesMax = frameHeader.bytes + Math.ceil(perFrame) + 1;
    const send = new SendStage({
      session,
      frameBytesMax,
      shardBytesMax,
      bitrateKbps: rateMax,
      parityPermille,
      parityTable: parityTable(parityPermille),
      plane: "probe",
      events,
      stage: stageNumber.filler,
    });
    try {
      const stage = stageNumber.filler;
      const filler = new FillerStage({ session, sink: send.sink(), frameBytesMax, events, stage });
      send.start();
      filler.start();
      return { send, filler };
    } catch (error) {
      send.close();
      throw error;
    }
  }

  #totals({ send, filler }: { readonly send: SendStage; readonly filler: FillerStage }): Totals {
    return {
      bursts: filler.counters.get("bursts"),
      framesOffered: filler.counters.get("offered"),
      framesSent: filler.counters.get("frames"),
      bytesSent: filler.counters.get("frame_bytes"),
      packetsSent: send.counters.get("packets"),
      packetsDropped: send.counters.get("packets_dropped"),
    };
  }
}

type Totals = Readonly<
  Record<
    "bursts" | "framesOffered" | "framesSent" | "bytesSent" | "packetsSent" | "packetsDropped",
    number
  >
>;

const clampRate = (wish: number, most: Kbps): Kbps =>
  kbps(Math.min(most, Math.max(limit("probe_kbps_min"), wish)));
const clampDuration = (wish: number): Millis =>
  millis(Math.min(limit("probe_duration_ms_max"), Math.max(limit("probe_duration_ms_min"), wish)));
