/** Bindings of the planes of small packets; the contract is in plane.h. */
import { ptr } from "bun:ffi";
import { planeConfig } from "../../wire/abi.ts";
import { counterTables } from "../../wire/counters.ts";
import { writeLayout } from "../../wire/layout.ts";
import { plane } from "../../wire/media.ts";
import { Counters } from "../counters.ts";
import { type Address, OutPointer, pointer, readSink, type Sink, sinkFields } from "../library.ts";
import { media } from "./native.ts";
import type { MediaSession } from "./port.ts";

export type SoundPlane = "audio" | "microphone";

export interface PlaneOptions {
  readonly session: MediaSession;
  readonly plane: SoundPlane;
}

const numbers = (options: PlaneOptions) => ({
  session: options.session.address,
  plane: plane[options.plane][0],
});

/** Packets in, sealed packets out. Close it after who pushes to it, before its session. */
export class PlaneSender {
  readonly counters: Counters<typeof counterTables.plane>;
  #handle: Address;

  constructor(options: PlaneOptions) {
    const config = writeLayout(planeConfig, numbers(options));
    const out = new OutPointer();
    const { functions, check } = media();
    check(
      functions.pf_plane_send_open(ptr(config), out.argument),
      "PF_NATIVE_FAILED",
      "The sender of sound",
    );
    this.#handle = out.value;
    const counters = Number(functions.pf_plane_send_counters_block(pointer(this.#handle)));
    this.counters = new Counters(counterTables.plane, counters);
  }

  sink(): Sink {
    return readSink((out) => media().functions.pf_plane_send_sink(pointer(this.#handle), out));
  }

  close(): void {
    if (this.#handle === 0) return;
    media().functions.pf_plane_send_close(pointer(this.#handle));
    this.#handle = 0;
  }
}

/** Sealed packets in, packets out, from the constructor to `close`; close it before its session. */
export class PlaneReceiver {
  #handle: Address;

  constructor(options: PlaneOptions & { readonly sink: Sink }) {
    const config = writeLayout(planeConfig, { ...sinkFields(options.sink), ...numbers(options) });
    const out = new OutPointer();
    const { functions, check } = media();
    check(
      functions.pf_plane_receive_open(ptr(config), out.argument),
      "PF_NATIVE_FAILED",
      "The receiver of sound",
    );
    this.#handle = out.value;
  }

  close(): void {
    if (this.#handle === 0) return;
    media().functions.pf_plane_receive_close(pointer(this.#handle));
    this.#handle = 0;
  }
}
