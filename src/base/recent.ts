/** What was seen in the last seconds, as samples in the order of time. */

/** Long enough that a single stall does not decide, short enough that it tells of now. */
export const recentMs = 10_000;

export class RecentSamples<Sample extends { readonly atMs: number }> {
  #samples: Sample[] = [];

  add(sample: Sample): void {
    this.#samples.push(sample);
    // The oldest one that is kept is the first outside the time: what came since is inside.
    while ((this.#samples[1]?.atMs ?? Infinity) <= sample.atMs - recentMs) this.#samples.shift();
  }

  /** Forgets all: what comes is another stream. */
  clear(): void {
    this.#samples = [];
  }

  get all(): readonly Sample[] {
    return this.#samples;
  }

  /** The oldest and the newest; null until time lies between them. */
  get ends(): readonly [Sample, Sample] | null {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return null;
    return [first, last];
  }
}
