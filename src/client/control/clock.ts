/** Rounds of probe and echo with the host: right after Start, and again all through the stream. */
import { isIPv4 } from "node:net";
import type { Nanos } from "../../base/units.ts";
import type { MessageOf } from "../../wire/control.ts";
import { limit } from "../../wire/limits.ts";
import { type ClockEstimate, ClockEstimator } from "./clock-estimate.ts";

export interface ClockSyncOptions {
  readonly send: (probe: MessageOf<"clockProbe">) => void;
  /** CLOCK_MONOTONIC, the clock of every native time. */
  readonly nowNs: () => Nanos;
  /** The host runs on this machine, as its address says: both ends then read one clock. */
  readonly isSameMachine?: boolean;
}

const magnitude = (value: bigint) => (value < 0n ? -value : value);

/** Whether an address is one that only this machine has. */
export function isLoopback(address: string): boolean {
  const bare = address.replace(/^::ffff:/i, "");
  return bare === "::1" || (isIPv4(bare) && bare.startsWith("127."));
}

/** Between bursts of rounds: soon after the first, so that the drift becomes known, then seldom. */
const pausesMs = [250, 500, 1000];
const pauseMs = 2000;
const roundsLater = 3;
/** At 600 parts in a million the offset moves by 60 µs in this time. */
const driftMs = 100;

/** Runs rounds over a connection, whose owner hands on each clockEcho. */
export class ClockSync {
  readonly #options: ClockSyncOptions;
  readonly #estimator = new ClockEstimator();
  #id = 0;
  #pending: { readonly id: number; readonly sentNs: Nanos; readonly done: () => void } | undefined;
  #stop: (() => void) | undefined;
  #end: (() => void) | undefined;
  #isClosed = false;

  constructor(options: ClockSyncOptions) {
    this.#options = options;
  }

  /**
   * What is known now; null before the first good round. On one machine the offset is exactly 0,
   * unless the rounds contradict that: a clock namespace of a container is another clock.
   */
  get estimate(): ClockEstimate | null {
    const estimate = this.#estimator.at(this.#options.nowNs());
    if (estimate === null || this.#options.isSameMachine !== true) return estimate;
    const isOneClock = magnitude(estimate.offsetNs) <= estimate.errorNs;
    return isOneClock && !estimate.isSuspect
      ? { ...estimate, offsetNs: 0n, errorNs: 0n }
      : estimate;
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

  /**
   * Keeps up with the host's clock until `close`: the first rounds at once, then some from time to
   * time. `onEstimate` hears what is known after each, and between them as the drift goes on; null
   * while nothing is, as when the clocks contradict themselves. A host that did not answer the
   * first rounds is not asked again.
   */
  async follow(onEstimate: (estimate: ClockEstimate | null) => void): Promise<void> {
    const tell = () => {
      const { estimate } = this;
      onEstimate(estimate?.isSuspect === true ? null : estimate);
    };
    const first = await this.synchronise();
    tell();
    if (first === null) return;
    const drifting = setInterval(tell, driftMs);
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    this.#end = resolve;
    try {
      for (let burst = 0; !this.#isClosed; burst++) {
        const wait = Promise.withResolvers<void>();
        const timer = setTimeout(wait.resolve, pausesMs[burst] ?? pauseMs);
        await Promise.race([wait.promise, closed]);
        clearTimeout(timer);
        if (this.#isClosed) return;
        await this.synchronise(this.estimate?.isSuspect === true ? undefined : roundsLater);
        tell();
      }
    } finally {
      clearInterval(drifting);
    }
  }

  /** A frame came before it can have been sent: what is known of the clocks is wrong. */
  contradict(): void {
    this.#estimator.contradict();
  }

  /** Ends the rounds that run, and those to come. */
  close(): void {
    this.#isClosed = true;
    this.#stop?.();
    this.#end?.();
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
