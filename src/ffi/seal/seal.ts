/** Binding of AES-128-GCM for media packets; the contract is in seal.h. For tests and tools. */
import { ptr } from "bun:ffi";
import type { MediaKey } from "../../wire/exporter.ts";
import { sealTagBytes } from "../../wire/media.ts";
import { type Address, OutPointer, openLibrary, pointer } from "../library.ts";

const symbols = {
  pf_seal_open: { args: ["u32", "ptr", "ptr", "ptr"], returns: "i32" },
  pf_seal_close: { args: ["ptr"], returns: "void" },
  pf_seal_name: { args: ["ptr"], returns: "cstring" },
  pf_seal_packets: { args: ["ptr", "u64", "ptr"], returns: "i32" },
  pf_seal_open_packet: { args: ["ptr", "u64", "ptr", "u32", "u32"], returns: "i32" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const seal = () => (library ??= openLibrary("media", symbols));

/** Libraries that can do it; `best` is the fastest that is there. */
export const sealLibraries = { best: 0, "libipsec-mb": 1, openssl: 2 } as const;
export type SealLibrary = keyof typeof sealLibraries;

/** Packets of one size behind one another, sealed in place: for measuring, nothing is copied. */
export class SealBatch {
  readonly packets: Uint8Array;
  /** pf_seal_batch of seal.h. */
  readonly descriptor: BigUint64Array;

  constructor(shape: {
    readonly headerBytes: number;
    readonly bodyBytes: number;
    readonly count: number;
  }) {
    const { headerBytes, bodyBytes, count } = shape;
    const packetBytes = headerBytes + bodyBytes + sealTagBytes;
    this.packets = new Uint8Array(packetBytes * count);
    this.descriptor = new BigUint64Array([
      BigInt(ptr(this.packets)),
      BigInt(ptr(this.packets)) + BigInt(headerBytes),
      BigInt(packetBytes),
      BigInt(headerBytes) | (BigInt(bodyBytes) << 32n),
      BigInt(count),
    ]);
  }
}

/** A key of one direction. The constructor throws PF_LIBRARY_MISSING. */
export class Seal {
  readonly name: string;
  #handle: Address;

  constructor({ key, salt }: MediaKey, using: SealLibrary = "best") {
    const out = new OutPointer();
    const { functions, check } = seal();
    const result = functions.pf_seal_open(sealLibraries[using], ptr(key), ptr(salt), out.argument);
    check(result, "PF_LIBRARY_MISSING", "Sealing");
    this.#handle = out.value;
    this.name = String(functions.pf_seal_name(pointer(this.#handle)));
  }

  /** The packets header | sealed body | tag of bodies of one size, from `sequence` on. */
  packets(sequence: bigint, header: Uint8Array, bodies: readonly Uint8Array[]): Uint8Array[] {
    const bodyBytes = bodies[0]?.length ?? 0;
    const packetBytes = header.length + bodyBytes + sealTagBytes;
    const packets = new Uint8Array(packetBytes * bodies.length);
    const plain = new Uint8Array(bodyBytes * bodies.length + 1);
    for (const [i, body] of bodies.entries()) {
      packets.set(header, i * packetBytes);
      plain.set(body, i * bodyBytes);
    }
    // pf_seal_batch of seal.h.
    const batch = new BigUint64Array([
      BigInt(ptr(packets)),
      BigInt(ptr(plain)),
      BigInt(bodyBytes),
      BigInt(header.length) | (BigInt(bodyBytes) << 32n),
      BigInt(bodies.length),
    ]);
    const { functions, check } = seal();
    const result = functions.pf_seal_packets(pointer(this.#handle), sequence, ptr(batch));
    check(result, "PF_NATIVE_FAILED", "Sealing");
    return bodies.map((_, i) => packets.slice(i * packetBytes, (i + 1) * packetBytes));
  }

  /** Seals a batch with the sequences from `sequence` on. */
  batch(sequence: bigint, batch: SealBatch): void {
    const { functions, check } = seal();
    const result = functions.pf_seal_packets(
      pointer(this.#handle),
      sequence,
      ptr(batch.descriptor),
    );
    check(result, "PF_NATIVE_FAILED", "Sealing");
  }

  /** The body of a packet, or undefined when its tag does not fit. */
  open(sequence: bigint, packet: Uint8Array, headerBytes: number): Uint8Array | undefined {
    const opened = new Uint8Array(packet.length + 1); // an empty one has no address
    opened.set(packet);
    const result = seal().functions.pf_seal_open_packet(
      pointer(this.#handle),
      sequence,
      ptr(opened),
      headerBytes,
      packet.length,
    );
    return result < 0 ? undefined : opened.slice(headerBytes, packet.length - sealTagBytes);
  }

  close(): void {
    if (this.#handle === 0) return;
    seal().functions.pf_seal_close(pointer(this.#handle));
    this.#handle = 0;
  }
}
