/** Packets that are on their way, in the order in which they will arrive. */
import { type Delivery, labSlotsMax } from "../../ffi/lab/lab.ts";

/**
 * Keeps packets until their time has come, and knows which slots still have some. In steady state
 * it allocates nothing, unless packets overtake each other.
 */
export class Flight {
  #waiting: Delivery = emptyDelivery(4096);
  #rest: Delivery = emptyDelivery(4096);
  readonly #perSlot = new Uint32Array(labSlotsMax);
  #sorted = true;

  add(slot: number, index: number, atNs: number, bytes: number): void {
    const { count, atNs: times } = this.#waiting;
    if (count === times.length) this.#waiting = grown(this.#waiting);
    if (count > 0 && atNs < (this.#waiting.atNs[count - 1] as number)) this.#sorted = false;
    put(this.#waiting, slot * 65_536 + index, atNs, bytes);
    this.#perSlot[slot] = (this.#perSlot[slot] as number) + 1;
  }

  /** The first slot that no packet is in; undefined when all have some. */
  freeSlot(slotCount: number): number | undefined {
    for (let slot = 0; slot < slotCount; slot++) if (this.#perSlot[slot] === 0) return slot;
    return undefined;
  }

  /**
   * Takes what arrives before `atNs`, in order; of two at the same time the one that was added
   * first. Valid until the next call.
   */
  takeUntil(atNs: number): Delivery {
    if (!this.#sorted) this.#waiting = sorted(this.#waiting);
    this.#sorted = true;
    const due = this.#waiting;
    let taken = due.count;
    while (taken > 0 && (due.atNs[taken - 1] as number) >= atNs) taken--;
    const rest = this.#rest.atNs.length < due.count ? emptyDelivery(due.count) : this.#rest;
    rest.count = 0;
    for (let i = taken; i < due.count; i++) {
      put(rest, due.packets[i] as number, due.atNs[i] as number, due.bytes[i] as number);
    }
    due.count = taken;
    for (let i = 0; i < taken; i++) {
      const slot = (due.packets[i] as number) >>> 16;
      this.#perSlot[slot] = (this.#perSlot[slot] as number) - 1;
    }
    this.#waiting = rest;
    this.#rest = due;
    return due;
  }
}

function emptyDelivery(room: number): Delivery {
  return {
    count: 0,
    packets: new Uint32Array(room),
    atNs: new Float64Array(room),
    bytes: new Uint16Array(room),
  };
}

function put(into: Delivery, packet: number, atNs: number, bytes: number): void {
  into.packets[into.count] = packet;
  into.atNs[into.count] = atNs;
  into.bytes[into.count] = bytes;
  into.count++;
}

function grown(from: Delivery): Delivery {
  const into = emptyDelivery(from.count * 2);
  into.packets.set(from.packets);
  into.atNs.set(from.atNs);
  into.bytes.set(from.bytes);
  into.count = from.count;
  return into;
}

function sorted(from: Delivery): Delivery {
  const order = Uint32Array.from({ length: from.count }, (_, i) => i);
  order.sort((a, b) => (from.atNs[a] as number) - (from.atNs[b] as number) || a - b);
  const into = emptyDelivery(from.atNs.length);
  for (const i of order) {
    put(into, from.packets[i] as number, from.atNs[i] as number, from.bytes[i] as number);
  }
  return into;
}
