/** Binding of the tap in libpf_decode: TypeScript looks at decoded pictures. */
import { ptr } from "bun:ffi";
import { PfError } from "../../base/errors.ts";
import type { Nanos } from "../../base/units.ts";
import { knob, pixelFormat, tapConfig, tapPicture } from "../../wire/abi.ts";
import { counterTables } from "../../wire/counters.ts";
import { readField, writeLayout } from "../../wire/layout.ts";
import { results } from "../../wire/results.ts";
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
  pf_tap_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_tap_close: { args: ["ptr"], returns: "void" },
  pf_tap_set: { args: ["ptr", "u32", "i64"], returns: "i32" },
  pf_tap_sink: { args: ["ptr", "ptr"], returns: "void" },
  pf_tap_counters_block: { args: ["ptr"], returns: "ptr" },
  pf_tap_take: { args: ["ptr", "ptr"], returns: "i32" },
  pf_tap_copy: { args: ["ptr", "ptr", "u64"], returns: "i32" },
  pf_tap_copy_rgb: { args: ["ptr", "ptr", "u64"], returns: "i32" },
  pf_tap_release: { args: ["ptr"], returns: "void" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const tap = () => (library ??= openLibrary("decode", symbols));

const formatNames = Object.fromEntries(
  Object.entries(pixelFormat).map(([name, value]) => [value, name]),
) as Record<number, keyof typeof pixelFormat>;
/** PF_CLOCK_UNKNOWN. */
const clockUnknown = -(2n ** 63n);

export interface TapOptions {
  /** Where every picture goes on to. */
  readonly sink?: Sink;
  /** Reads the synthetic marker of every picture and counts what it says. */
  readonly readMarkers?: boolean;
}

export interface TappedPicture {
  /** Counts the pictures of the decoder (or source), from 0. */
  readonly number: number;
  /** Host's clock. */
  readonly captureNs: Nanos;
  /** This machine's clock; 0 = not decoded. */
  readonly decodeEndNs: Nanos;
  readonly width: number;
  readonly height: number;
  readonly format: keyof typeof pixelFormat;
  /** The synthetic marker, when it was asked for and legible. */
  readonly marker?: { readonly frame: number; readonly mark: number; readonly captureNs: Nanos };
  /**
   * The planes without gaps: I420 Y (w × h), U, V (each ⌈w/2⌉ × ⌈h/2⌉); NV12 Y, UV; packed formats
   * one plane of 4 bytes a pixel.
   */
  readonly planes: readonly Uint8Array[];
}

export interface RgbPicture {
  readonly width: number;
  readonly height: number;
  /** 3 bytes a pixel, rows of 3 × width bytes. */
  readonly data: Uint8Array;
}

/** Keeps the newest picture for a reader and passes every picture on. Needs no start. */
export class PictureTap {
  readonly counters: Counters<typeof counterTables.tap>;
  #address: Address;

  constructor(options: TapOptions = {}) {
    const config = writeLayout(tapConfig, {
      ...sinkFields(options.sink ?? noSink),
      flags: options.readMarkers === true ? 1 : 0,
    });
    const out = new OutPointer();
    const { functions, check } = tap();
    check(functions.pf_tap_open(ptr(config), out.argument), "PF_NATIVE_FAILED", "The tap");
    this.#address = out.value;
    const counters = Number(functions.pf_tap_counters_block(pointer(this.#address)));
    this.counters = new Counters(counterTables.tap, counters);
  }

  sink(): Sink {
    return readSink((out) => tap().functions.pf_tap_sink(pointer(this.#address), out));
  }

  /** For the histogram marker_to_tap_us: see DecodeStage.setClockOffset. Default: not known. */
  setClockOffset(offsetNs: Nanos | null): void {
    const { functions, check } = tap();
    const handle = pointer(this.#address);
    const result = functions.pf_tap_set(handle, knob.clock_offset_ns, offsetNs ?? clockUnknown);
    check(result, "PF_NATIVE_FAILED", "The tap");
  }

  /** A copy of the newest picture; undefined when none came since the last take. */
  take(): TappedPicture | undefined {
    return this.#withPicture((record) => {
      const sizes = planeSizes(record);
      const bytes = new Uint8Array(sizes.reduce((sum, size) => sum + size, 0));
      const { functions, check } = tap();
      const copied = functions.pf_tap_copy(pointer(this.#address), ptr(bytes), bytes.length);
      check(copied, "PF_NATIVE_FAILED", "The picture can't be copied");
      let offset = 0;
      const planes = sizes.map((size) => {
        offset += size;
        return bytes.subarray(offset - size, offset);
      });
      return { ...record, planes };
    });
  }

  /** The newest picture as RGB, from BT.709 limited; undefined as in `take`. */
  takeRgb(): RgbPicture | undefined {
    return this.#withPicture(({ width, height }) => {
      const data = new Uint8Array(3 * width * height);
      const { functions, check } = tap();
      const copied = functions.pf_tap_copy_rgb(pointer(this.#address), ptr(data), data.length);
      check(copied, "PF_NATIVE_FAILED", "The picture can't be converted");
      return { width, height, data };
    });
  }

  #withPicture<T>(use: (record: Omit<TappedPicture, "planes">) => T): T | undefined {
    const { functions, check } = tap();
    if (this.#address === 0) throw new PfError("PF_STATE_INVALID", "The tap is closed.");
    const bytes = new Uint8Array(tapPicture.bytes);
    const taken = functions.pf_tap_take(pointer(this.#address), ptr(bytes));
    if (taken === results.PF_E_EMPTY[0]) return undefined;
    check(taken, "PF_NATIVE_FAILED", "The tap");
    try {
      return use(readRecord(new DataView(bytes.buffer)));
    } finally {
      functions.pf_tap_release(pointer(this.#address));
    }
  }

  /** Releases what it holds. No picture may be pushed any more. */
  close(): void {
    tap().functions.pf_tap_close(pointer(this.#address));
    this.#address = 0;
  }
}

function readRecord(view: DataView): Omit<TappedPicture, "planes"> {
  const number = (name: string) => Number(readField(view, tapPicture, name));
  const nanos = (name: string) => readField(view, tapPicture, name) as bigint;
  const marker = {
    frame: number("marker_frame"),
    mark: number("marker_mark"),
    captureNs: nanos("marker_capture_ns"),
  };
  return {
    number: number("number"),
    captureNs: nanos("capture_ns"),
    decodeEndNs: nanos("decode_end_ns"),
    width: number("width"),
    height: number("height"),
    format: formatNames[number("format")] as keyof typeof pixelFormat,
    ...(number("marker_found") === 1 ? { marker } : {}),
  };
}

function planeSizes(picture: Pick<TappedPicture, "format" | "width" | "height">): number[] {
  const { format, width, height } = picture;
  const chroma = Math.ceil(width / 2) * Math.ceil(height / 2);
  if (format === "i420") return [width * height, chroma, chroma];
  if (format === "nv12") return [width * height, 2 * chroma];
  return [4 * width * height];
}
