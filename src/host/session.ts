/**
 * One client on the host: from its Hello to the last Bye. Everything that a session opens is closed
 * in `end`, whichever way it ends.
 */
import { randomInt } from "node:crypto";
import { PfError, toPfError } from "../base/errors.ts";
import { type Kbps, millis, type PerMille } from "../base/units.ts";
import { EventQueue, type NativeEvent, nowNs } from "../ffi/core/core.ts";
import type { UdpPort } from "../ffi/media/port.ts";
import type { ControlConnection } from "../transport/connection.ts";
import type { Message, MessageOf } from "../wire/control.ts";
import { mediaKeys } from "../wire/exporter.ts";
import { limit } from "../wire/limits.ts";
import { datagramPlane, hostTiming } from "../wire/media.ts";
import { modeProblem } from "../wire/mode.ts";
import type { Reason } from "../wire/reasons.ts";
import { prepareSource, type SourceSettings } from "./displays/prepare.ts";
import type { Injector } from "./inject/inject.ts";
import { clampParity, ParityControl } from "./parity.ts";
import { HostPipeline } from "./pipeline.ts";
import { resolveBitrate } from "./policy/bitrate.ts";
import { encoderCandidates } from "./policy/codec.ts";
import { initialKeyframeState, onKeyframeRequest } from "./policy/keyframe.ts";
import { HostProbe, speedTested } from "./probe.ts";
import { admit, Refusal, refuse } from "./refusal.ts";
import { dropsOf, type HostReport } from "./report.ts";
import { type PreparedSource, stageNumber } from "./sources.ts";

export interface SessionOptions {
  readonly connection: ControlConnection;
  readonly port: UdpPort;
  readonly hostName: string;
  readonly hostId: string;
  readonly encoder: string;
  readonly parityPermille: PerMille;
  /** The share stays, unless the client asks for another. */
  readonly isParityPinned: boolean;
  /** Clamp of speed tests. */
  readonly probeRateMax: Kbps;
  readonly source: SourceSettings;
  readonly onReport: (report: HostReport) => void;
}

/** How often the host's stage times are sent. */
const timingIntervalMs = 100;
/** How often the client is told the host's figures. */
const statsIntervalMs = 500;
/** How long a client may take from Welcome to Start. */
export const startMsMax = 30_000;

export class HostSession {
  readonly tag: number;
  readonly client: string;
  readonly #options: SessionOptions;
  readonly #hello: MessageOf<"hello">;
  readonly #ending = new AbortController();
  readonly #events = new EventQueue();
  #source: PreparedSource | undefined;
  #pipeline: HostPipeline | undefined;
  #probe: HostProbe | undefined;
  #parity: ParityControl | undefined;
  #timings: ReturnType<typeof setInterval> | undefined;
  #stats: ReturnType<typeof setInterval> | undefined;
  #keyframes = initialKeyframeState;
  #failure: { reason: Reason; error: PfError } | undefined;

  constructor(options: SessionOptions, hello: MessageOf<"hello">) {
    this.#options = options;
    this.#hello = hello;
    this.client = hello.name === "" ? "a client without a name" : hello.name;
    this.tag = randomInt(1, 0xffff_ffff);
  }

  /** Serves the client until it leaves. Never rejects; reports what happened. */
  async run(): Promise<void> {
    const { connection, onReport } = this.#options;
    void connection.closed.then(() => this.#ending.abort());
    const listening = this.#events.listen((event) => this.#onEvent(event));
    let started = false;
    try {
      const pipeline = await this.#open();
      await connection.receive(["start"], startMsMax);
      connection.onMessage((message) => this.#onMessage(message));
      pipeline.start();
      started = true;
      this.#timings = setInterval(() => this.#sendTimings(pipeline), timingIntervalMs);
      this.#stats = setInterval(() => this.#sendStats(pipeline), statsIntervalMs);
      onReport(this.#startedReport(pipeline));
      await connection.closed;
    } catch (thrown) {
      await this.#refuse(thrown);
    }
    const figures = this.#pipeline === undefined ? undefined : figuresOf(this.#pipeline);
    const tested = this.#probe?.figures ?? null;
    await this.#close(listening);
    if (tested !== null) onReport(speedTested(this, connection.peer.address, tested));
    if (started && figures !== undefined) onReport(await this.#endedReport(figures));
  }

  /** Ends the session for a reason of the host's. */
  async end(reason: Reason, message: string): Promise<void> {
    this.#ending.abort();
    await this.#options.connection.close(reason, message);
  }

  async #open(): Promise<HostPipeline> {
    const { connection, port, parityPermille, isParityPinned } = this.#options;
    const hello = this.#hello;
    admit(hello, connection);
    const problem = modeProblem(hello.mode);
    if (problem !== undefined) throw new PfError("PF_MODE_INVALID", `The mode: ${problem}`);
    if (hello.codecs.length === 0) {
      throw new Refusal("codec", "The client names no codec that this host knows.");
    }
    const candidates = encoderCandidates(hello.codecs, this.#options.encoder);
    const source = await prepareSource(this.#options.source, {
      mode: hello.mode,
      signal: this.#ending.signal,
      events: this.#events,
    });
    this.#source = source;
    this.#ending.signal.throwIfAborted();
    const pipeline = new HostPipeline({
      port,
      events: this.#events,
      session: this.tag,
      keys: mediaKeys(connection.exporter, this.tag),
      source,
      mode: source.mode,
      candidates,
      bitrateKbps: resolveBitrate(hello.bitrateKbps),
      parityPermille: hello.fecPermille === null ? parityPermille : clampParity(hello.fecPermille),
      shardBytesMax: shardBytesMaxFor(connection.peer.address),
    });
    this.#pipeline = pipeline;
    this.#parity = new ParityControl({
      share: pipeline.parityPermille,
      isPinned: isParityPinned || hello.fecPermille !== null,
      setParity: (share, loss) => pipeline.setParity(share, loss),
    });
    this.#probe = new HostProbe({
      session: pipeline.session,
      events: this.#events,
      shardBytesMax: pipeline.shardBytesMax,
      parityPermille: pipeline.parityPermille,
      rateMax: this.#options.probeRateMax,
      send: (message) => connection.send(message),
      setPaused: (isPaused) => (isPaused ? pipeline.pause() : pipeline.resume()),
    });
    connection.send(this.#welcome(pipeline, source));
    return pipeline;
  }

  #welcome(pipeline: HostPipeline, source: PreparedSource): MessageOf<"welcome"> {
    return {
      type: "welcome",
      session: this.tag,
      mediaPort: this.#options.port.port,
      hostName: this.#options.hostName,
      hostId: this.#options.hostId,
      codec: pipeline.codec,
      encoder: pipeline.encoder,
      mode: source.mode,
      bitrateKbps: pipeline.bitrateKbps,
      parityPermille: pipeline.parityPermille,
      frameBytesMax: limit("frame_bytes_max"),
      framesInFlightMax: limit("frames_in_flight_max"),
      shardBytesMax: pipeline.shardBytesMax,
      lossWindowMs: limit("loss_window_ms"),
      stallMs: limit("stall_ms"),
      source: source.name,
      sourceWhy: source.why,
      pairing: "optional",
      level: null,
    };
  }

  #onMessage(message: Message): void {
    const pipeline = this.#pipeline;
    const injector = this.#source?.injector ?? null;
    switch (message.type) {
      case "clockProbe": {
        const now = nowNs();
        const { id, clientNs } = message;
        this.#options.connection.send({
          type: "clockEcho",
          id,
          clientNs,
          hostReceivedNs: now,
          hostSentNs: nowNs(),
        });
        return;
      }
      case "requestKeyframe": {
        const answer = onKeyframeRequest(this.#keyframes, millis(performance.now()));
        this.#keyframes = answer.state;
        if (answer.force) pipeline?.encode.requestKeyframe();
        return;
      }
      case "reconfigure":
        this.#reconfigure(message);
        return;
      case "setFec":
        this.#parity?.pin(message.parityPermille);
        return;
      case "lossReport":
        this.#parity?.hear(message);
        return;
      case "probeRequest":
      case "probeStop":
        this.#probe?.take(message);
        return;
      default:
        if (injector !== null) injectMessage(injector, message);
    }
  }

  #reconfigure(message: MessageOf<"reconfigure">): void {
    const pipeline = this.#pipeline;
    const source = this.#source;
    if (pipeline === undefined || source === undefined) return;
    if (message.bitrateKbps !== null) pipeline.setBitrate(resolveBitrate(message.bitrateKbps));
    if (message.parityPermille !== null) this.#parity?.pin(message.parityPermille);
    this.#options.connection.send({
      type: "reconfigured",
      mode: source.mode,
      bitrateKbps: pipeline.bitrateKbps,
      parityPermille: pipeline.parityPermille,
    });
  }

  #onEvent(event: NativeEvent): void {
    if (event.stage === stageNumber.filler) {
      this.#probe?.onEvent(event);
    } else if (event.stage === stageNumber.input) {
      if (event.kind !== "failed") return;
      this.#options.onReport({ type: "note", level: "warn", message: event.text });
    } else if (event.kind === "failed" || event.kind === "ended") {
      const reason: Reason = event.stage === stageNumber.source ? "source" : "encoder";
      const error = new PfError(
        reason === "source" ? "PF_SOURCE_FAILED" : "PF_ENCODER_FAILED",
        event.text === "" ? "The desktop that was captured has ended." : event.text,
      );
      this.#failure ??= { reason, error };
      void this.end(reason, error.sentence());
    } else if (event.kind === "path") {
      // What was encoded before the path was known went nowhere.
      this.#pipeline?.encode.requestKeyframe();
    } else if (event.kind === "note") {
      this.#options.onReport({ type: "note", level: "warn", message: event.text });
    }
  }

  #sendTimings(pipeline: HostPipeline): void {
    const entriesMax = Math.floor((limit("datagram_bytes_max") - 4) / hostTiming.bytes);
    for (;;) {
      const entries = pipeline.send.takeTimings(entriesMax);
      const count = entries.length / hostTiming.bytes;
      if (count === 0) return;
      const datagram = new Uint8Array(4 + entries.length);
      datagram[0] = datagramPlane.hostTiming[0];
      datagram[1] = count;
      datagram.set(entries, 4);
      this.#options.connection.sendDatagram(datagram);
    }
  }

  #sendStats({ source, encode, send, bitrateKbps, parityPermille }: HostPipeline): void {
    this.#parity?.tick();
    this.#options.connection.send({
      type: "hostStats",
      framesCaptured: source.counters.get("frames"),
      framesReplaced: encode.counters.get("frames_replaced"),
      framesSent: send.counters.get("frames"),
      keyframes: encode.counters.get("keyframes"),
      packetsSent: send.counters.get("packets"),
      packetsDropped: send.counters.get("packets_dropped"),
      bytesSent: send.counters.get("packet_bytes"),
      bitrateKbps,
      parityPermille,
      parityCause: this.#parity?.cause ?? "start",
    });
  }

  async #refuse(thrown: unknown): Promise<void> {
    const { connection, onReport } = this.#options;
    if (this.#ending.signal.aborted) return;
    await refuse(connection, toPfError(thrown), onReport);
  }

  async #close(listening: Promise<void>): Promise<void> {
    clearInterval(this.#timings);
    clearInterval(this.#stats);
    this.#ending.abort();
    this.#source?.injector?.releaseAll();
    this.#probe?.close();
    this.#pipeline?.close();
    await this.#source?.destroy();
    await this.#events.close();
    await listening;
  }

  #startedReport(pipeline: HostPipeline): HostReport {
    const source = this.#source as PreparedSource;
    return {
      type: "session-started",
      session: this.tag,
      client: this.client,
      address: this.#options.connection.peer.address,
      mode: source.mode,
      codec: pipeline.codec,
      encoder: pipeline.encoder,
      bitrateKbps: pipeline.bitrateKbps,
      source: source.name,
      sourceWhy: source.why,
    };
  }

  async #endedReport(figures: ReturnType<typeof figuresOf>): Promise<HostReport> {
    const close = await this.#options.connection.closed;
    const reason = close.kind === "bye" ? close.reason : close.kind;
    const words = close.kind === "bye" ? close.message : close.error.message;
    const message = words === "" ? "it said goodbye." : words;
    return {
      type: "session-ended",
      session: this.tag,
      client: this.client,
      reason,
      message,
      ...figures,
    };
  }
}

/** What a pipeline has done, to be asked before it is closed. */
const figuresOf = ({ send, session }: HostPipeline) => ({
  framesSent: send.counters.get("frames"),
  packetsSent: send.counters.get("packets"),
  parityPackets: send.counters.get("parity_packets"),
  packetsDropped: send.counters.get("packets_dropped"),
  dropped: dropsOf(session.counters.snapshot()),
});

/** Largest shard on a path to this address. */
export const shardBytesMaxFor = (address: string): number =>
  limit(address.includes(":") ? "shard_bytes_max_v6" : "shard_bytes_max");

/** Hands an input message to the desktop; other messages are none. */
function injectMessage(injector: Injector, message: Message): void {
  if (message.type === "key") injector.key(message.usage, message.down);
  else if (message.type === "button") injector.button(message.button, message.down);
  else if (message.type === "motion") injector.motion(message.dx, message.dy);
  else if (message.type === "position") injector.position(message.x, message.y);
  else if (message.type === "scroll") injector.scroll(message.h, message.v);
  else if (message.type === "text") injector.text(message.text);
}
