/**
 * Clients that come while all places are taken stand in a line: each knows how many are before it,
 * the first gets the next place that is free. Bounded in length and time.
 */
import type { ControlConnection } from "../transport/connection.ts";
import { limit } from "../wire/limits.ts";

export type Admission = "admitted" | "full" | "timeout" | "gone";

interface Waiting {
  readonly connection: ControlConnection;
  readonly settle: (admission: Admission) => void;
  told: number | undefined;
  readonly until: number;
}

export class WaitingLine {
  readonly #placesMax: () => number;
  /** Places that are taken, or given to somebody who is on the way to it. */
  #taken = 0;
  #waiting: Waiting[] = [];

  constructor(placesMax: () => number) {
    this.#placesMax = placesMax;
  }

  /** How many wait. */
  get length(): number {
    return this.#waiting.length;
  }

  /** Takes a place at once, or undefined. To be given back by `leave`. */
  enter(): boolean {
    if (this.#taken >= this.#placesMax() || this.#waiting.length > 0) return false;
    this.#taken++;
    return true;
  }

  /**
   * Waits for a place; `admitted` has to be given back by `leave`. The client is told its place in
   * the line each time that it changes. Never rejects.
   */
  async wait(connection: ControlConnection, ending: AbortSignal): Promise<Admission> {
    if (this.#waiting.length >= limit("places_awaited_max")) return "full";
    const { promise, resolve } = Promise.withResolvers<Admission>();
    const timeoutMs = limit("place_ms");
    const until = performance.now() + timeoutMs;
    const waiting: Waiting = { connection, settle: resolve, told: undefined, until };
    this.#waiting.push(waiting);
    this.#tell();
    const timer = setTimeout(() => resolve("timeout"), timeoutMs);
    const leave = () => resolve("gone");
    ending.addEventListener("abort", leave, { once: true });
    void connection.closed.then(leave);
    const admission = await promise;
    clearTimeout(timer);
    ending.removeEventListener("abort", leave);
    this.#waiting = this.#waiting.filter((one) => one !== waiting);
    if (admission !== "admitted") this.#tell();
    return admission;
  }

  /** Gives a place back; the first in the line gets it. */
  leave(): void {
    this.#taken--;
    this.advance();
  }

  /** Fills the places that are free, as after their number was raised. */
  advance(): void {
    while (this.#taken < this.#placesMax()) {
      const first = this.#waiting.shift();
      if (first === undefined) return;
      this.#taken++;
      first.settle("admitted");
    }
    this.#tell();
  }

  #tell(): void {
    for (const [ahead, waiting] of this.#waiting.entries()) {
      if (waiting.told === ahead || !waiting.connection.isOpen) continue;
      waiting.told = ahead;
      const timeoutMs = Math.max(0, Math.round(waiting.until - performance.now()));
      const clients = this.#placesMax();
      waiting.connection.send({ type: "placeAwaited", ahead, clients, timeoutMs });
    }
  }
}
