/** Binding of the sending stage; the contract is in send.h. */
import { ptr } from "bun:ffi";
import { assert } from "../../base/errors.ts";
import type { Kbps, PerMille } from "../../base/units.ts";
import { knob, sendConfig } from "../../wire/abi.ts";
import { counterTables } from "../../wire/counters.ts";
import { writeLayout } from "../../wire/layout.ts";
import { limit } from "../../wire/limits.ts";
import { hostTiming, plane } from "../../wire/media.ts";
import type { EventQueue } from "../core/core.ts";
import { Counters } from "../counters.ts";
import { type Address, OutPointer, pointer, readSink, type Sink } from "../library.ts";
import { media } from "./native.ts";
import type { MediaSession } from "./port.ts";

export interface SendOptions {
  readonly session: MediaSession;
  readonly frameBytesMax: number;
  readonly shardBytesMax: number;
  readonly bitrateKbps: Kbps;
  readonly parityPermille: PerMille;
  /** Parity shards by data shard count, 0…256. */
  readonly parityTable: Uint16Array;
  readonly events?: EventQueue;
  readonly stage?: number;
  /** Default: video. */
  readonly plane?: "video" | "probe";
}

/** Access units in, sealed packets out. Close it before its session. */
export class SendStage {
  readonly counters: Counters<typeof counterTables.send>;
  #handle: Address;

  constructor(options: SendOptions) {
    const config = writeLayout(sendConfig, {
      events: options.events?.address ?? 0,
      session: options.session.address,
      frame_bytes_max: options.frameBytesMax,
      shard_bytes_max: options.shardBytesMax,
      shard_bytes_small: limit("shard_bytes_small"),
      shard_count_target: limit("shard_count_target"),
      bitrate_kbps: options.bitrateKbps,
      pace_multiple: limit("pace_multiple"),
      burst_bytes: limit("burst_bytes"),
      stage: options.stage ?? 0,
      parity_permille: options.parityPermille,
      parity_table: options.parityTable,
      plane: plane[options.plane ?? "video"][0],
    });
    const out = new OutPointer();
    const { functions, check } = media();
    check(functions.pf_send_open(ptr(config), out.argument), "PF_NATIVE_FAILED", "The sender");
    this.#handle = out.value;
    const counters = Number(functions.pf_send_counters_block(pointer(this.#handle)));
    this.counters = new Counters(counterTables.send, counters);
  }

  sink(): Sink {
    const { functions } = media();
    return readSink((out) => functions.pf_send_sink(pointer(this.#handle), out));
  }

  start(): void {
    const { functions, check } = media();
    check(functions.pf_send_start(pointer(this.#handle)), "PF_NATIVE_FAILED", "The sender");
  }

  setBitrate(bitrateKbps: Kbps): void {
    if (this.#handle === 0) return;
    const { functions, check } = media();
    const result = functions.pf_send_set(
      pointer(this.#handle),
      knob.bitrate_kbps,
      BigInt(bitrateKbps),
    );
    check(result, "PF_NATIVE_FAILED", "The sender's bitrate");
  }

  /** `table`: parity shards by data shard count, 0…256; longer blocks get the share. */
  setParity(share: PerMille, table: Uint16Array): void {
    if (this.#handle === 0) return;
    assert(table.length === limit("parity_table_count"), "a parity table has all its entries");
    const { functions, check } = media();
    const result = functions.pf_send_set_parity(pointer(this.#handle), share, ptr(table));
    check(result, "PF_NATIVE_FAILED", "The sender's parity");
  }

  /** Up to `max` host timing entries behind one another, oldest first. */
  takeTimings(max: number): Uint8Array {
    if (this.#handle === 0) return new Uint8Array(0);
    const bytes = new Uint8Array(max * hostTiming.bytes);
    const { functions } = media();
    const count = functions.pf_send_take_timings(pointer(this.#handle), ptr(bytes), max);
    return bytes.subarray(0, count * hostTiming.bytes);
  }

  stop(): void {
    if (this.#handle !== 0) media().functions.pf_send_stop(pointer(this.#handle));
  }

  close(): void {
    if (this.#handle === 0) return;
    media().functions.pf_send_close(pointer(this.#handle));
    this.#handle = 0;
  }
}
