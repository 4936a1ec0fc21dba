/** Binding of libpf_record: writes access units into a file without encoding again. */
import { ptr } from "bun:ffi";
import { extname } from "node:path";
import { PfError } from "../../base/errors.ts";
import type { MilliHz } from "../../base/units.ts";
import { recordConfig } from "../../wire/abi.ts";
import { counterTables } from "../../wire/counters.ts";
import { writeLayout } from "../../wire/layout.ts";
import { type CodecName, codec } from "../../wire/media.ts";
import type { EventQueue } from "../core/core.ts";
import { Counters } from "../counters.ts";
import { type Address, OutPointer, openLibrary, pointer, readSink, type Sink } from "../library.ts";

const symbols = {
  pf_record_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_record_start: { args: ["ptr"], returns: "i32" },
  pf_record_stop: { args: ["ptr"], returns: "void" },
  pf_record_close: { args: ["ptr"], returns: "void" },
  pf_record_sink: { args: ["ptr", "ptr"], returns: "void" },
  pf_record_counters_block: { args: ["ptr"], returns: "ptr" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const record = () => (library ??= openLibrary("record", symbols));

/** libavformat's muxers that a recording can use; the last three are bare streams. */
export type RecordFormat = "matroska" | "mp4" | "h264" | "hevc" | "obu";

const formatsByExtension: Readonly<Record<string, { format: RecordFormat; codec?: CodecName }>> = {
  ".mkv": { format: "matroska" },
  ".mp4": { format: "mp4" },
  ".h264": { format: "h264", codec: "h264" },
  ".264": { format: "h264", codec: "h264" },
  ".h265": { format: "hevc", codec: "hevc" },
  ".265": { format: "hevc", codec: "hevc" },
  ".hevc": { format: "hevc", codec: "hevc" },
  ".obu": { format: "obu", codec: "av1" },
};

/** The muxer for a file name. Throws PF_USAGE for an unknown ending or one of another codec. */
export function recordFormatFor(path: string, streamCodec: CodecName): RecordFormat {
  const extension = extname(path).toLowerCase();
  const known = formatsByExtension[extension];
  if (known === undefined) {
    throw new PfError("PF_USAGE", `A recording can't be called "${path}".`, {
      hint: "Use a name that ends in .mkv or .mp4 (or .h264, .h265, .obu for the bare stream).",
    });
  }
  if (known.codec !== undefined && known.codec !== streamCodec) {
    throw new PfError("PF_USAGE", `${extension} holds ${known.codec}, not ${streamCodec}.`, {
      hint: "Use a name that ends in .mkv or .mp4, which hold every codec.",
    });
  }
  return known.format;
}

export interface RecordOptions {
  readonly path: string;
  readonly format: RecordFormat;
  readonly codec: CodecName;
  readonly width: number;
  readonly height: number;
  readonly refreshMilliHz: MilliHz;
  readonly events?: EventQueue;
  readonly stage?: number;
}

/**
 * Records from the first keyframe on. A killed program leaves a playable file. The constructor
 * throws PF_RECORD_FAILED when the file can't be written; a full disk later posts `failed` and ends
 * the recording, never the stream. `stop` writes what is queued and finishes the file.
 */
export class RecordStage {
  readonly counters: Counters<typeof counterTables.record>;
  #address: Address;

  constructor(options: RecordOptions) {
    const config = writeLayout(recordConfig, {
      events: options.events?.address ?? 0,
      path: options.path,
      format: options.format,
      codec: codec[options.codec],
      width: options.width,
      height: options.height,
      refresh_mhz: options.refreshMilliHz,
      stage: options.stage ?? 0,
    });
    const out = new OutPointer();
    const { functions, check } = record();
    const opened = functions.pf_record_open(ptr(config), out.argument);
    check(opened, "PF_RECORD_FAILED", `The recording ${options.path} can't be written`);
    this.#address = out.value;
    const counters = Number(functions.pf_record_counters_block(pointer(this.#address)));
    this.counters = new Counters(counterTables.record, counters);
  }

  /** Takes access units; copies them. */
  sink(): Sink {
    return readSink((out) => record().functions.pf_record_sink(pointer(this.#address), out));
  }

  start(): void {
    const { functions, check } = record();
    check(functions.pf_record_start(pointer(this.#address)), "PF_RECORD_FAILED", "The recording");
  }

  stop(): void {
    if (this.#address !== 0) record().functions.pf_record_stop(pointer(this.#address));
  }

  close(): void {
    record().functions.pf_record_close(pointer(this.#address));
    this.#address = 0;
  }
}
