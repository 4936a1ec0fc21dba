/**
 * What the host's clock says in terms of ours. Of some rounds of probe and echo the one of least
 * round trip counts (RFC 5905 section 8 has the arithmetic): whatever the path did to it, its
 * offset is wrong by at most half of its round trip.
 */
import { isIPv4 } from "node:net";
import type { Nanos } from "../../base/units.ts";
import type { MessageOf } from "../../wire/control.ts";
import { limit } from "../../wire/limits.ts";

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
  readonly rttNs: Nanos;
  /** Rounds contradict each other: one of the clocks was set or stood still. */
  readonly isSuspect: boolean;
}

/** Two crystals differ by less than this: 100 parts in a million, as 100 µs a second. */
const driftPerMillion = 100n;
/** A later round counts when its round trip is near the least one seen: that, half more, 50 µs. */
const nearFloor = (rttNs: Nanos, floorNs: Nanos) => rttNs <= floorNs + floorNs / 2n + 50_000n;

/** Takes rounds as they come and keeps what is known of the offset. Pure. */
export class ClockEstimator {
  #best: (ClockEstimate & { readonly atNs: Nanos }) | undefined;
  #floorNs: Nanos | undefined;

  /** What is known now; null before the first good round. */
  get estimate(): ClockEstimate | null {
    if (this.#best === undefined) return null;
    const { offsetNs, errorNs, rttNs, isSuspect } = this.#best;
    return { offsetNs, errorNs, rttNs, isSuspect };
  }

  /** False when the round is impossible or too slow to teach anything. */
  add(sample: ClockSample): boolean {
    const { clientSentNs, hostReceivedNs, hostSentNs, clientReceivedNs } = sample;
    const rttNs = clientReceivedNs - clientSentNs - (hostSentNs - hostReceivedNs);
    if (rttNs < 0n || hostSentNs < hostReceivedNs) return false;
    const offsetNs = (clientSentNs - hostReceivedNs + (clientReceivedNs - hostSentNs)) / 2n;
    const fresh = { offsetNs, rttNs, errorNs: (rttNs + 1n) / 2n, atNs: clientReceivedNs };
    if (this.#floorNs === undefined || rttNs < this.#floorNs) this.#floorNs = rttNs;
    const best = this.#best;
    if (best === undefined) {
      this.#best = { ...fresh, isSuspect: false };
      return true;
    }
    if (!nearFloor(rttNs, this.#floorNs)) return false;
    const ageNs = fresh.atNs - best.atNs;
    const agedErrorNs = best.errorNs + (ageNs * driftPerMillion) / 1_000_000n;
    const apartNs = magnitude(offsetNs - best.offsetNs);
    const isSuspect = apartNs > agedErrorNs + fresh.errorNs;
    // An old round loses to a new one as its clock drifts away.
    if (isSuspect || fresh.errorNs <= agedErrorNs) this.#best = { ...fresh, isSuspect };
    return true;
  }
}

const magnitude = (value: bigint) => (value < 0n ? -value : value);

export interface ClockSyncOptions {
  readonly send: (probe: MessageOf<"clockProbe">) => void;
  /** CLOCK_MONOTONIC, the clock of every native time. */
  readonly nowNs: () => Nanos;
  /** The host runs on this machine, as its address says: both ends then read one clock. */
  readonly isSameMachine?: boolean;
}

/** Whether an address is one that only this machine has. */
export function isLoopback(address: string): boolean {
  const bare = address.replace(/^::ffff:/i, "");
  return bare === "::1" || (isIPv4(bare) && bare.startsWith("127."));
}

/** Runs rounds over a connection, whose owner hands on each clockEcho. */
export class ClockSync {
  readonly #options: ClockSyncOptions;
  readonly #estimator = new ClockEstimator();
  #id = 0;
  #pending: { readonly id: number; readonly sentNs: Nanos; readonly done: () => void } | undefined;
  #stop: (() => void) | undefined;

  constructor(options: ClockSyncOptions) {
    this.#options = options;
  }

  /**
   * What is known now; null before the first good round. On one machine the offset is exactly 0,
   * unless the rounds contradict that: a clock namespace of a container is another clock.
   */
  get estimate(): ClockEstimate | null {
    const estimate = this.#estimator.estimate;
    if (estimate === null || this.#options.isSameMachine !== true) return estimate;
    const isOneClock = magnitude(estimate.offsetNs) <= estimate.errorNs;
    return isOneClock ? { ...estimate, offsetNs: 0n, errorNs: 0n } : estimate;
  }

  /** To be called as soon as the echo comes. Echoes that nobody waits for are ignored. */
  take(echo: MessageOf<"clockEcho">): void {
    const clientReceivedNs = this.#options.nowNs();
    const pending = this.#pending;
    if (pending === undefined || echo.id !== pending.id) return;
    this.#pending = undefined;
    const { hostReceivedNs, hostSentNs } = echo;
    this.#estimator.add({
      clientSentNs: pending.sentNs,
      hostReceivedNs,
      hostSentNs,
      clientReceivedNs,
    });
    pending.done();
  }

  /**
   * Runs the rounds one after another: right after Start, and again in mid-stream. A host that
   * does not answer costs `clock_timeout_ms` altogether. Resolves to what is known then, or null.
   */
  async synchronise(rounds = limit("clock_rounds")): Promise<ClockEstimate | null> {
    const { promise: stopped, resolve: stop } = Promise.withResolvers<"stopped">();
    this.#stop = () => stop("stopped");
    const timer = setTimeout(this.#stop, limit("clock_timeout_ms"));
    try {
      for (let round = 0; round < rounds; round++) {
        if ((await Promise.race([this.#round(), stopped])) === "stopped") break;
      }
    } finally {
      clearTimeout(timer);
      this.#pending = undefined;
    }
    return this.estimate;
  }

  /** Ends the rounds that run. */
  close(): void {
    this.#stop?.();
  }

  #round(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const id = ++this.#id;
    const sentNs = this.#options.nowNs();
    this.#pending = { id, sentNs, done: resolve };
    this.#options.send({ type: "clockProbe", id, clientNs: sentNs });
    return promise;
  }
}
