/**
 * What a bad network does to each packet, as a pure and seeded decision: the same seed and the same
 * packets give the same fate. Shares are probabilities 0…1; times are milliseconds.
 */
import type { SeededRandom } from "../base/random.ts";

export interface Impairment {
  /** Independent loss of each packet. */
  readonly loss: number;
  /** The packet arrives twice. */
  readonly duplicate: number;
  /** One bit of the packet is flipped. */
  readonly corrupt: number;
  /** The packet is held back by `reorderMs`, so that later ones pass it. */
  readonly reorder: number;
  readonly reorderMs: number;
  /** Constant delay, and a uniform one between 0 and `jitterMs` on top. */
  readonly delayMs: number;
  readonly jitterMs: number;
}

export const cleanLink: Impairment = {
  loss: 0,
  duplicate: 0,
  corrupt: 0,
  reorder: 0,
  reorderMs: 3,
  delayMs: 0,
  jitterMs: 0,
};

export interface Fate {
  /** Delays after which copies arrive; empty = lost. */
  readonly arrivals: readonly number[];
  /** Index of the bit to flip, or undefined. */
  readonly flippedBit: number | undefined;
}

/** Decides what becomes of a packet of `bytes` bytes. Draws the same count of numbers each time. */
export function decideFate(impairment: Impairment, random: SeededRandom, bytes: number): Fate {
  const [loss, duplicate, corrupt, reorder, jitter, bit] = Array.from({ length: 6 }, () =>
    random.unit(),
  ) as [number, number, number, number, number, number];
  if (loss < impairment.loss) return { arrivals: [], flippedBit: undefined };
  const held = reorder < impairment.reorder ? impairment.reorderMs : 0;
  const arrival = impairment.delayMs + jitter * impairment.jitterMs + held;
  return {
    arrivals: duplicate < impairment.duplicate ? [arrival, arrival] : [arrival],
    flippedBit: corrupt < impairment.corrupt ? Math.floor(bit * bytes * 8) : undefined,
  };
}
