/**
 * A client that only tests the speed of the path: it gets a session with keys and a path, but no
 * desktop and no encoder. Everything that it opens is closed in `run`, whichever way it ends.
 */
import { randomInt } from "node:crypto";
import { toPfError } from "../base/errors.ts";
import { kbps } from "../base/units.ts";
import { EventQueue } from "../ffi/core/core.ts";
import { MediaSession } from "../ffi/media/port.ts";
import type { Message, MessageOf } from "../wire/control.ts";
import { mediaKeys } from "../wire/exporter.ts";
import { limit } from "../wire/limits.ts";
import type { Reason } from "../wire/reasons.ts";
import { echoOf } from "./clock.ts";
import { recentOffers } from "./displays/all.ts";
import type { DisplayOffer } from "./displays/choose.ts";
import { HostProbe, speedTested } from "./probe.ts";
import { refuse } from "./refusal.ts";
import { actionOf } from "./rights.ts";
import { type SessionOptions, shardBytesMaxFor, startMsMax } from "./session.ts";
import { stageNumber } from "./sources.ts";
import type { Standing } from "./trust/standing.ts";

/** A client that asks for nothing for this long is sent away. */
const idleMsMax = 30_000;

export class ProbeSession {
  readonly purpose = "probe";
  readonly startedAt = new Date();
  readonly tag = randomInt(1, 0xffff_ffff);
  readonly client: string;
  readonly #options: SessionOptions;
  readonly #hello: MessageOf<"hello">;
  readonly #events = new EventQueue();
  #isEnding = false;
  #session: MediaSession | undefined;
  #probe: HostProbe | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;

  constructor(options: SessionOptions, hello: MessageOf<"hello">) {
    this.#options = options;
    this.#hello = hello;
    this.client = hello.name === "" ? "a client without a name" : hello.name;
  }

  get address(): string {
    return this.#options.connection.peer.address;
  }

  get standing(): Standing {
    return this.#options.standing;
  }

  /** There is no stream to tell of. */
  sample(): null {
    return null;
  }

  /** Nothing of the settings is about a speed test. */
  followSettings(): void {}

  /** Serves the client until it leaves. Never rejects; reports what happened. */
  async run(): Promise<void> {
    const { connection, standing, onReport } = this.#options;
    standing.onChange((change) => this.#onStanding(change));
    const listening = this.#events.listen((event) => this.#probe?.onEvent(event));
    try {
      await this.#open();
      await connection.receive(["start"], startMsMax);
      connection.onMessage((message) => this.#onMessage(message));
      this.#waitForRequest();
      await connection.closed;
    } catch (thrown) {
      if (!this.#isEnding && connection.isOpen) {
        await refuse(connection, toPfError(thrown), onReport);
      }
    }
    clearTimeout(this.#idle);
    const figures = this.#probe?.figures ?? null;
    this.#probe?.close();
    this.#session?.close();
    await this.#events.close();
    await listening;
    if (figures !== null) onReport(speedTested(this, connection.peer.address, figures));
  }

  /** Ends the session for a reason of the host's. */
  async end(reason: Reason, message: string): Promise<void> {
    this.#isEnding = true;
    await this.#options.connection.close(reason, message);
  }

  async #open(): Promise<void> {
    const { connection, port, parityPermille, probeRateMax } = this.#options;
    const keys = mediaKeys(connection.exporter, this.tag);
    const shardBytesMax = shardBytesMaxFor(connection.peer.address);
    this.#session = new MediaSession({
      port,
      tag: this.tag,
      role: "host",
      send: keys.hostToClient,
      receive: keys.clientToHost,
      events: this.#events,
      stage: stageNumber.session,
    });
    this.#probe = new HostProbe({
      session: this.#session,
      events: this.#events,
      shardBytesMax,
      parityPermille,
      rateMax: probeRateMax,
      send: (message) => connection.send(message),
      setPaused: () => {},
    });
    const displays = (await recentOffers()).filter(({ ok }) => ok);
    connection.send(this.#welcome(shardBytesMax, displays));
  }

  /** There is no picture: what tells of it is what the client wished for. */
  #welcome(shardBytesMax: number, displays: readonly DisplayOffer[]): MessageOf<"welcome"> {
    const { port, hostName, hostId, parityPermille, probeRateMax } = this.#options;
    return {
      type: "welcome",
      session: this.tag,
      mediaPort: port.port,
      hostName,
      hostId,
      codec: this.#hello.codecs[0] ?? "h264",
      encoder: "none",
      mode: this.#hello.mode,
      bitrateKbps: kbps(probeRateMax),
      parityPermille,
      frameBytesMax: limit("frame_bytes_max"),
      framesInFlightMax: limit("frames_in_flight_max"),
      shardBytesMax,
      lossWindowMs: limit("loss_window_ms"),
      stallMs: limit("stall_ms"),
      source: "none",
      sourceWhy: "The client only tests the speed of the path.",
      displays: displays.map(({ kind, version }) => ({ kind, version })),
      pairing: this.#options.trust.mode === "open" ? "optional" : "required",
      level: this.#options.standing.level,
      keyboardLayout: null,
      audio: null,
      microphone: null,
    };
  }

  #onStanding(change: "level" | "revoked"): void {
    const { connection, standing } = this.#options;
    if (change === "revoked") {
      void this.end("revoked", "This device is no longer paired with the host.");
    } else if (this.#session !== undefined && standing.level !== null) {
      connection.send({ type: "levelChanged", level: standing.level });
    }
  }

  #onMessage(message: Message): void {
    if (!this.#options.standing.may(actionOf(message.type))) return;
    if (message.type === "clockProbe") {
      this.#options.connection.send(echoOf(message));
      return;
    }
    if (message.type === "probeRequest") this.#waitForRequest();
    this.#probe?.take(message);
  }

  #waitForRequest(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => void this.end("idle", "No speed test was asked for."), idleMsMax);
  }
}
