/**
 * A session's sound on the host:
 *
 *   applications → sink of the session's own, or the default sink's monitor → Opus → 0xC9
 *   0xCB → jitter buffer → source that applications record from
 *
 * What can't be opened is said in a sentence, and the session goes on without it.
 */
import { toPfError } from "../../base/errors.ts";
import { type ChannelCount, SoundReceiveStage, SoundSendStage } from "../../ffi/audio/sound.ts";
import type { EventQueue } from "../../ffi/core/core.ts";
import { PlaneReceiver, PlaneSender } from "../../ffi/media/plane.ts";
import type { MediaSession } from "../../ffi/media/port.ts";
import type { AudioSource, SoundGrant } from "./policy.ts";

export interface HostSoundOptions {
  readonly session: MediaSession;
  readonly grant: SoundGrant;
  readonly source: AudioSource;
  /** The client's name, for people who look at the sinks and sources. */
  readonly client: string;
  readonly events: EventQueue;
  readonly warn: (sentence: string) => void;
  /** PipeWire's socket; default: the user's own. */
  readonly socketPath?: string;
}

interface Stage {
  start(): void;
  stop(): void;
  close(): void;
}

/** Sinks of this process: only the first can be the default one, so further sessions hear it. */
let ownSinks = 0;

export class HostSound {
  /** What is really sent; null = no sound. */
  readonly channelCount: ChannelCount | null;
  /** Whether the client is really heard. */
  readonly microphone: boolean;
  readonly send: SoundSendStage | null = null;
  receive: SoundReceiveStage | null = null;
  readonly #options: HostSoundOptions;
  readonly #planes: { close(): void }[] = [];
  #microphonePlane: PlaneReceiver | undefined;
  #hasSink = false;
  #closed = false;

  constructor(options: HostSoundOptions) {
    this.#options = options;
    const { channelCount, microphone } = options.grant;
    if (channelCount !== null) this.send = this.#attempt(() => this.#openSend(channelCount));
    if (microphone) this.receive = this.#attempt(() => this.#openReceive());
    this.channelCount = this.send === null ? null : channelCount;
    this.microphone = this.receive !== null;
  }

  start(): void {
    for (const stage of this.#stages) this.#attempt(() => stage.start());
  }

  /** The client's microphone goes: what comes from it is dropped for the rest of the session. */
  hearNoMore(): void {
    if (this.#closed) return;
    this.receive?.stop();
    this.#microphonePlane?.close();
    this.#microphonePlane = undefined;
    this.receive?.close();
    this.receive = null;
  }

  /** Before the session is closed. Idempotent. */
  close(): void {
    this.hearNoMore();
    if (this.#closed) return;
    this.#closed = true;
    for (const stage of this.#stages) stage.stop();
    for (const plane of this.#planes) plane.close();
    for (const stage of this.#stages) stage.close();
    if (this.#hasSink) ownSinks--;
  }

  get #stages(): Stage[] {
    return [this.send, this.receive].filter((stage) => stage !== null);
  }

  #attempt<Result>(open: () => Result): Result | null {
    try {
      return open();
    } catch (error) {
      this.#options.warn(toPfError(error).sentence());
      return null;
    }
  }

  get #common() {
    const { events, socketPath } = this.#options;
    return { events, ...(socketPath === undefined ? {} : { socketPath }) };
  }

  #openSend(channelCount: ChannelCount): SoundSendStage {
    const { session, client } = this.#options;
    const sender = new PlaneSender({ session, plane: "audio" });
    const role = this.#options.source === "monitor" || ownSinks > 0 ? "monitor" : "sink";
    try {
      const stage = new SoundSendStage({
        ...this.#common,
        role,
        name: "punktfunk-sink",
        description: `punktfunk ${cut(client)}`,
        channelCount,
        sink: sender.sink(),
      });
      this.#planes.push(sender);
      this.#hasSink = role === "sink";
      if (this.#hasSink) ownSinks++;
      return stage;
    } catch (error) {
      sender.close();
      throw error;
    }
  }

  #openReceive(): SoundReceiveStage {
    const { session, client } = this.#options;
    const stage = new SoundReceiveStage({
      ...this.#common,
      role: "source",
      name: "punktfunk-microphone",
      description: `Microphone of ${cut(client)}`,
      channelCount: 1,
    });
    this.#microphonePlane = new PlaneReceiver({
      session,
      plane: "microphone",
      sink: stage.sink(),
    });
    return stage;
  }
}

/** What fits a description, whatever its letters are. */
const cut = (name: string) => Array.from(name).slice(0, 24).join("");
