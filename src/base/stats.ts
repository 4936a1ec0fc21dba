/** Log-linear histograms of microseconds and figures taken from them. */
import { type Micros, micros } from "./units.ts";

/** Buckets for each power of two: 3% resolution. */
export const histogramSubBuckets = 32;
/** Powers of two that are told apart: up to 2^26 µs. */
export const histogramExponents = 22;
/** Values below `histogramSubBuckets` µs are exact. */
export const histogramBuckets = histogramSubBuckets * histogramExponents;

/** Lower bound in µs of a bucket; the native stages use the same buckets. */
export function bucketLowUs(index: number): number {
  if (index < histogramSubBuckets) return index;
  const power = Math.floor(index / histogramSubBuckets) - 1;
  return (histogramSubBuckets + (index % histogramSubBuckets)) * 2 ** power;
}

/** The bucket of a duration in whole µs. */
export function bucketOfUs(us: number): number {
  if (us < histogramSubBuckets) return us;
  const top = Math.floor(Math.log2(us));
  const index = (top - 4) * histogramSubBuckets + (Math.floor(us / 2 ** (top - 5)) & 31);
  return Math.min(index, histogramBuckets - 1);
}

export interface Percentiles {
  readonly p50: Micros;
  readonly p95: Micros;
  readonly p99: Micros;
  readonly max: Micros;
}

/** Of figures of several intervals those in the middle, and the largest maximum; null of none. */
export function typical(all: readonly (Percentiles | null)[]): Percentiles | null {
  const measured = all.filter((one) => one !== null);
  if (measured.length === 0) return null;
  const middle = (name: keyof Percentiles) => {
    const values = measured.map((one) => one[name]).toSorted((a, b) => a - b);
    return values[Math.floor(values.length / 2)] as Micros;
  };
  const max = micros(Math.max(...measured.map((one) => one.max)));
  return { p50: middle("p50"), p95: middle("p95"), p99: middle("p99"), max };
}

/** Counts by bucket. Copies of a native histogram are taken at one moment and don't change. */
export class Histogram {
  count: number;
  sumUs: number;
  maxUs: number;
  readonly buckets: Float64Array;

  constructor(count = 0, sumUs = 0, maxUs = 0, buckets = new Float64Array(histogramBuckets)) {
    this.count = count;
    this.sumUs = sumUs;
    this.maxUs = maxUs;
    this.buckets = buckets;
  }

  /** Adds one duration (µs, ≥ 0). */
  record(us: number): void {
    const whole = Math.floor(us);
    const bucket = bucketOfUs(whole);
    this.buckets[bucket] = (this.buckets[bucket] as number) + 1;
    this.count++;
    this.sumUs += whole;
    this.maxUs = Math.max(this.maxUs, whole);
  }

  /**
   * What was recorded after `earlier` was taken. Its maximum is exact where it is that of the whole
   * time, else the upper end of its bucket.
   */
  since(earlier: Histogram): Histogram {
    const buckets = this.buckets.map((n, i) => n - (earlier.buckets[i] as number));
    const last = buckets.findLastIndex((n) => n > 0);
    const upperUs = last < 0 ? 0 : bucketLowUs(last + 1) - 1;
    return new Histogram(
      this.count - earlier.count,
      this.sumUs - earlier.sumUs,
      this.maxUs > earlier.maxUs ? this.maxUs : Math.min(this.maxUs, upperUs),
      buckets,
    );
  }

  /** Both together. */
  plus(other: Histogram): Histogram {
    const buckets = this.buckets.map((n, i) => n + (other.buckets[i] as number));
    return new Histogram(
      this.count + other.count,
      this.sumUs + other.sumUs,
      Math.max(this.maxUs, other.maxUs),
      buckets,
    );
  }

  /** The value below which `share` (0…1) of the samples lie, in µs; null without samples. */
  percentileUs(share: number): Micros | null {
    let total = 0;
    for (const n of this.buckets) total += n;
    if (total === 0) return null;
    const rank = Math.max(1, Math.ceil(share * total));
    let seen = 0;
    for (let i = 0; i < this.buckets.length; i++) {
      seen += this.buckets[i] as number;
      if (seen < rank) continue;
      const middle = (bucketLowUs(i) + bucketLowUs(i + 1)) / 2;
      return micros(Math.min(i < histogramSubBuckets ? bucketLowUs(i) : middle, this.maxUs));
    }
    return micros(this.maxUs);
  }

  /** The usual figures; null without samples, never 0. */
  percentiles(): Percentiles | null {
    if (this.count === 0) return null;
    return {
      p50: this.percentileUs(0.5) as Micros,
      p95: this.percentileUs(0.95) as Micros,
      p99: this.percentileUs(0.99) as Micros,
      max: micros(this.maxUs),
    };
  }
}
