/**
 * Bindings of the two ends of a speed test; the contracts are in probe_filler.h and probe_meter.h.
 * Between them lie a sender and a receiver of the probe's plane.
 */
import { ptr } from "bun:ffi";
import type { Kbps, Millis } from "../../base/units.ts";
import { fillerConfig } from "../../wire/abi.ts";
import { counterTables } from "../../wire/counters.ts";
import { writeLayout } from "../../wire/layout.ts";
import { limit } from "../../wire/limits.ts";
import type { EventQueue } from "../core/core.ts";
import { Counters } from "../counters.ts";
import { type Address, OutPointer, pointer, readSink, type Sink, sinkFields } from "../library.ts";
import { media } from "./native.ts";
import type { MediaSession } from "./port.ts";

/** How a burst ended, as the second number of its `ended` event tells. */
export const fillerEnding = ["done", "stopped", "no-path"] as const;
export type FillerEnding = (typeof fillerEnding)[number];

export interface FillerOptions {
  /** Its path is waited for. */
  readonly session: MediaSession;
  /** A sender of the probe's plane. */
  readonly sink: Sink;
  readonly frameBytesMax: number;
  readonly events: EventQueue;
  readonly stage: number;
}

/** Frames of filler at a steady rate. Close it before its sender. */
export class FillerStage {
  readonly counters: Counters<typeof counterTables.filler>;
  #handle: Address;

  constructor(options: FillerOptions) {
    const config = writeLayout(fillerConfig, {
      ...sinkFields(options.sink),
      events: options.events.address,
      session: options.session.address,
      frame_bytes_max: options.frameBytesMax,
      frames_per_second: limit("probe_frames_per_second"),
      stage: options.stage,
    });
    const out = new OutPointer();
    const { functions, check } = media();
    check(functions.pf_filler_open(ptr(config), out.argument), "PF_NATIVE_FAILED", "The filler");
    this.#handle = out.value;
    const counters = Number(functions.pf_filler_counters_block(pointer(this.#handle)));
    this.counters = new Counters(counterTables.filler, counters);
  }

  start(): void {
    const { functions, check } = media();
    check(functions.pf_filler_start(pointer(this.#handle)), "PF_NATIVE_FAILED", "The filler");
  }

  /** Begins a burst and returns its number; one that runs is halted. */
  begin(rate: Kbps, duration: Millis): number {
    const { functions, check } = media();
    const begun = functions.pf_filler_begin(pointer(this.#handle), rate, duration);
    return check(begun, "PF_NATIVE_FAILED", "A burst of filler");
  }

  /** Ends the burst that runs within a frame time. */
  halt(): void {
    if (this.#handle !== 0) media().functions.pf_filler_halt(pointer(this.#handle));
  }

  stop(): void {
    if (this.#handle !== 0) media().functions.pf_filler_stop(pointer(this.#handle));
  }

  close(): void {
    if (this.#handle === 0) return;
    media().functions.pf_filler_close(pointer(this.#handle));
    this.#handle = 0;
  }
}

/** Measures the frames of filler that a receiver delivers. Close it after its receiver. */
export class MeterStage {
  readonly counters: Counters<typeof counterTables.meter>;
  #handle: Address;

  constructor() {
    const out = new OutPointer();
    const { functions, check } = media();
    check(functions.pf_meter_open(out.argument), "PF_NATIVE_FAILED", "The meter");
    this.#handle = out.value;
    const counters = Number(functions.pf_meter_counters_block(pointer(this.#handle)));
    this.counters = new Counters(counterTables.meter, counters);
  }

  sink(): Sink {
    return readSink((out) => media().functions.pf_meter_sink(pointer(this.#handle), out));
  }

  /** The next frame is the first of a burst. */
  begin(): void {
    if (this.#handle !== 0) media().functions.pf_meter_begin(pointer(this.#handle));
  }

  close(): void {
    if (this.#handle === 0) return;
    media().functions.pf_meter_close(pointer(this.#handle));
    this.#handle = 0;
  }
}
