/** Binding of libpf_encode: pictures in, access units out. */
import { ptr } from "bun:ffi";
import type { Kbps, MilliHz } from "../../base/units.ts";
import { encodeConfig, knob } from "../../wire/abi.ts";
import { counterTables } from "../../wire/counters.ts";
import { writeLayout } from "../../wire/layout.ts";
import { type CodecName, codec } from "../../wire/media.ts";
import { results } from "../../wire/results.ts";
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
  pf_encode_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_encode_start: { args: ["ptr"], returns: "i32" },
  pf_encode_stop: { args: ["ptr"], returns: "void" },
  pf_encode_close: { args: ["ptr"], returns: "void" },
  pf_encode_set: { args: ["ptr", "u32", "i64"], returns: "i32" },
  pf_encode_sink: { args: ["ptr", "ptr"], returns: "void" },
  pf_encode_counters_block: { args: ["ptr"], returns: "ptr" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const encode = () => (library ??= openLibrary("encode", symbols));

export interface EncodeOptions {
  /** Takes the access units, on the encoder's thread; may block it. */
  readonly sink: Sink;
  /** libavcodec's name, as libx264 or h264_nvenc. */
  readonly encoder: string;
  readonly codec: CodecName;
  readonly width: number;
  readonly height: number;
  readonly refreshMilliHz: MilliHz;
  readonly bitrateKbps: Kbps;
  /** Device of a hardware encoder, as /dev/dri/renderD128; default: the first. */
  readonly device?: string;
  /** Threads of a software encoder; 0 or absent = as many as cores. */
  readonly threads?: number;
  /** How often a picture that stays is encoded again until it is sharp; default 0. */
  readonly settleCount?: number;
  readonly events?: EventQueue;
  readonly stage?: number;
}

/**
 * The encoder stage. The constructor really opens the encoder and codes one picture with it: it
 * throws PF_ENCODER_MISSING when this machine doesn't have it, PF_ENCODER_FAILED when it doesn't
 * work as a stream needs it.
 */
export class EncodeStage {
  readonly counters: Counters<typeof counterTables.encode>;
  #address: Address;

  constructor(options: EncodeOptions) {
    const config = writeLayout(encodeConfig, {
      ...sinkFields(options.sink),
      events: options.events?.address ?? 0,
      encoder: options.encoder,
      device: options.device ?? "",
      width: options.width,
      height: options.height,
      refresh_mhz: options.refreshMilliHz,
      bitrate_kbps: options.bitrateKbps,
      codec: codec[options.codec],
      threads: options.threads ?? 0,
      stage: options.stage ?? 0,
      settle_count: options.settleCount ?? 0,
    });
    const out = new OutPointer();
    const { functions, check } = encode();
    const opened = functions.pf_encode_open(ptr(config), out.argument);
    const missing = opened === results.PF_E_MISSING[0];
    check(
      opened,
      missing ? "PF_ENCODER_MISSING" : "PF_ENCODER_FAILED",
      `The encoder ${options.encoder} can't be used`,
    );
    this.#address = out.value;
    const counters = Number(functions.pf_encode_counters_block(pointer(this.#address)));
    this.counters = new Counters(counterTables.encode, counters);
  }

  /** Takes pictures of the configured size; the newest wins. */
  sink(): Sink {
    return readSink((out) => encode().functions.pf_encode_sink(pointer(this.#address), out));
  }

  start(): void {
    const { functions, check } = encode();
    check(functions.pf_encode_start(pointer(this.#address)), "PF_ENCODER_FAILED", "The encoder");
  }

  /** Changes the constant bit rate from the next picture on. */
  setBitrate(bitrateKbps: Kbps): void {
    this.#set(knob.bitrate_kbps, bitrateKbps);
  }

  /** The next access unit is a keyframe, made from the last picture if no new one comes. */
  requestKeyframe(): void {
    this.#set(knob.keyframe, 1);
  }

  /** Holds the pictures, of which the newest waits, or lets them go on. */
  setPaused(isPaused: boolean): void {
    this.#set(knob.paused, isPaused ? 1 : 0);
  }

  #set(which: number, value: number): void {
    const { functions, check } = encode();
    const result = functions.pf_encode_set(pointer(this.#address), which, BigInt(value));
    check(result, "PF_ENCODER_FAILED", "The encoder");
  }

  /** No access unit comes after it. Waits for a push into the sink that is under way. */
  stop(): void {
    if (this.#address !== 0) encode().functions.pf_encode_stop(pointer(this.#address));
  }

  close(): void {
    encode().functions.pf_encode_close(pointer(this.#address));
    this.#address = 0;
  }
}
