/** Binding of libpf_decode: access units in, pictures out. */
import { ptr } from "bun:ffi";
import type { Nanos } from "../../base/units.ts";
import { decodeConfig, knob } from "../../wire/abi.ts";
import { counterTables } from "../../wire/counters.ts";
import { writeLayout } from "../../wire/layout.ts";
import { type CodecName, codec } from "../../wire/media.ts";
import { results } from "../../wire/results.ts";
import type { EventQueue } from "../core/core.ts";
import { Counters } from "../counters.ts";
import {
  type Address,
  noSink,
  OutPointer,
  openLibrary,
  pointer,
  readSink,
  type Sink,
  sinkFields,
} from "../library.ts";

const symbols = {
  pf_decode_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_decode_start: { args: ["ptr"], returns: "i32" },
  pf_decode_stop: { args: ["ptr"], returns: "void" },
  pf_decode_close: { args: ["ptr"], returns: "void" },
  pf_decode_set: { args: ["ptr", "u32", "i64"], returns: "i32" },
  pf_decode_sink: { args: ["ptr", "ptr"], returns: "void" },
  pf_decode_counters_block: { args: ["ptr"], returns: "ptr" },
  pf_decode_name: { args: ["ptr"], returns: "cstring" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const decode = () => (library ??= openLibrary("decode", symbols));

/** Access units that may wait for the decoder: at 60 Hz a tenth of a second. */
const queueCountDefault = 6;
/** PF_CLOCK_UNKNOWN. */
const clockUnknown = -(2n ** 63n);

export interface DecodeOptions {
  /** Takes the pictures (I420 or NV12), on the decoder's thread. */
  readonly sink?: Sink;
  readonly codec: CodecName;
  /** Negotiated size; a larger picture is refused. */
  readonly width: number;
  readonly height: number;
  /** Hardware device type, as vaapi or cuda; absent = software. */
  readonly hardware?: string;
  /** Slice threads; 0 or absent = as many as cores. */
  readonly threads?: number;
  readonly queueCount?: number;
  readonly events?: EventQueue;
  readonly stage?: number;
}

/**
 * The decoder stage. Throws PF_DECODER_MISSING when this machine doesn't have the decoder or the
 * hardware, PF_DECODER_FAILED when it does not open. Posts `format`, `first_frame`, `stall` (a
 * keyframe is needed), `recovered` and `failed`.
 */
export class DecodeStage {
  readonly counters: Counters<typeof counterTables.decode>;
  /** libavcodec's name of the decoder, with the hardware type if there is one: `h264 (vaapi)`. */
  readonly decoder: string;
  #widthMax: number;
  #heightMax: number;
  #address: Address;

  constructor(options: DecodeOptions) {
    this.#widthMax = options.width;
    this.#heightMax = options.height;
    const config = writeLayout(decodeConfig, {
      ...sinkFields(options.sink ?? noSink),
      events: options.events?.address ?? 0,
      codec: codec[options.codec],
      threads: options.threads ?? 0,
      hardware: options.hardware ?? "",
      stage: options.stage ?? 0,
      queue_count: options.queueCount ?? queueCountDefault,
      width: options.width,
      height: options.height,
    });
    const out = new OutPointer();
    const { functions, check } = decode();
    const opened = functions.pf_decode_open(ptr(config), out.argument);
    const missing = opened === results.PF_E_MISSING[0];
    check(
      opened,
      missing ? "PF_DECODER_MISSING" : "PF_DECODER_FAILED",
      `The ${options.codec} decoder can't be used`,
    );
    this.#address = out.value;
    this.decoder = String(functions.pf_decode_name(pointer(this.#address)));
    const counters = Number(functions.pf_decode_counters_block(pointer(this.#address)));
    this.counters = new Counters(counterTables.decode, counters);
  }

  /** Takes access units; copies them. */
  sink(): Sink {
    return readSink((out) => decode().functions.pf_decode_sink(pointer(this.#address), out));
  }

  start(): void {
    const { functions, check } = decode();
    check(functions.pf_decode_start(pointer(this.#address)), "PF_DECODER_FAILED", "The decoder");
  }

  /** Nanoseconds to add to a host time to get this machine's; null = not known. */
  setClockOffset(offsetNs: Nanos | null): void {
    const { functions, check } = decode();
    const result = functions.pf_decode_set(
      pointer(this.#address),
      knob.clock_offset_ns,
      offsetNs ?? clockUnknown,
    );
    check(result, "PF_DECODER_FAILED", "The decoder");
  }

  /** Takes pictures of this size too: what was negotiated anew. The bound never falls. */
  raisePictureMax(width: number, height: number): void {
    if (this.#address === 0) return;
    this.#widthMax = Math.max(this.#widthMax, width);
    this.#heightMax = Math.max(this.#heightMax, height);
    const { functions, check } = decode();
    const max = BigInt(this.#widthMax * 65_536 + this.#heightMax);
    const result = functions.pf_decode_set(pointer(this.#address), knob.picture_max, max);
    check(result, "PF_DECODER_FAILED", "The decoder");
  }

  stop(): void {
    if (this.#address !== 0) decode().functions.pf_decode_stop(pointer(this.#address));
  }

  /** Every picture must have been released: close the stages behind it first. */
  close(): void {
    decode().functions.pf_decode_close(pointer(this.#address));
    this.#address = 0;
  }
}
