/** Speed of sealing, by library. */
import { packetHeader, sealTagBytes } from "../../wire/media.ts";
import { Seal, SealBatch, type SealLibrary } from "./seal.ts";

export interface SealFigure {
  /** Bytes of packets (header, body and tag) per nanosecond, of the fastest of many runs. */
  readonly gbPerS: number;
  readonly nsPerPacket: number;
  /** Of the library that did it. */
  readonly library: string;
}

/** How long one figure is measured. Long enough for a run that nothing interrupts. */
const measureMs = 100;

/** Seals `batch` packets of `packetBytes` (header, body and tag) at a time. Throws
 * PF_LIBRARY_MISSING when the library is not there. */
export function measureSeal(what: {
  readonly library: SealLibrary;
  readonly packetBytes: number;
  readonly batch: number;
}): SealFigure {
  const { library, packetBytes, batch: count } = what;
  const key = { key: new Uint8Array(16).fill(1), salt: new Uint8Array(12).fill(2) };
  const seal = new Seal(key, library);
  const headerBytes = packetHeader.bytes;
  const bodyBytes = packetBytes - headerBytes - sealTagBytes;
  const batch = new SealBatch({ headerBytes, bodyBytes, count });
  let fastestNs = Number.POSITIVE_INFINITY;
  let sequence = 0n;
  const end = Bun.nanoseconds() + measureMs * 1e6;
  while (Bun.nanoseconds() < end) {
    const begin = Bun.nanoseconds();
    seal.batch(sequence, batch);
    fastestNs = Math.min(fastestNs, Bun.nanoseconds() - begin);
    sequence += BigInt(count);
  }
  const { name } = seal;
  seal.close();
  return {
    gbPerS: batch.packets.length / fastestNs,
    nsPerPacket: fastestNs / count,
    library: name,
  };
}
