/** Binding of the sound device by SDL; the contract is in speaker.h. */
import { ptr } from "bun:ffi";
import { speakerConfig } from "../../wire/abi.ts";
import { writeLayout } from "../../wire/layout.ts";
import {
  type Address,
  OutPointer,
  openLibrary,
  pointer,
  type Sink,
  sinkFields,
} from "../library.ts";
import type { ChannelCount } from "./sound.ts";

const symbols = {
  pf_speaker_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_speaker_start: { args: ["ptr"], returns: "i32" },
  pf_speaker_stop: { args: ["ptr"], returns: "void" },
  pf_speaker_close: { args: ["ptr"], returns: "void" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const speaker = () => (library ??= openLibrary("speaker", symbols));

/** Plays what it pulls from `source`. The constructor throws PF_AUDIO_FAILED, PF_LIBRARY_MISSING. */
export class Speaker {
  #handle: Address;

  constructor(options: { readonly source: Sink; readonly channelCount: ChannelCount }) {
    const config = writeLayout(speakerConfig, {
      ...sinkFields(options.source),
      channel_count: options.channelCount,
    });
    const out = new OutPointer();
    const { functions, check } = speaker();
    const opened = functions.pf_speaker_open(ptr(config), out.argument);
    check(opened, "PF_AUDIO_FAILED", "No sound can be played");
    this.#handle = out.value;
  }

  start(): void {
    if (this.#handle !== 0) speaker().functions.pf_speaker_start(pointer(this.#handle));
  }

  stop(): void {
    if (this.#handle !== 0) speaker().functions.pf_speaker_stop(pointer(this.#handle));
  }

  close(): void {
    if (this.#handle === 0) return;
    speaker().functions.pf_speaker_close(pointer(this.#handle));
    this.#handle = 0;
  }
}
