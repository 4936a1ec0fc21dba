/** Bindings of the stages that hear and play sound; the contracts are in sound_{send,receive}.h. */
import { ptr } from "bun:ffi";
import type { Kbps } from "../../base/units.ts";
import { soundConfig, soundRole } from "../../wire/abi.ts";
import { counterTables } from "../../wire/counters.ts";
import { writeLayout } from "../../wire/layout.ts";
import type { EventQueue } from "../core/core.ts";
import { Counters } from "../counters.ts";
import {
  type Address,
  OutPointer,
  openLibrary,
  pointer,
  readSink,
  type Sink,
  sinkFields,
} from "../library.ts";

const symbols = {
  pf_sound_send_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_sound_send_start: { args: ["ptr"], returns: "i32" },
  pf_sound_send_stop: { args: ["ptr"], returns: "void" },
  pf_sound_send_close: { args: ["ptr"], returns: "void" },
  pf_sound_send_counters_block: { args: ["ptr"], returns: "ptr" },
  pf_sound_receive_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_sound_receive_start: { args: ["ptr"], returns: "i32" },
  pf_sound_receive_stop: { args: ["ptr"], returns: "void" },
  pf_sound_receive_close: { args: ["ptr"], returns: "void" },
  pf_sound_receive_sink: { args: ["ptr", "ptr"], returns: "void" },
  pf_sound_receive_source: { args: ["ptr", "ptr"], returns: "void" },
  pf_sound_receive_counters_block: { args: ["ptr"], returns: "ptr" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const sound = () => (library ??= openLibrary("sound", symbols));

/** Channels in the order of Vorbis: mono, stereo, 5.1, 7.1. */
export type ChannelCount = 1 | 2 | 6 | 8;

/** What Opus needs to be transparent, or nearly so, in frames of 5 ms. */
const bitrates = { 1: 64, 2: 160, 6: 384, 8: 512 } as const satisfies Record<ChannelCount, number>;

interface NodeOptions {
  /** Name of the node, and what people read of it. */
  readonly name: string;
  readonly description: string;
  readonly channelCount: ChannelCount;
  readonly events?: EventQueue;
  readonly stage?: number;
  /** PipeWire's socket; default: the user's own. */
  readonly socketPath?: string;
}

function configOf(options: NodeOptions) {
  return {
    events: options.events?.address ?? 0,
    socket: options.socketPath ?? "",
    name: options.name,
    description: options.description,
    channel_count: options.channelCount,
    stage: options.stage ?? 0,
  };
}

export interface SoundSendOptions extends NodeOptions {
  /** A sink of its own, what the default sink plays, or the default source. */
  readonly role: "sink" | "monitor" | "capture";
  /** Takes the packets. */
  readonly sink: Sink;
  readonly bitrateKbps?: Kbps;
}

/** Hears sound and gives packets. The constructor throws PF_AUDIO_FAILED, PF_LIBRARY_MISSING. */
export class SoundSendStage {
  readonly counters: Counters<typeof counterTables.sound_send>;
  #handle: Address;

  constructor(options: SoundSendOptions) {
    const config = writeLayout(soundConfig, {
      ...configOf(options),
      ...sinkFields(options.sink),
      role: soundRole[options.role],
      bitrate_kbps: options.bitrateKbps ?? bitrates[options.channelCount],
    });
    const out = new OutPointer();
    const { functions, check } = sound();
    const opened = functions.pf_sound_send_open(ptr(config), out.argument);
    check(opened, "PF_AUDIO_FAILED", "No sound can be heard");
    this.#handle = out.value;
    const counters = Number(functions.pf_sound_send_counters_block(pointer(this.#handle)));
    this.counters = new Counters(counterTables.sound_send, counters);
  }

  start(): void {
    const { functions, check } = sound();
    const started = functions.pf_sound_send_start(pointer(this.#handle));
    check(started, "PF_AUDIO_FAILED", "No sound can be heard");
  }

  stop(): void {
    if (this.#handle !== 0) sound().functions.pf_sound_send_stop(pointer(this.#handle));
  }

  close(): void {
    if (this.#handle === 0) return;
    sound().functions.pf_sound_send_close(pointer(this.#handle));
    this.#handle = 0;
  }
}

export interface SoundReceiveOptions extends NodeOptions {
  /** To the default sink, as a source of its own, or to who pulls `source`. */
  readonly role: "playback" | "source" | "pulled";
}

/** Takes packets and plays sound. The constructor throws PF_AUDIO_FAILED, PF_LIBRARY_MISSING. */
export class SoundReceiveStage {
  readonly counters: Counters<typeof counterTables.sound_receive>;
  #handle: Address;

  constructor(options: SoundReceiveOptions) {
    const config = writeLayout(soundConfig, {
      ...configOf(options),
      role: soundRole[options.role],
    });
    const out = new OutPointer();
    const { functions, check } = sound();
    const opened = functions.pf_sound_receive_open(ptr(config), out.argument);
    check(opened, "PF_AUDIO_FAILED", "No sound can be played");
    this.#handle = out.value;
    const counters = Number(functions.pf_sound_receive_counters_block(pointer(this.#handle)));
    this.counters = new Counters(counterTables.sound_receive, counters);
  }

  /** Takes packets. */
  sink(): Sink {
    const { functions } = sound();
    return readSink((out) => functions.pf_sound_receive_sink(pointer(this.#handle), out));
  }

  /** Of the role pulled: fills sound blocks. */
  source(): Sink {
    const { functions } = sound();
    return readSink((out) => functions.pf_sound_receive_source(pointer(this.#handle), out));
  }

  start(): void {
    const { functions, check } = sound();
    const started = functions.pf_sound_receive_start(pointer(this.#handle));
    check(started, "PF_AUDIO_FAILED", "No sound can be played");
  }

  stop(): void {
    if (this.#handle !== 0) sound().functions.pf_sound_receive_stop(pointer(this.#handle));
  }

  /** After who pushes packets and who pulls were closed. */
  close(): void {
    if (this.#handle === 0) return;
    sound().functions.pf_sound_receive_close(pointer(this.#handle));
    this.#handle = 0;
  }
}
