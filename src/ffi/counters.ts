/** Reads a native stage's counters block as a view: no call, no copy. */
import { toArrayBuffer } from "bun:ffi";
import type { Micros } from "../base/units.ts";
import { micros } from "../base/units.ts";
import {
  type CountersTable,
  counterIndex,
  countersBytes,
  histogramBuckets,
  histogramIndex,
} from "../wire/counters.ts";
import { limit } from "../wire/limits.ts";
import { type Address, pointer } from "./library.ts";

const subBuckets = limit("histogram_sub_buckets");

/** Lower bound in µs of a bucket, the mirror of pf_histogram_bucket in common.h. */
export function bucketLowUs(index: number): number {
  if (index < subBuckets) return index;
  const power = Math.floor(index / subBuckets) - 1;
  return (subBuckets + (index % subBuckets)) * 2 ** power;
}

/** Counts by bucket, copied at one moment; subtract an earlier one to get an interval. */
export class Histogram {
  readonly count: number;
  readonly sumUs: number;
  readonly maxUs: Micros;
  readonly buckets: Float64Array;

  constructor(count: number, sumUs: number, maxUs: number, buckets: Float64Array) {
    this.count = count;
    this.sumUs = sumUs;
    this.maxUs = micros(maxUs);
    this.buckets = buckets;
  }

  /** What was recorded after `earlier` was taken. The maximum stays that of the whole time. */
  since(earlier: Histogram): Histogram {
    const buckets = this.buckets.map((n, i) => n - (earlier.buckets[i] as number));
    return new Histogram(
      this.count - earlier.count,
      this.sumUs - earlier.sumUs,
      this.maxUs,
      buckets,
    );
  }

  /** The value below which `share` (0…1) of the samples lie, in µs; null without samples. */
  percentileUs(share: number): Micros | null {
    const total = this.buckets.reduce((sum, n) => sum + n, 0);
    if (total === 0) return null;
    const rank = Math.max(1, Math.ceil(share * total));
    let seen = 0;
    for (let i = 0; i < this.buckets.length; i++) {
      seen += this.buckets[i] as number;
      if (seen >= rank) {
        const middle = (bucketLowUs(i) + bucketLowUs(i + 1)) / 2;
        return micros(Math.min(i < subBuckets ? bucketLowUs(i) : middle, this.maxUs));
      }
    }
    return this.maxUs;
  }
}

/** A live view over a stage's counters; valid until the stage is closed. */
export class Counters<Table extends CountersTable> {
  readonly table: Table;
  readonly #view: DataView;

  constructor(table: Table, address: Address) {
    this.table = table;
    this.#view = new DataView(toArrayBuffer(pointer(address), 0, countersBytes(table)));
  }

  #word(index: number): number {
    return (
      this.#view.getUint32(index * 8, true) + this.#view.getUint32(index * 8 + 4, true) * 2 ** 32
    );
  }

  get(field: Table["fields"][number]): number {
    return this.#word(counterIndex(this.table, field));
  }

  histogram(name: Table["histograms"][number]): Histogram {
    const first = histogramIndex(this.table, name);
    const buckets = new Float64Array(histogramBuckets);
    for (let i = 0; i < histogramBuckets; i++) buckets[i] = this.#word(first + 3 + i);
    return new Histogram(this.#word(first), this.#word(first + 1), this.#word(first + 2), buckets);
  }

  /** All plain counters by name. */
  snapshot(): Record<string, number> {
    return Object.fromEntries(this.table.fields.map((field, i) => [field, this.#word(i)]));
  }
}
