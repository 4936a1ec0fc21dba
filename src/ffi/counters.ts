/** Reads a native stage's counters block as a view: no call, no copy. */
import { toArrayBuffer } from "bun:ffi";
import { Histogram, histogramBuckets } from "../base/stats.ts";
import {
  type CountersTable,
  counterIndex,
  countersBytes,
  histogramIndex,
} from "../wire/counters.ts";
import { type Address, pointer } from "./library.ts";

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
