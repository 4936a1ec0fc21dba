/**
 * One client on the host: from its Hello to the last Bye. Everything that a session opens is closed
 * in `end`, whichever way it ends.
 */
import { randomInt } from "node:crypto";
import { PfError, toPfError } from "../base/errors.ts";
import type { Kbps, PerMille } from "../base/units.ts";
import { notUrgent } from "../base/urgency.ts";
import { EventQueue, type NativeEvent } from "../ffi/core/core.ts";
import type { UdpPort } from "../ffi/media/port.ts";
import type { ControlConnection } from "../transport/connection.ts";
import type { Message, MessageOf } from "../wire/control.ts";
import { mediaKeys } from "../wire/exporter.ts";
import { limit } from "../wire/limits.ts";
import type { Settings, SpeedTestRequest } from "../wire/management.ts";
import { modeProblem } from "../wire/mode.ts";
import type { Reason } from "../wire/reasons.ts";
import { AskedTest, type SpeedTestResult } from "./asked-test.ts";
import { echoOf } from "./clock.ts";
import { recentOffers } from "./displays/all.ts";
import type { DisplayOffer } from "./displays/choose.ts";
import { clientWish, type SourceSettings } from "./displays/prepare.ts";
import { injectMessage } from "./inject/messages.ts";
import { hear, type LiveSample, nothingHeard, sampleOf } from "./management/live.ts";
import type { SpeedTestWatch } from "./management/managed.ts";
import { ManagerLink } from "./manager-link.ts";
import { clampParity, ParityControl } from "./parity.ts";
import { SessionPicture } from "./picture.ts";
import type { HostPipeline } from "./pipeline.ts";
import { resolveBitrate } from "./policy/bitrate.ts";
import { encoderCandidates } from "./policy/codec.ts";
import { HostProbe, speedTested } from "./probe.ts";
import { Refusal, refuse } from "./refusal.ts";
import { type Drops, dropsOf, type HostReport } from "./report.ts";
import { actionOf } from "./rights.ts";
import { grantSound, type SoundPolicy } from "./sound/policy.ts";
import { HostSound } from "./sound/sound.ts";
import { type PreparedSource, stageNumber } from "./sources.ts";
import { sendTimings } from "./timings.ts";
import type { Standing } from "./trust/standing.ts";
import type { Trust } from "./trust/trust.ts";

export interface SessionOptions {
  readonly connection: ControlConnection;
  /** What the client may do; the caller's to leave. */
  readonly standing: Standing;
  readonly trust: Trust;
  /** In force now. */
  readonly settings: () => Settings;
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
  /** Sound and microphone; default: neither. */
  readonly sound?: SoundPolicy | undefined;
  readonly onReport: (report: HostReport) => void;
}

/** How often the host's stage times are sent. */
const timingIntervalMs = 100;
/** How often the client is told the host's figures. */
const statsIntervalMs = 500;
/** How long a client may take from Welcome to Start. */
export const startMsMax = 30_000;

export class HostSession {
  readonly purpose = "stream";
  readonly tag: number;
  readonly client: string;
  readonly startedAt = new Date();
  readonly #options: SessionOptions;
  readonly #hello: MessageOf<"hello">;
  readonly #ending = new AbortController();
  readonly #events = new EventQueue();
  readonly #asked: AskedTest;
  #picture: SessionPicture | undefined;
  #sound: HostSound | undefined;
  #probe: HostProbe | undefined;
  #parity: ParityControl | undefined;
  #timings: ReturnType<typeof setInterval> | undefined;
  #stats: ReturnType<typeof setInterval> | undefined;
  #manager: ManagerLink | undefined;
  #isStarted = false;
  #isUrgencyTold = false;
  /** What the client asked for last. */
  #wishKbps: number | null;
  #heard = nothingHeard;
  /** Messages that the client's level does not allow. */
  #forbidden = 0;

  constructor(options: SessionOptions, hello: MessageOf<"hello">) {
    this.#options = options;
    this.#hello = hello;
    this.client = clientName(hello);
    this.tag = randomInt(1, 0xffff_ffff);
    this.#wishKbps = hello.bitrateKbps;
    this.#asked = new AskedTest((message) => options.connection.send(message));
  }

  get address(): string {
    return this.#options.connection.peer.address;
  }

  get standing(): Standing {
    return this.#options.standing;
  }

  /** What it has done so far; null until it streams, and when it is over. */
  sample(): LiveSample | null {
    if (!this.#isStarted || this.#picture === undefined) return null;
    const { source, pipeline } = this.#picture;
    const { mode, name, why } = source;
    return sampleOf(pipeline, {
      mode,
      source: name,
      sourceWhy: why,
      parityCause: this.#parity?.cause ?? "start",
      heard: this.#heard,
      atMs: performance.now(),
    });
  }

  /** Has the client test its path. Rejects when it can't, leaves, or `signal` aborts. */
  async testSpeed(
    request: SpeedTestRequest,
    watch: SpeedTestWatch,
    signal: AbortSignal,
  ): Promise<SpeedTestResult> {
    if (!this.#isStarted || this.#ending.signal.aborted) {
      throw new PfError("PF_PEER_LOST", "The client does not stream yet, or has left.");
    }
    return this.#asked.run(request, watch, signal);
  }

  /** Goes by the settings as they are now. */
  followSettings(): void {
    const bitrate = resolveBitrate(this.#wishKbps, this.#options.settings());
    const pipeline = this.#picture?.pipeline;
    if (pipeline === undefined || bitrate === pipeline.bitrateKbps) return;
    pipeline.setBitrate(bitrate);
    if (this.#isStarted) this.#sendConfiguration();
  }

  /** Serves the client until it leaves. Never rejects; reports what happened. */
  async run(): Promise<void> {
    const { connection, standing, onReport } = this.#options;
    void connection.closed.then(() => this.#ending.abort());
    standing.onChange((change) => this.#onStanding(change));
    const listening = this.#events.listen((event) => this.#onEvent(event));
    try {
      const { source, pipeline } = await this.#open();
      await connection.receive(["start"], startMsMax);
      connection.onMessage((message) => this.#onMessage(message));
      pipeline.start();
      this.#sound?.start();
      this.#isStarted = true;
      this.#manageIfAllowed();
      this.#timings = setInterval(() => sendTimings(connection, pipeline), timingIntervalMs);
      this.#stats = setInterval(() => this.#sendStats(pipeline), statsIntervalMs);
      onReport(this.#startedReport(source, pipeline));
      await aborted(this.#ending.signal);
    } catch (thrown) {
      await this.#refuse(thrown);
    }
    const figures =
      this.#picture === undefined ? undefined : figuresOf(this.#picture.pipeline, this.#forbidden);
    const tested = this.#probe?.figures ?? null;
    await this.#close(listening);
    if (tested !== null) onReport(speedTested(this, connection.peer.address, tested));
    if (this.#isStarted && figures !== undefined) onReport(await this.#endedReport(figures));
  }

  /** Ends the session for a reason of the host's. */
  async end(reason: Reason, message: string): Promise<void> {
    this.#ending.abort();
    await this.#options.connection.close(reason, message);
  }

  async #open(): Promise<SessionPicture> {
    const { connection, port, parityPermille, isParityPinned } = this.#options;
    const hello = this.#hello;
    const problem = modeProblem(hello.mode);
    if (problem !== undefined) throw new PfError("PF_MODE_INVALID", `The mode: ${problem}`);
    if (hello.codecs.length === 0) {
      throw new Refusal("codec", "The client names no codec that this host knows.");
    }
    const candidates = encoderCandidates(hello.codecs, this.#options.encoder);
    const wish = clientWish(this.#options.source.wish, hello.compositor);
    const picture = await SessionPicture.open({
      settings: { ...this.#options.source, wish },
      mode: hello.mode,
      signal: this.#ending.signal,
      events: this.#events,
      clientLayout: hello.keyboardLayout,
      pipeline: {
        port,
        session: this.tag,
        keys: mediaKeys(connection.exporter, this.tag),
        candidates,
        bitrateKbps: resolveBitrate(hello.bitrateKbps, this.#options.settings()),
        parityPermille:
          hello.fecPermille === null ? parityPermille : clampParity(hello.fecPermille),
        shardBytesMax: shardBytesMaxFor(connection.peer.address),
      },
      // The client knows before the first picture of the new mode is on its way.
      changed: () => this.#sendConfiguration(),
      refused: (problem) => this.#sendConfiguration(problem),
      failed: (error) => this.#fail(error),
    });
    this.#picture = picture;
    this.#ending.signal.throwIfAborted();
    const { pipeline } = picture;
    this.#sound = this.#openSound(pipeline);
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
    const displays = (await recentOffers()).filter(({ ok }) => ok);
    connection.send(this.#welcome(picture, displays));
    return picture;
  }

  /** What the host's policy grants of the client's wishes, as far as it can be opened here. */
  #openSound({ session }: HostPipeline): HostSound | undefined {
    const { sound: policy, standing, onReport } = this.#options;
    if (policy === undefined) return undefined;
    const isPaired = standing.device !== null;
    const grant = grantSound(policy, this.#hello, { isPaired, mayInput: standing.may("input") });
    const warn = (message: string) => onReport({ type: "note", level: "warn", message });
    if (grant.refusal !== null) warn(`${this.client} is not heard. ${grant.refusal}`);
    const { client } = this;
    return new HostSound({
      session,
      grant,
      source: policy.audio,
      client,
      events: this.#events,
      warn,
    });
  }

  #welcome(
    { source, pipeline }: SessionPicture,
    displays: readonly DisplayOffer[],
  ): MessageOf<"welcome"> {
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
      displays: displays.map(({ kind, version }) => ({ kind, version })),
      pairing: this.#options.trust.mode === "open" ? "optional" : "required",
      level: this.#options.standing.level,
      keyboardLayout: source.injector?.keyboardLayout ?? null,
      audio: this.#sound?.channelCount ?? null,
      microphone: this.#sound?.microphone ?? null,
    };
  }

  #onStanding(change: "level" | "revoked"): void {
    const { connection, standing } = this.#options;
    if (change === "revoked") {
      void this.end("revoked", "This device is no longer paired with the host.");
      return;
    }
    if (!standing.may("input")) {
      this.#picture?.injector?.releaseAll();
      this.#sound?.hearNoMore();
    }
    if (!this.#isStarted) return;
    if (standing.level !== null) connection.send({ type: "levelChanged", level: standing.level });
    this.#manageIfAllowed();
  }

  /** Whoever may manage hears of devices that wait. */
  #manageIfAllowed(): void {
    const { connection, standing, trust, onReport } = this.#options;
    if (standing.may("manage")) {
      const send = (message: Message) => void connection.send(message);
      this.#manager ??= new ManagerLink({ trust, send, onReport });
    } else {
      this.#manager?.close();
      this.#manager = undefined;
    }
  }

  #onMessage(message: Message): void {
    if (!this.#options.standing.may(actionOf(message.type))) {
      this.#forbidden++;
      return;
    }
    const injector = this.#picture?.injector ?? null;
    switch (message.type) {
      case "clockProbe":
        this.#options.connection.send(echoOf(message));
        return;
      case "requestKeyframe":
        this.#picture?.requestKeyframe();
        return;
      case "reconfigure":
        this.#reconfigure(message);
        return;
      case "setFec":
        this.#parity?.pin(message.parityPermille);
        return;
      case "lossReport":
        this.#parity?.hear(message);
        this.#heard = hear(this.#heard, message, performance.now());
        return;
      case "clientStats":
        this.#heard = hear(this.#heard, message, performance.now());
        return;
      case "speedTestProgress":
      case "speedTestResult":
        this.#asked.take(message);
        return;
      case "pendingAnswer":
        this.#manager?.take(message);
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
    if (message.bitrateKbps !== null) {
      this.#wishKbps = message.bitrateKbps;
      const bitrate = resolveBitrate(message.bitrateKbps, this.#options.settings());
      this.#picture?.pipeline.setBitrate(bitrate);
    }
    if (message.parityPermille !== null) this.#parity?.pin(message.parityPermille);
    if (message.mode !== null) this.#picture?.askMode(message.mode);
    else this.#sendConfiguration();
  }

  #sendConfiguration(problem: string | null = null): void {
    if (this.#picture === undefined) return;
    const { source, pipeline } = this.#picture;
    this.#options.connection.send({
      type: "reconfigured",
      mode: source.mode,
      bitrateKbps: pipeline.bitrateKbps,
      parityPermille: pipeline.parityPermille,
      problem,
    });
  }

  #fail(error: PfError): void {
    const reason: Reason = error.code.startsWith("PF_ENCODER") ? "encoder" : "source";
    void this.end(reason, error.sentence());
  }

  #onEvent(event: NativeEvent): void {
    if (event.stage === stageNumber.filler) {
      this.#probe?.onEvent(event);
    } else if (event.stage === stageNumber.input) {
      if (event.kind !== "failed") return;
      this.#options.onReport({ type: "note", level: "warn", message: event.text });
    } else if (event.kind === "failed" || event.kind === "ended" || event.kind === "path") {
      this.#picture?.onEvent(event);
    } else if (event.kind === "note") {
      this.#options.onReport({ type: "note", level: "warn", message: event.text });
    }
  }

  /** Once its thread has asked the system. */
  #tellUrgency({ send }: HostPipeline): void {
    if (this.#isUrgencyTold) return;
    this.#isUrgencyTold = true;
    if (send.counters.get("urgent") === 1) return;
    this.#options.onReport({ type: "note", level: "info", message: notUrgent });
  }

  #sendStats(pipeline: HostPipeline): void {
    const { figures, send, bitrateKbps, parityPermille } = pipeline;
    this.#tellUrgency(pipeline);
    this.#parity?.tick();
    this.#options.connection.send({
      type: "hostStats",
      framesCaptured: figures.framesCaptured,
      framesReplaced: figures.framesReplaced,
      framesSent: send.counters.get("frames"),
      keyframes: figures.keyframes,
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
    this.#manager?.close();
    this.#asked.close();
    this.#probe?.close();
    this.#sound?.close();
    const picture = this.#picture;
    this.#picture = undefined;
    await picture?.close();
    await this.#events.close();
    await listening;
  }

  #startedReport(source: PreparedSource, pipeline: HostPipeline): HostReport {
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
const figuresOf = ({ send, session }: HostPipeline, forbidden: number) => ({
  framesSent: send.counters.get("frames"),
  packetsSent: send.counters.get("packets"),
  parityPackets: send.counters.get("parity_packets"),
  packetsDropped: send.counters.get("packets_dropped"),
  dropped: { ...dropsOf(session.counters.snapshot()), level: forbidden } satisfies Drops,
});

function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  if (signal.aborted) resolve();
  return promise;
}

/** What people call it. */
export const clientName = ({ name }: MessageOf<"hello">): string =>
  name === "" ? "a client without a name" : name;

/** Largest shard on a path to this address. */
export const shardBytesMaxFor = (address: string): number =>
  limit(address.includes(":") ? "shard_bytes_max_v6" : "shard_bytes_max");
