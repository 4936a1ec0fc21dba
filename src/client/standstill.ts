/** Whether this process itself stood still: what came meanwhile is late by nobody else's fault. */

const everyMs = 100;
/** Timers are less late than this while a process gets its share of the processor. */
const lateMsMin = 150;

export class StandstillWatch {
  readonly #timer: ReturnType<typeof setInterval>;
  #seenAtMs = performance.now();
  #longestMs = 0;

  constructor() {
    this.#timer = setInterval(() => this.#look(), everyMs);
    this.#timer.unref();
  }

  /** The longest time since this was asked last, in milliseconds; 0 = it did not stand still. */
  takeMs(): number {
    this.#look();
    const longestMs = this.#longestMs;
    this.#longestMs = 0;
    return longestMs;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    const nowMs = performance.now();
    const gapMs = nowMs - this.#seenAtMs;
    this.#seenAtMs = nowMs;
    if (gapMs - everyMs >= lateMsMin) this.#longestMs = Math.max(this.#longestMs, gapMs);
  }
}
