/**
 * A client's session from Welcome to the end: starts the pipeline, answers its events, compares the
 * clocks, and measures. Everything that it opened is closed in `run`, whichever way it ends.
 */
import { assert, PfError } from "../base/errors.ts";
import type { Millis } from "../base/units.ts";
import { notUrgent } from "../base/urgency.ts";
import { type EventQueue, type NativeEvent, nowNs } from "../ffi/core/core.ts";
import type { Sink } from "../ffi/library.ts";
import type { Presenter } from "../ffi/present/presenter.ts";
import type { RecordFormat } from "../ffi/record/record.ts";
import { closeError } from "../transport/close-reason.ts";
import type { ControlConnection } from "../transport/connection.ts";
import type { Message, MessageOf } from "../wire/control.ts";
import { mediaKeys } from "../wire/exporter.ts";
import type { Why } from "../wire/management.ts";
import type { Mode } from "../wire/mode.ts";
import { allows, type Level } from "../wire/pairing/level.ts";
import { ApprovalQueue, type AskApproval, type PendingRequest } from "./approvals.ts";
import { AskedTest } from "./asked-test.ts";
import { ClockSync, isLoopback } from "./control/clock.ts";
import {
  type ClockFigures,
  clientStats,
  clockFigures,
  HostStages,
  hostTimingHead,
  type Interval,
  interval,
  type SessionSnapshot,
  type Summary,
  summary,
} from "./figures.ts";
import { type InputEvent, InputForwarder } from "./input/input.ts";
import { playScript } from "./input/player.ts";
import type { InputScript } from "./input/script.ts";
import { LossReporter } from "./loss.ts";
import { ModeWishes, usualModes } from "./mode-wishes.ts";
import { ClientPipeline, type PictureWatch, stageNumber } from "./pipeline.ts";
import { ClientProbe } from "./probe.ts";
import { ClientSound } from "./sound/sound.ts";
import {
  type Outcome,
  type SpeedTestRequest,
  type SpeedTestWatch,
  testSpeed,
} from "./speed-test.ts";
import { StandstillWatch } from "./standstill.ts";
import { Recent } from "./why.ts";

export interface ClientSessionOptions {
  readonly connection: ControlConnection;
  readonly welcome: MessageOf<"welcome">;
  readonly requestedKbps: number | null;
  /** The host's media address; the connection's peer unless a test puts a relay between. */
  readonly mediaPeer: { readonly address: string; readonly port: number };
  readonly events: EventQueue;
  readonly presenter: Presenter | null;
  readonly pictureSink?: Sink;
  /** Sees the decoded pictures before they are shown. */
  readonly watch?: PictureWatch;
  /** What the key for the next mode goes through; default: the usual sizes. */
  readonly modes?: readonly Mode[];
  /** The host's picture follows the size of the window. */
  readonly followsWindow?: boolean;
  /** The host streams at another mode from now on. */
  readonly onMode?: (mode: Mode) => void;
  readonly decoder: string;
  readonly record: { readonly path: string; readonly format: RecordFormat } | null;
  readonly durationMs: Millis | undefined;
  readonly typeText: string | undefined;
  /** Input that is played once the picture is there. */
  readonly inputScript?: InputScript;
  readonly warn: (text: string) => void;
  /** What is worth knowing and no fault. */
  readonly note: (text: string) => void;
  readonly onInterval: (figures: Interval) => void;
  /** Has a person decide about a device that waits for approval at the host. */
  readonly askApproval: AskApproval;
  readonly approvalSettled: (request: PendingRequest, how: string) => void;
  /** The picture is right again, this long after the last one that was. */
  readonly onRecovered: (frame: number, afterMs: number) => void;
}

export interface SessionResult {
  readonly summary: Summary;
  readonly error: PfError | null;
}

/** Without any picture for this long the session is given up. */
const firstPictureMsMax = 10_000;
const intervalMs = 1000;
/** Datagrams with the host's times come each 100 ms: longer than a frame is waited for. */
const timingsHeld = 2;
/** Frames with a loss that one report is about: more than 100 ms have. */
const lossesMax = 256;

export class ClientSession {
  readonly pipeline: ClientPipeline;
  readonly #options: ClientSessionOptions;
  readonly #sound: ClientSound;
  readonly #input: InputForwarder;
  /** Ends the script of input. */
  readonly #scripted = new AbortController();
  readonly #host = new HostStages();
  readonly #clock: ClockSync;
  readonly #modes: ModeWishes;
  #bitrateKbps: number;
  readonly #losses: LossReporter;
  readonly #asked: AskedTest;
  readonly #approvals: ApprovalQueue;
  /** null: the host serves everybody. */
  #level: Level | null;
  #clockFigures: ClockFigures | null = null;
  #hostStats: MessageOf<"hostStats"> | null = null;
  #hostStatsAtMs = 0;
  /** What the host told of frames last. */
  readonly #timings: Uint8Array[] = [];
  readonly #recent = new Recent();
  readonly #standstill = new StandstillWatch();
  #probe: ClientProbe | undefined;
  #failure: PfError | null = null;
  #firstPictureAt: number | null = null;
  /** Taken when the end was asked for: the goodbye is no part of the stream. */
  #last: SessionSnapshot | undefined;
  /** Until the first picture for how long one is waited, then for how long to stream. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ClientSessionOptions) {
    const { connection, welcome } = options;
    this.#options = options;
    this.pipeline = new ClientPipeline({
      events: options.events,
      welcome,
      keys: mediaKeys(connection.exporter, welcome.session),
      peer: options.mediaPeer,
      decoder: options.decoder,
      presenter: options.presenter,
      ...(options.pictureSink === undefined ? {} : { pictureSink: options.pictureSink }),
      ...(options.watch === undefined ? {} : { watch: options.watch }),
      record: options.record,
    });
    this.#sound = new ClientSound({
      session: this.pipeline.session,
      audio: welcome.audio,
      microphone: welcome.microphone,
      events: options.events,
      warn: options.warn,
    });
    this.#level = welcome.level;
    this.#bitrateKbps = welcome.bitrateKbps;
    this.#modes = new ModeWishes({
      mode: welcome.mode,
      list: options.modes ?? usualModes(welcome.mode),
      followsWindow: options.followsWindow ?? false,
      send: (wish) => connection.isOpen && connection.send(wish),
      expect: (mode) => this.pipeline.expectMode(mode),
    });
    this.#input = new InputForwarder((message) => {
      if (this.#mayInput) connection.send(message);
    });
    this.#clock = new ClockSync({
      send: (probe) => connection.send(probe),
      nowNs,
      isSameMachine: isLoopback(connection.peer.address),
    });
    this.#losses = new LossReporter({
      counters: () => this.pipeline.lossCounters(performance.now()),
      takeLosses: () => this.pipeline.receive.takeLosses(lossesMax),
      send: (report) => connection.send(report),
    });
    this.#asked = new AskedTest({
      send: (message) => connection.isOpen && connection.send(message),
      isTesting: () => this.#probe !== undefined,
      run: (request, watch) => this.testSpeed(request, watch),
      stop: () => this.#probe?.close(),
    });
    this.#approvals = new ApprovalQueue({
      ask: options.askApproval,
      send: (answer) => connection.isOpen && connection.send(answer),
      settledElsewhere: options.approvalSettled,
    });
  }

  /** Streams until the duration is over, the window is closed, `end` is called or the host leaves. */
  async run(): Promise<SessionResult> {
    const { connection, events, onInterval } = this.#options;
    const startedAt = performance.now();
    connection.onMessage((message) => this.#onMessage(message));
    connection.onDatagram((bytes) => this.#takeTimings(bytes));
    const listening = events.listen((event) => this.#onEvent(event));
    this.pipeline.start();
    this.#sound.start();
    connection.send({ type: "start" });
    if (!this.#mayInput) this.#tellLevel();
    this.#losses.start();
    const following = this.#followClock();
    let earlier = this.#snapshot();
    this.#timer = setTimeout(() => this.#fail(this.#noPicture()), firstPictureMsMax);
    const reporter = setInterval(() => {
      const later = this.#snapshot();
      this.#recent.add(later, this.mode);
      onInterval(interval(earlier, later));
      if (connection.isOpen) connection.send(clientStats(earlier, later));
      const beforeSent = "frames_before_sent";
      if ((later.receive[beforeSent] ?? 0) > (earlier.receive[beforeSent] ?? 0)) {
        this.#clock.contradict();
      }
      earlier = later;
    }, intervalMs);
    const close = await connection.closed;
    clearTimeout(this.#timer);
    clearInterval(reporter);
    this.#standstill.close();
    this.#clock.close();
    await following;
    this.#losses.stop();
    this.#scripted.abort();
    this.#input.close();
    this.#last ??= this.#lastSnapshot();
    this.#probe?.close();
    this.#approvals.close();
    this.#modes.close();
    this.#sound.close();
    this.pipeline.close();
    await events.close();
    await listening;
    return {
      summary: this.#summary(this.#last, this.#firstPictureAt ?? startedAt),
      error: this.#failure ?? closeError(close),
    };
  }

  /** The clocks of both machines contradict each other now. */
  get isClockSuspect(): boolean {
    return this.#clockFigures?.isSuspect ?? false;
  }

  /** What the host streams now. */
  get mode(): Mode {
    return this.#modes.current;
  }

  /** Asks the host for another mode; `onMode` hears when it is in force. */
  askMode(mode: Mode): void {
    this.#modes.ask(mode);
  }

  /** What is heard and sent of sound. */
  get sound(): ClientSound {
    return this.#sound;
  }

  /** What the host told of itself last; null = nothing yet. */
  get host(): MessageOf<"hostStats"> | null {
    return this.#hostStats;
  }

  /** Number by which both ends know it. */
  get session(): number {
    return this.#options.welcome.session;
  }

  /** Where the time and the frames of the last seconds went; null before there were some. */
  why(): Why | null {
    const { hostName } = this.#options.welcome;
    return this.#recent.why({ session: this.session, peer: hostName, mode: this.mode });
  }

  /** Takes an input event as the window gives them. */
  giveInput(event: InputEvent): void {
    this.#input.onEvent(event);
  }

  /** Ends the session in order: what is pressed is released, the host is told. */
  async end(reason: "done" | "interrupted"): Promise<void> {
    this.#last ??= this.#lastSnapshot();
    this.#scripted.abort();
    this.#input.releaseAll();
    await this.#options.connection.close(reason);
  }

  /**
   * Finds out what the path carries: the picture stands still meanwhile, and goes on afterwards.
   * One at a time. Throws when the host does not know how, or the session ends.
   */
  async testSpeed(request: SpeedTestRequest, watch: SpeedTestWatch): Promise<Outcome> {
    assert(this.#probe === undefined, "one speed test at a time");
    const { connection, welcome } = this.#options;
    const { port, session } = this.pipeline;
    const probe = new ClientProbe({ connection, welcome, port, session });
    this.#probe = probe;
    try {
      return await testSpeed(probe, request, watch);
    } finally {
      probe.close();
      this.#probe = undefined;
    }
  }

  #fail(error: PfError): void {
    this.#failure ??= error;
    void this.end("done");
  }

  #summary(last: SessionSnapshot, startedAt: number): Summary {
    const { welcome, requestedKbps } = this.#options;
    const facts = {
      mode: this.#modes.current,
      codec: welcome.codec,
      requestedKbps,
      resolvedKbps: this.#bitrateKbps,
      sendDropped: this.#hostStats?.packetsDropped ?? null,
      parityPermille: this.#hostStats?.parityPermille ?? null,
      input: this.#input.sent,
      audio: this.#sound.figures,
    };
    return summary(facts, last, startedAt);
  }

  /** Times across machines are measured by what is known of the clocks now, or not at all. */
  async #followClock(): Promise<void> {
    await this.#clock.follow((estimate) => {
      if (this.#last !== undefined) return;
      this.pipeline.setClockOffset(estimate?.offsetNs ?? null, estimate?.errorNs);
      if (estimate !== null) this.#clockFigures = clockFigures(estimate);
      else if (this.#clockFigures?.isSuspect === false) {
        this.#clockFigures = { ...this.#clockFigures, isSuspect: true };
        this.#options.warn(
          "The clocks of both machines contradict each other: the clock offset is suspect, and " +
            "no latency across machines is measured until they agree.",
        );
      }
    });
  }

  /** The time to stream counts from the first picture, at whatever time its event is seen. */
  #onFirstPicture(event: NativeEvent): void {
    const { durationMs, typeText, inputScript, connection } = this.#options;
    const sinceMs = Number(nowNs() - event.timeNs) / 1e6;
    this.#firstPictureAt = performance.now() - sinceMs;
    clearTimeout(this.#timer);
    if (durationMs !== undefined) {
      this.#timer = setTimeout(() => void this.end("done"), durationMs - sinceMs);
    }
    if (this.pipeline.port.counters.get("urgent") === 0) this.#options.note(notUrgent);
    if (typeText !== undefined && this.#mayInput) connection.send({ type: "text", text: typeText });
    if (inputScript !== undefined) {
      void playScript(inputScript, (input) => this.giveInput(input), this.#scripted.signal);
    }
  }

  get #mayInput(): boolean {
    return this.#level === null || allows(this.#level, "input");
  }

  #tellLevel(): void {
    const { warn, welcome } = this.#options;
    warn(
      this.#mayInput
        ? `${welcome.hostName} takes keyboard and pointer of this device now.`
        : `This device may only watch ${welcome.hostName}: keyboard and pointer are not sent.`,
    );
  }

  #changeLevel(level: Level): void {
    const could = this.#mayInput;
    // What is held is released while that may still be said; the host does so by itself too.
    if (!allows(level, "input")) this.#input.releaseAll();
    // The host asks again where the right comes back.
    if (!allows(level, "manage")) this.#approvals.clear();
    this.#level = level;
    if (this.#mayInput !== could) this.#tellLevel();
  }

  #noPicture(): PfError {
    const packets = this.pipeline.receive.counters.get("packets");
    const { port } = this.#options.mediaPeer;
    const seconds = firstPictureMsMax / 1000;
    if (packets > 0) {
      return new PfError("PF_DECODER_FAILED", `No picture could be decoded in ${seconds} s.`, {
        hint: "Try another --codec or --decoder software.",
      });
    }
    return new PfError("PF_HOST_UNREACHABLE", `No media packet came within ${seconds} s.`, {
      hint: `A firewall may block UDP port ${port} of the host.`,
    });
  }

  #onMessage(message: Message): void {
    if (message.type === "clockEcho") this.#clock.take(message);
    else if (message.type === "hostStats") this.#takeHostStats(message);
    else if (message.type === "levelChanged") this.#changeLevel(message.level);
    else if (message.type === "reconfigured") this.#onReconfigured(message);
    else if (message.type === "pendingRequest" || message.type === "pendingSettled") {
      this.#approvals.take(message);
    } else {
      this.#asked.take(message);
      this.#probe?.take(message);
    }
  }

  /** Frames that are told of may be on their way yet: they are waited for. */
  #takeTimings(bytes: Uint8Array): void {
    if (!this.#host.takeDatagram(bytes)) return;
    this.#timings.push(bytes.slice(hostTimingHead));
    if (this.#timings.length > timingsHeld) this.#settleTimings(timingsHeld);
  }

  #settleTimings(held: number): void {
    for (const entries of this.#timings.splice(0, this.#timings.length - held)) {
      this.pipeline.receive.takeTimings(entries);
    }
  }

  #takeHostStats(message: MessageOf<"hostStats">): void {
    this.#hostStats = message;
    this.#hostStatsAtMs = performance.now();
  }

  #lastSnapshot(): SessionSnapshot {
    this.#settleTimings(0);
    return this.#snapshot();
  }

  #snapshot(): SessionSnapshot {
    return {
      ...this.pipeline.snapshot(performance.now()),
      heldMs: this.#standstill.takeMs(),
      hostStages: this.#host.copy(),
      hostStats: this.#hostStats,
      hostStatsAtMs: this.#hostStatsAtMs,
      clock: this.#clockFigures,
    };
  }

  #onReconfigured(message: MessageOf<"reconfigured">): void {
    const { warn, onMode } = this.#options;
    if (message.problem !== null) warn(message.problem);
    this.#bitrateKbps = message.bitrateKbps;
    if (this.#modes.settle(message.mode)) onMode?.(message.mode);
  }

  #onEvent(event: NativeEvent): void {
    const { connection, warn } = this.#options;
    switch (event.kind) {
      case "stall":
        connection.send({
          type: "requestKeyframe",
          frame: event.stage === stageNumber.receive ? event.a : null,
          why: event.stage === stageNumber.receive ? "loss" : "decoder",
        });
        return;
      case "failed":
        if (event.stage === stageNumber.record) warn(`${event.text} The stream goes on.`);
        else this.#fail(failure(event));
        return;
      case "note":
        warn(event.text);
        return;
      case "first_frame":
        if (event.stage === stageNumber.decode) this.#onFirstPicture(event);
        return;
      case "recovered":
        this.#options.onRecovered(event.a, event.b);
        return;
      case "window_closed":
        void this.end("done");
        return;
      case "window_resized":
        this.#modes.onResized(event.a, event.b);
        return;
      case "next_mode":
        this.#modes.next();
        return;
      default:
        this.#input.onEvent(event);
    }
  }
}

function failure(event: NativeEvent): PfError {
  if (event.stage === stageNumber.present) return new PfError("PF_PRESENT_FAILED", event.text);
  if (event.stage === stageNumber.decode) {
    return new PfError("PF_DECODER_FAILED", event.text, { hint: "Try --decoder software." });
  }
  return new PfError("PF_NATIVE_FAILED", event.text);
}
