/**
 * A session's sound on the client:
 *
 *   0xC9 → jitter buffer → PipeWire's default sink, or SDL's device where no PipeWire is
 *   PipeWire's default source → Opus → 0xCB
 *
 * What can't be opened is said in a sentence, and the session goes on without it.
 */
import { toPfError } from "../../base/errors.ts";
import { type ChannelCount, SoundReceiveStage, SoundSendStage } from "../../ffi/audio/sound.ts";
import { Speaker } from "../../ffi/audio/speaker.ts";
import type { EventQueue } from "../../ffi/core/core.ts";
import { PlaneReceiver, PlaneSender } from "../../ffi/media/plane.ts";
import type { MediaSession } from "../../ffi/media/port.ts";

export interface ClientSoundOptions {
  readonly session: MediaSession;
  /** As Welcome has them. */
  readonly audio: number | null;
  readonly microphone: boolean | null;
  readonly events: EventQueue;
  readonly warn: (sentence: string) => void;
  /** PipeWire's socket; default: the user's own. */
  readonly socketPath?: string;
}

/** Packets of sound that came, and frames of 5 ms that were never there in time nor later. */
export interface SoundFigures {
  readonly received: number;
  readonly lost: number;
}

interface Stage {
  start(): void;
  stop(): void;
  close(): void;
}

/** Sound that comes but is not played for this long is told. */
const unplayedMs = 3000;

export class ClientSound {
  readonly receive: SoundReceiveStage | null = null;
  readonly send: SoundSendStage | null = null;
  readonly #options: ClientSoundOptions;
  readonly #planes: { close(): void }[] = [];
  #speaker: Speaker | null = null;
  #watch: ReturnType<typeof setInterval> | undefined;
  #last: SoundFigures | undefined;

  constructor(options: ClientSoundOptions) {
    this.#options = options;
    const { audio, microphone } = options;
    if (isLayout(audio)) this.receive = this.#attempt(() => this.#openReceive(audio));
    if (microphone === true) this.send = this.#attempt(() => this.#openSend());
  }

  start(): void {
    for (const stage of this.#stages) this.#attempt(() => stage.start());
    if (this.receive !== null) this.#watchPlayback(this.receive);
  }

  /** null = no sound is received. */
  get figures(): SoundFigures | null {
    return this.#last ?? (this.receive === null ? null : figuresOf(this.receive));
  }

  /** Before the session is closed. Idempotent. */
  close(): void {
    if (this.#last === undefined && this.receive !== null) this.#last = figuresOf(this.receive);
    clearInterval(this.#watch);
    for (const stage of this.#stages) stage.stop();
    for (const plane of this.#planes.splice(0)) plane.close();
    for (const stage of this.#stages) stage.close();
  }

  /** In the order in which they are stopped: who pulls before who is pulled from. */
  get #stages(): Stage[] {
    return [this.#speaker, this.receive, this.send].filter((stage) => stage !== null);
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
    return { events, name: "punktfunk", ...(socketPath === undefined ? {} : { socketPath }) };
  }

  #openReceive(channelCount: ChannelCount): SoundReceiveStage {
    const { session } = this.#options;
    const stage = this.#openPlayback(channelCount);
    this.#planes.push(new PlaneReceiver({ session, plane: "audio", sink: stage.sink() }));
    return stage;
  }

  #openPlayback(channelCount: ChannelCount): SoundReceiveStage {
    const options = { ...this.#common, description: "punktfunk", channelCount };
    try {
      return new SoundReceiveStage({ ...options, role: "playback" });
    } catch (error) {
      const pulled = new SoundReceiveStage({ ...options, role: "pulled" });
      try {
        this.#speaker = new Speaker({ source: pulled.source(), channelCount });
        return pulled;
      } catch (other) {
        pulled.close();
        this.#options.warn(toPfError(error).sentence());
        throw other;
      }
    }
  }

  #openSend(): SoundSendStage {
    const { session } = this.#options;
    const sender = new PlaneSender({ session, plane: "microphone" });
    try {
      const stage = new SoundSendStage({
        ...this.#common,
        role: "capture",
        description: "punktfunk microphone",
        channelCount: 1,
        sink: sender.sink(),
      });
      this.#planes.push(sender);
      return stage;
    } catch (error) {
      sender.close();
      throw error;
    }
  }

  #watchPlayback({ counters }: SoundReceiveStage): void {
    let [packets, pulls] = [0, 0];
    this.#watch = setInterval(() => {
      const [came, pulled] = [counters.get("packets"), counters.get("pulls")];
      if (came > packets && pulled === pulls) {
        clearInterval(this.#watch);
        this.#options.warn("Sound comes, but no device of this machine plays it: is one there?");
      }
      [packets, pulls] = [came, pulled];
    }, unplayedMs);
  }
}

const isLayout = (count: number | null): count is ChannelCount =>
  count === 1 || count === 2 || count === 6 || count === 8;

function figuresOf({ counters }: SoundReceiveStage): SoundFigures {
  const lost = counters.get("concealed") - counters.get("late");
  return { received: counters.get("packets"), lost: Math.max(0, lost) };
}
