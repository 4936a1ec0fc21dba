/** Throws hostile datagrams at a UDP port: random bytes, and real packets with flipped bits. */
import type { SeededRandom } from "../base/random.ts";
import { packetHeader, plane } from "../wire/media.ts";

export interface FloodOptions {
  readonly port: number;
  /** Payload bytes to throw altogether. */
  readonly bytes: number;
  readonly random: SeededRandom;
  /** Real packets; each is thrown with one to three bits flipped. */
  readonly samples?: readonly Uint8Array[];
  /** The tag of a live session: random packets carry it half of the time. */
  readonly session?: number;
  readonly signal?: AbortSignal;
}

/** Packets a call of the kernel takes; a pause after each call lets the victim run on two cores. */
const batchPackets = 64;
const packetBytesMax = 1500;

/** Returns how many packets and bytes were really sent. */
export async function flood(options: FloodOptions): Promise<{ packets: number; bytes: number }> {
  const socket = await Bun.udpSocket({ connect: { hostname: "127.0.0.1", port: options.port } });
  let packets = 0;
  let bytes = 0;
  try {
    while (bytes < options.bytes && options.signal?.aborted !== true) {
      const batch = Array.from({ length: batchPackets }, () => hostilePacket(options));
      const sent = socket.sendMany(batch);
      packets += sent;
      for (const packet of batch.slice(0, sent)) bytes += packet.length;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    return { packets, bytes };
  } finally {
    socket.close();
  }
}

function hostilePacket({ random, samples = [], session }: FloodOptions): Uint8Array {
  if (samples.length > 0 && random.chance(0.5)) return flipBits(random.pick(samples), random);
  const packet = noise.subarray(0, random.below(packetBytesMax + 1)).slice();
  // Noise is drawn once; shifting it by a random start keeps packets different at no cost.
  const shift = random.below(256);
  for (let i = 0; i < Math.min(packet.length, 64); i++) packet[i] = (packet[i] as number) ^ shift;
  if (packet.length >= packetHeader.bytes && random.chance(0.5)) {
    const view = new DataView(packet.buffer);
    view.setUint8(0, random.pick(Object.values(plane))[0]);
    view.setUint8(1, 0);
    view.setUint16(2, 0, true);
    if (session !== undefined) view.setUint32(4, session, true);
  }
  return packet;
}

/** A copy with one to three bits turned over. */
export function flipBits(packet: Uint8Array, random: SeededRandom): Uint8Array {
  const copy = packet.slice();
  for (let flips = 1 + random.below(3); flips > 0 && copy.length > 0; flips--) {
    const at = random.below(copy.length);
    copy[at] = (copy[at] as number) ^ (1 << random.below(8));
  }
  return copy;
}

const noise = crypto.getRandomValues(new Uint8Array(packetBytesMax));
