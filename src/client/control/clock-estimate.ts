/**
 * What is known of the host's clock, as bounds that hold whatever the path did.
 *
 * Nothing arrives before it was sent. So a probe of the client that the host saw says that the
 * offset was at least `sent - seen`, and its echo that it was at most `seen - sent`: two bounds,
 * each at its own time. Between its bounds the offset runs in a straight line, as two crystals
 * drift apart. All lines that keep to all bounds are those that may be true; the estimate is the
 * middle of what they say of a moment, and its error half of what they differ in (the convex hull
 * method of Moon, Skelly and Towsley, "Estimation and Removal of Clock Skew from Network Delay
 * Measurements", INFOCOM 1999, with both directions). When no line is left, a clock was set, stood
 * still or lied: nothing that it said before counts any longer, and it is suspect until it has
 * agreed with itself for some rounds.
 */
import type { Nanos } from "../../base/units.ts";

/** The four times of a round; the first and last by the client's clock. */
export interface ClockSample {
  readonly clientSentNs: Nanos;
  readonly hostReceivedNs: Nanos;
  readonly hostSentNs: Nanos;
  readonly clientReceivedNs: Nanos;
}

export interface ClockEstimate {
  /** To be added to a time of the host to get the client's. */
  readonly offsetNs: Nanos;
  /** The offset is wrong by at most this. */
  readonly errorNs: Nanos;
  /** The least round trip that was seen. */
  readonly rttNs: Nanos;
  /** How much faster the client's clock runs, in parts per million; null while that is not known. */
  readonly driftPpm: number | null;
  /** The clocks contradict themselves: a figure across machines would be worth nothing. */
  readonly isSuspect: boolean;
}

/** How much two clocks may drift apart: crystals and what NTP adds to steer them. */
const driftMax = 600e-6;
/** How fast that may change, in a second: temperature. Bounds lose their edge as they age. */
const wanderPerSecond = 5e-9;
/** Reading a clock takes time and its steps are not infinitely small. */
const readingNs = 1000;
/** Bounds that are kept of each kind; the newest and, of the older ones, those that say most. */
const boundsMax = 48;
const ageMaxNs = 300e9;
/** Rounds in a row that have to agree before a clock that was suspect is believed again. */
const agreementsMin = 8;
/** The drift counts as known when it can lie in no wider a range than this. */
const driftKnown = 50e-6;

/** One side of what a round says: the offset was not above (or not below) `ns` at `atNs`. */
interface Bound {
  /** Nanoseconds since the first round. */
  readonly at: number;
  /** Nanoseconds beyond the first round's. */
  readonly ns: number;
}

interface Range {
  readonly low: number;
  readonly high: number;
}

/** Takes rounds as they come. Pure: the times are those of the rounds. */
export class ClockEstimator {
  /** Rounds that can't have happened. */
  impossible = 0;
  /** How often the clocks contradicted themselves. */
  contradictions = 0;
  #baseNs: Nanos = 0n;
  #baseOffsetNs: Nanos = 0n;
  #lower: Bound[] = [];
  #upper: Bound[] = [];
  #drift: Range = { low: -driftMax, high: driftMax };
  #newestNs: Nanos = 0n;
  #rttNs: Nanos | undefined;
  #agreements = 0;

  /** False when the round is impossible. */
  add(sample: ClockSample): boolean {
    const { clientSentNs, hostReceivedNs, hostSentNs, clientReceivedNs } = sample;
    const rttNs = clientReceivedNs - clientSentNs - (hostSentNs - hostReceivedNs);
    if (rttNs < 0n || hostSentNs < hostReceivedNs || clientReceivedNs < this.#newestNs) {
      this.impossible++;
      return false;
    }
    if (this.#rttNs === undefined) this.#begin(sample);
    if (this.#rttNs === undefined || rttNs < this.#rttNs) this.#rttNs = rttNs;
    this.#newestNs = clientReceivedNs;
    this.#lower.push(this.#bound(clientSentNs, clientSentNs - hostReceivedNs, -readingNs));
    this.#upper.push(this.#bound(clientReceivedNs, clientReceivedNs - hostSentNs, readingNs));
    this.#judge();
    return true;
  }

  /** A frame came before it can have been sent, so what is known is wrong. */
  contradict(): void {
    this.contradictions++;
    this.#agreements = -agreementsMin;
    this.#lower = [];
    this.#upper = [];
    this.#drift = { low: -driftMax, high: driftMax };
  }

  /** What is known of a moment of the client's clock; null before the first good round. */
  at(nowNs: Nanos): ClockEstimate | null {
    if (this.#rttNs === undefined) return null;
    const now = Number(nowNs - this.#baseNs);
    const { low, high } = this.#offsetAt(now);
    const { low: slowest, high: fastest } = this.#drift;
    const isSuspect = this.#agreements < 0 || high < low || !Number.isFinite(high - low);
    return {
      offsetNs: isSuspect ? this.#baseOffsetNs : this.#baseOffsetNs + rounded((low + high) / 2),
      errorNs: isSuspect ? this.#rttNs : rounded((high - low) / 2),
      rttNs: this.#rttNs,
      driftPpm: fastest - slowest <= driftKnown ? ((slowest + fastest) / 2) * 1e6 : null,
      isSuspect,
    };
  }

  #begin({ clientSentNs, hostReceivedNs }: ClockSample): void {
    this.#baseNs = clientSentNs;
    this.#baseOffsetNs = clientSentNs - hostReceivedNs;
  }

  #bound(atNs: Nanos, offsetNs: Nanos, reading: number): Bound {
    const ns = Number(offsetNs - this.#baseOffsetNs) + reading;
    return { at: Number(atNs - this.#baseNs), ns };
  }

  /** Lets old bounds go, finds the drift that is left, and forgets all that contradicts the newest. */
  #judge(): void {
    this.#lower = this.#kept(this.#lower);
    this.#upper = this.#kept(this.#upper);
    const drift = this.#feasibleDrift();
    if (drift.low <= drift.high) {
      this.#drift = drift;
      this.#agreements = Math.min(this.#agreements + 1, 0);
      return;
    }
    this.contradictions++;
    this.#agreements = -agreementsMin;
    this.#lower = this.#lower.slice(-1);
    this.#upper = this.#upper.slice(-1);
    this.#drift = { low: -driftMax, high: driftMax };
  }

  /** Without those that are too old or, of too many, say least; the newest rounds stay. */
  #kept(bounds: readonly Bound[]): Bound[] {
    const newest = bounds.at(-1)?.at ?? 0;
    const young = bounds.filter(({ at }) => newest - at <= ageMaxNs);
    if (young.length <= boundsMax) return young;
    const slack = ({ at, ns }: Bound) => {
      const { low, high } = this.#offsetAt(at);
      return Math.abs(ns - (low + high) / 2);
    };
    const older = young.slice(0, -agreementsMin).map((bound) => ({ bound, slack: slack(bound) }));
    const loosest = older.reduce((one, other) => (other.slack > one.slack ? other : one));
    return young.filter((bound) => bound !== loosest.bound);
  }

  /** Drifts by which a line keeps to all bounds; empty (low above high) when there is none. */
  #feasibleDrift(): Range {
    let [low, high] = [-driftMax, driftMax];
    for (const below of this.#lower) {
      for (const above of this.#upper) {
        const apart = above.at - below.at;
        const room = this.#aged(above, 1) - this.#aged(below, -1);
        if (apart > 0) high = Math.min(high, room / apart);
        else if (apart < 0) low = Math.max(low, room / apart);
        else if (room < 0) return { low: 1, high: -1 };
      }
    }
    return { low, high };
  }

  #offsetAt(now: number): Range {
    let [low, high] = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
    const { low: slowest, high: fastest } = this.#drift;
    for (const bound of this.#lower) {
      const later = now - bound.at;
      low = Math.max(low, this.#aged(bound, -1, now) + later * (later > 0 ? slowest : fastest));
    }
    for (const bound of this.#upper) {
      const later = now - bound.at;
      high = Math.min(high, this.#aged(bound, 1, now) + later * (later > 0 ? fastest : slowest));
    }
    return { low, high };
  }

  #aged({ at, ns }: Bound, side: 1 | -1, now = Number(this.#newestNs - this.#baseNs)): number {
    const seconds = Math.max(0, now - at) / 1e9;
    return ns + side * 0.5 * wanderPerSecond * seconds * seconds * 1e9;
  }
}

const rounded = (ns: number): Nanos => BigInt(Math.round(ns));
