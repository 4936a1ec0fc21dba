/**
 * Binding of libpf_rival: other ways to carry H.264 over loopback, for benchmarks only. Both ends
 * throw PF_NATIVE_FAILED when this machine's libavformat does not have what they need.
 */
import { ptr } from "bun:ffi";
import { type Address, OutPointer, openLibrary, pointer, readSink, type Sink } from "../library.ts";

const symbols = {
  pf_rival_sender_open: { args: ["u32", "u32", "u32", "u32", "ptr"], returns: "i32" },
  pf_rival_sender_sink: { args: ["ptr", "ptr"], returns: "void" },
  pf_rival_sender_failures: { args: ["ptr"], returns: "u64" },
  pf_rival_sender_close: { args: ["ptr"], returns: "void" },
  pf_rival_receiver_open: { args: ["u32", "u32", "ptr", "ptr"], returns: "i32" },
  pf_rival_receiver_start: { args: ["ptr"], returns: "i32" },
  pf_rival_receiver_stop: { args: ["ptr"], returns: "void" },
  pf_rival_receiver_units: { args: ["ptr"], returns: "u64" },
  pf_rival_receiver_close: { args: ["ptr"], returns: "void" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const rival = () => (library ??= openLibrary("rival", symbols));

/**
 * `bareRtp`: RTP to a depacketizer that hands a frame on at the marker bit. `playerRtp`: RTP to
 * libavformat with low-delay flags. `srt`: a transport stream over SRT with a latency of 0.
 */
export type RivalPath = "bareRtp" | "playerRtp" | "srt";

/** PF_RIVAL_*: rival.h. */
const senderKind: Readonly<Record<RivalPath, number>> = { bareRtp: 0, playerRtp: 0, srt: 1 };
const receiverKind: Readonly<Record<RivalPath, number>> = { bareRtp: 0, playerRtp: 1, srt: 2 };

export interface RivalSenderOptions {
  readonly path: RivalPath;
  /** UDP, of 127.0.0.1. */
  readonly port: number;
  readonly width: number;
  readonly height: number;
}

/** Writes access units to the network on the thread that pushes them. */
export class RivalSender {
  #address: Address;

  /** SRT: waits for the receiver, which has to be started. */
  constructor({ path, port, width, height }: RivalSenderOptions) {
    const out = new OutPointer();
    const { functions, check } = rival();
    const kind = senderKind[path];
    const opened = functions.pf_rival_sender_open(kind, port, width, height, out.argument);
    check(opened, "PF_NATIVE_FAILED", `The sender of ${path}`);
    this.#address = out.value;
  }

  /** Takes access units. */
  sink(): Sink {
    return readSink((out) => rival().functions.pf_rival_sender_sink(pointer(this.#address), out));
  }

  /** Units that could not be written. */
  get failures(): number {
    return Number(rival().functions.pf_rival_sender_failures(pointer(this.#address)));
  }

  /** Nothing may be pushed any more. */
  close(): void {
    rival().functions.pf_rival_sender_close(pointer(this.#address));
    this.#address = 0;
  }
}

export interface RivalReceiverOptions {
  readonly path: RivalPath;
  /** UDP, of 127.0.0.1; `playerRtp` takes the next one too. */
  readonly port: number;
  /** Takes access units, on the receiver's thread. */
  readonly sink: Sink;
}

/** Receives access units on a thread of its own. */
export class RivalReceiver {
  #address: Address;

  constructor({ path, port, sink }: RivalReceiverOptions) {
    const out = new OutPointer();
    const words = new BigUint64Array([BigInt(sink.push), BigInt(sink.context)]);
    const { functions, check } = rival();
    const kind = receiverKind[path];
    const opened = functions.pf_rival_receiver_open(kind, port, ptr(words), out.argument);
    check(opened, "PF_NATIVE_FAILED", `The receiver of ${path}`);
    this.#address = out.value;
  }

  start(): void {
    const { functions, check } = rival();
    const started = functions.pf_rival_receiver_start(pointer(this.#address));
    check(started, "PF_NATIVE_FAILED", "The receiver");
  }

  /** Access units that were handed on. */
  get units(): number {
    return Number(rival().functions.pf_rival_receiver_units(pointer(this.#address)));
  }

  stop(): void {
    if (this.#address !== 0) rival().functions.pf_rival_receiver_stop(pointer(this.#address));
  }

  close(): void {
    rival().functions.pf_rival_receiver_close(pointer(this.#address));
    this.#address = 0;
  }
}
