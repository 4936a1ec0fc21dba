/** Binding of libpf_lab: real senders and receivers in virtual time; the contract is in lab.h. */
import { ptr } from "bun:ffi";
import { assert } from "../../base/errors.ts";
import type { PerMille } from "../../base/units.ts";
import { labConfig } from "../../wire/abi.ts";
import { counterTables } from "../../wire/counters.ts";
import { writeLayout } from "../../wire/layout.ts";
import { Counters } from "../counters.ts";
import { type Address, OutPointer, openLibrary, pointer } from "../library.ts";

const symbols = {
  pf_lab_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_lab_close: { args: ["ptr"], returns: "void" },
  pf_lab_send: { args: ["ptr", "u32"], returns: "i32" },
  pf_lab_packet_bytes: { args: ["ptr", "u32"], returns: "u32" },
  pf_lab_deliver: { args: ["ptr", "ptr", "ptr", "ptr", "u32"], returns: "i32" },
  pf_lab_counters_block: { args: ["ptr"], returns: "ptr" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const lab = () => (library ??= openLibrary("lab", symbols));

/** How frames become packets: this protocol's way, and the layout of Moonlight's clients. */
export const labSchemes = { gf16: 0, gf8: 1 } as const;
export type LabScheme = keyof typeof labSchemes;

/** Slots of one lab at most. */
export const labSlotsMax = 64;

export interface LabOptions {
  readonly scheme: LabScheme;
  /** Bytes of each coded picture. */
  readonly frameBytes: number;
  /** Frames whose packets are kept at once, 1 … `labSlotsMax`. */
  readonly slotCount: number;
  readonly parity: PerMille;
  /** Parity shards by data shard count, 0…256; `gf8` has no use for it. */
  readonly parityTable: Uint16Array;
}

/** The packets of one frame, as the sender made them. */
export interface SentFrame {
  /** Data, then parity; 0 = the scheme can't carry a frame of this size. */
  readonly packetCount: number;
  readonly dataCount: number;
  /** Of each packet. */
  readonly packetBytes: number;
}

/** Packets in the order in which they arrive; the first `count` entries of each list. */
export interface Delivery {
  count: number;
  /** slot << 16 | index. */
  packets: Uint32Array;
  /** Nanoseconds from the lab's beginning, never falling. */
  atNs: Float64Array;
  /** How much of the packet arrives; all of it when that is more than it has. */
  bytes: Uint16Array;
}

/** A sender and a receiver. The constructor throws PF_NATIVE_FAILED for a size out of bounds. */
export class LossLab {
  readonly counters: Counters<typeof counterTables.lab>;
  #handle: Address;

  constructor(options: LabOptions) {
    const config = writeLayout(labConfig, {
      scheme: labSchemes[options.scheme],
      frame_bytes: options.frameBytes,
      slot_count: options.slotCount,
      parity_permille: options.parity,
      parity_table: options.parityTable,
    });
    const out = new OutPointer();
    const { functions, check } = lab();
    check(functions.pf_lab_open(ptr(config), out.argument), "PF_NATIVE_FAILED", "The loss lab");
    this.#handle = out.value;
    const counters = Number(functions.pf_lab_counters_block(pointer(this.#handle)));
    this.counters = new Counters(counterTables.lab, counters);
  }

  /** Sends the next frame; its packets replace those in `slot`. */
  send(slot: number): SentFrame {
    const { functions, check } = lab();
    const sent = functions.pf_lab_send(pointer(this.#handle), slot);
    return {
      packetCount: check(sent, "PF_NATIVE_FAILED", "The frame can't be sent"),
      dataCount: this.counters.get("data_count"),
      packetBytes: functions.pf_lab_packet_bytes(pointer(this.#handle), slot),
    };
  }

  /** Hands packets to the receiver, and runs its timers on the way. */
  deliver({ packets, atNs, bytes, count }: Delivery): void {
    assert(Math.min(packets.length, atNs.length, bytes.length) >= count, "a delivery is complete");
    if (count === 0) return;
    const { functions, check } = lab();
    const result = functions.pf_lab_deliver(
      pointer(this.#handle),
      ptr(packets),
      ptr(atNs),
      ptr(bytes),
      count,
    );
    check(result, "PF_NATIVE_FAILED", "The packets can't be delivered");
  }

  close(): void {
    if (this.#handle === 0) return;
    lab().functions.pf_lab_close(pointer(this.#handle));
    this.#handle = 0;
  }
}
