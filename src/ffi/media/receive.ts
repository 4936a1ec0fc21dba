/** Binding of the receiving stage; the contract is in receive.h. */
import { ptr } from "bun:ffi";
import type { Nanos } from "../../base/units.ts";
import { frameLoss, knob, receiveConfig } from "../../wire/abi.ts";
import { counterTables } from "../../wire/counters.ts";
import { readField, writeLayout } from "../../wire/layout.ts";
import { hostTiming, plane } from "../../wire/media.ts";
import type { EventQueue } from "../core/core.ts";
import { Counters } from "../counters.ts";
import { type Address, OutPointer, pointer, type Sink, sinkFields } from "../library.ts";
import { media } from "./native.ts";
import type { MediaSession } from "./port.ts";

export interface ReceiveOptions {
  readonly session: MediaSession;
  /** Takes the access units, on the port's thread. */
  readonly sink: Sink;
  readonly frameBytesMax: number;
  readonly framesInFlightMax: number;
  readonly shardBytesMax: number;
  readonly lossWindowMs: number;
  readonly stallMs: number;
  readonly events?: EventQueue;
  readonly stage?: number;
  /** Default: video. */
  readonly plane?: "video" | "probe";
}

/** What a settled frame lost on its way. */
export interface FrameLoss {
  readonly frame: number;
  readonly dataCount: number;
  readonly parityCount: number;
  /** Shards that never came. */
  readonly lost: number;
  /** Shards that came after the frame was complete or given up. */
  readonly late: number;
  /** How the lost ones lie: their runs, and the longest. */
  readonly runs: number;
  readonly longestRun: number;
  /** `lost` if they are the last ones of the frame, 0 if the first, half of it by chance. */
  readonly tailLost: number;
}

/** INT64_MIN: PF_CLOCK_UNKNOWN. */
const clockUnknown = -(2n ** 63n);

/** Packets in, access units out. It works from the constructor to `close`; close it first. */
export class ReceiveStage {
  readonly counters: Counters<typeof counterTables.receive>;
  #handle: Address;

  constructor(options: ReceiveOptions) {
    const config = writeLayout(receiveConfig, {
      ...sinkFields(options.sink),
      events: options.events?.address ?? 0,
      session: options.session.address,
      frame_bytes_max: options.frameBytesMax,
      frames_in_flight_max: options.framesInFlightMax,
      shard_bytes_max: options.shardBytesMax,
      loss_window_ms: options.lossWindowMs,
      stall_ms: options.stallMs,
      stage: options.stage ?? 0,
      plane: plane[options.plane ?? "video"][0],
    });
    const out = new OutPointer();
    const { functions, check } = media();
    const opened = functions.pf_receive_open(ptr(config), out.argument);
    check(opened, "PF_NATIVE_FAILED", "The receiver");
    this.#handle = out.value;
    const counters = Number(functions.pf_receive_counters_block(pointer(this.#handle)));
    this.counters = new Counters(counterTables.receive, counters);
  }

  /**
   * Nanoseconds to add to a host time to get this machine's, wrong by at most `errorNs`; null = not
   * known.
   */
  setClockOffset(offsetNs: Nanos | null, errorNs: Nanos = 0n): void {
    if (this.#handle === 0) return;
    const { functions, check } = media();
    const set = (which: number, value: bigint) => {
      const result = functions.pf_receive_set(pointer(this.#handle), which, value);
      check(result, "PF_NATIVE_FAILED", "The receiver's clock offset");
    };
    set(knob.clock_offset_ns, offsetNs ?? clockUnknown);
    set(knob.clock_error_ns, errorNs);
  }

  /** What the host told of frames it sent: host timing entries, for the time on the network. */
  takeTimings(entries: Uint8Array): void {
    if (this.#handle === 0) return;
    const count = Math.floor(entries.length / hostTiming.bytes);
    if (count === 0) return;
    media().functions.pf_receive_take_timings(pointer(this.#handle), ptr(entries), count);
  }

  /** Up to `max` settled frames that lost shards; each is told once. */
  takeLosses(max: number): FrameLoss[] {
    if (this.#handle === 0) return [];
    const bytes = new Uint8Array(max * frameLoss.bytes);
    const count = media().functions.pf_receive_take_losses(pointer(this.#handle), ptr(bytes), max);
    const view = new DataView(bytes.buffer);
    return Array.from({ length: count }, (_, i) => {
      const at = (name: string) => Number(readField(view, frameLoss, name, i * frameLoss.bytes));
      return {
        frame: at("frame"),
        dataCount: at("data_count"),
        parityCount: at("parity_count"),
        lost: at("lost"),
        late: at("late"),
        runs: at("runs"),
        longestRun: at("longest_run"),
        tailLost: at("tail_lost"),
      };
    });
  }

  close(): void {
    if (this.#handle === 0) return;
    media().functions.pf_receive_close(pointer(this.#handle));
    this.#handle = 0;
  }
}
