/** Binding of libpf_source: the synthetic source and the marker in its pictures. */
import { ptr } from "bun:ffi";
import { PfError } from "../../base/errors.ts";
import type { MilliHz, Nanos } from "../../base/units.ts";
import { cardPatch, knob, sourceConfig } from "../../wire/abi.ts";
import { counterTables } from "../../wire/counters.ts";
import { readField, writeLayout } from "../../wire/layout.ts";
import { results } from "../../wire/results.ts";
import type { EventQueue } from "../core/core.ts";
import { Counters } from "../counters.ts";
import {
  type Address,
  OutPointer,
  openLibrary,
  pointer,
  type Sink,
  sinkFields,
} from "../library.ts";

const symbols = {
  pf_source_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_source_start: { args: ["ptr"], returns: "i32" },
  pf_source_set: { args: ["ptr", "u32", "i64"], returns: "i32" },
  pf_source_stop: { args: ["ptr"], returns: "void" },
  pf_source_close: { args: ["ptr"], returns: "void" },
  pf_source_counters_block: { args: ["ptr"], returns: "ptr" },
  pf_source_render: { args: ["u64", "u64", "u32", "u32", "u32", "ptr", "u32"], returns: "i32" },
  pf_source_card_patch: { args: ["u32", "u32", "u32", "ptr"], returns: "i32" },
  pf_marker_read: { args: ["ptr", "u32", "u32", "u32", "ptr", "ptr"], returns: "i32" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const source = () => (library ??= openLibrary("source", symbols));

/** What the source draws; each picture carries the marker. `still` is one picture, pushed once. */
export const sourcePattern = { moving: 0, testCard: 1, still: 2 } as const;
export type SourcePattern = keyof typeof sourcePattern;

export interface SyntheticSourceOptions {
  readonly sink: Sink;
  readonly width: number;
  readonly height: number;
  readonly refreshMilliHz: MilliHz;
  /** Default: moving. */
  readonly pattern?: SourcePattern;
  readonly events?: EventQueue;
  readonly stage?: number;
  /** Stops by itself, with the event `ended`, after this many pictures; 0 = never. */
  readonly frameLimit?: number;
}

/** Draws BGRx pictures at an exact rate on a thread of its own. Throws PF_SOURCE_FAILED. */
export class SyntheticSource {
  readonly counters: Counters<typeof counterTables.source>;
  #address: Address;

  constructor(options: SyntheticSourceOptions) {
    const config = writeLayout(sourceConfig, {
      ...sinkFields(options.sink),
      events: options.events?.address ?? 0,
      width: options.width,
      height: options.height,
      refresh_mhz: options.refreshMilliHz,
      pattern: sourcePattern[options.pattern ?? "moving"],
      stage: options.stage ?? 0,
      frame_limit: options.frameLimit ?? 0,
    });
    const out = new OutPointer();
    const { functions, check } = source();
    const opened = functions.pf_source_open(ptr(config), out.argument);
    check(opened, "PF_SOURCE_FAILED", "The synthetic source can't start");
    this.#address = out.value;
    const counters = Number(functions.pf_source_counters_block(pointer(this.#address)));
    this.counters = new Counters(counterTables.source, counters);
  }

  start(): void {
    const { functions, check } = source();
    const started = functions.pf_source_start(pointer(this.#address));
    check(started, "PF_SOURCE_FAILED", "The synthetic source can't start");
  }

  /** What the marker of the next picture shows, 0…255. */
  setMark(mark: number): void {
    if (this.#address === 0) return;
    const { functions, check } = source();
    const set = functions.pf_source_set(pointer(this.#address), knob.mark, BigInt(mark));
    check(set, "PF_NATIVE_FAILED", "The synthetic source");
  }

  stop(): void {
    if (this.#address !== 0) source().functions.pf_source_stop(pointer(this.#address));
  }

  /** Stops and frees. Every picture must have been released: close the stages behind it first. */
  close(): void {
    source().functions.pf_source_close(pointer(this.#address));
    this.#address = 0;
  }
}

export interface Marker {
  /** Number of the picture, modulo 2^24. */
  readonly frame: number;
  /** What the source was told to show, 0…255. */
  readonly mark: number;
  /** The source's CLOCK_MONOTONIC when it had drawn the picture. */
  readonly captureNs: Nanos;
}

export interface LumaPlane {
  readonly data: Uint8Array;
  /** Bytes from one row to the next. */
  readonly stride: number;
  readonly width: number;
  readonly height: number;
}

/** Reads the marker from the luma plane of a decoded picture; undefined when it is not legible. */
export function readMarker(luma: LumaPlane): Marker | undefined {
  if (luma.data.length < luma.stride * (luma.height - 1) + luma.width) {
    throw new PfError("PF_SOURCE_FAILED", "The luma plane is shorter than its shape says.");
  }
  const frame = new Uint32Array(1);
  const captureNs = new BigUint64Array(1);
  const { functions, check } = source();
  const result = functions.pf_marker_read(
    ptr(luma.data),
    luma.stride,
    luma.width,
    luma.height,
    ptr(frame),
    ptr(captureNs),
  );
  if (result === results.PF_E_EMPTY[0]) return undefined;
  check(result, "PF_SOURCE_FAILED", "The marker");
  const [both = 0] = frame;
  return { frame: both & 0xff_ffff, mark: both >>> 24, captureNs: captureNs[0] as bigint };
}

export interface SyntheticPicture {
  readonly number: number | bigint;
  /** What the marker says of the capture time; default 0. */
  readonly captureNs?: Nanos;
  readonly pattern?: SourcePattern;
  readonly width: number;
  readonly height: number;
}

/** Draws one picture exactly as the source does: BGRx, rows of 4 × width bytes. */
export function renderSynthetic(picture: SyntheticPicture): Uint8Array {
  const { width, height } = picture;
  const pixels = new Uint8Array(width * height * 4);
  const { functions, check } = source();
  const result = functions.pf_source_render(
    BigInt(picture.number),
    picture.captureNs ?? 0n,
    sourcePattern[picture.pattern ?? "moving"],
    width,
    height,
    ptr(pixels),
    width * 4,
  );
  check(result, "PF_SOURCE_FAILED", "The picture can't be drawn");
  return pixels;
}

export interface CardPatch {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Red, green, blue, 0…255. */
  readonly rgb: readonly [number, number, number];
}

/** The patches of pure colour of the test card at a mode, in reading order. */
export function testCardPatches(width: number, height: number): CardPatch[] {
  const patches: CardPatch[] = [];
  const record = new Uint8Array(cardPatch.bytes);
  const view = new DataView(record.buffer);
  const field = (name: string) => Number(readField(view, cardPatch, name));
  const { functions } = source();
  for (let index = 0; ; index++) {
    if (functions.pf_source_card_patch(index, width, height, ptr(record)) < 0) return patches;
    const rgb = field("rgb");
    patches.push({
      x: field("x"),
      y: field("y"),
      width: field("width"),
      height: field("height"),
      rgb: [rgb >> 16, (rgb >> 8) & 255, rgb & 255],
    });
  }
}
