/** What the host tells as it changes, and the newest of each kind. */
import type { EventName, EventOf } from "../../wire/management.ts";
import { ApiError, call, prefix, request } from "./api.ts";
import { EventStreamParser } from "./event-stream.ts";

export type Connection =
  | { readonly state: "connecting" | "live" }
  | { readonly state: "lost"; readonly retryAtMs: number };

type Listener<Name extends EventName> = (event: EventOf<Name>) => void;

/** The first try is at once, for a host that only started again; then it is left in peace. */
const backOffMs = [500, 1000, 2000, 4000, 8000, 15_000] as const;
/** A connection that died without a word is noticed by asking when it is silent for this long. */
const silenceMs = 20_000;

/** How long to wait after so many failures in a row; `random` in 0…1 keeps pages apart. */
export function retryDelayMs(failures: number, random: number): number {
  const step = backOffMs[Math.min(failures, backOffMs.length) - 1] ?? 0;
  return Math.round(step * (0.75 + random / 2));
}

export class Feed {
  readonly #live = new Set<() => void>();
  readonly #listeners = new Map<EventName, Set<Listener<never>>>();
  readonly #newest: { [Name in EventName]?: EventOf<Name> } = {};
  readonly #onConnection: (connection: Connection) => void;
  #retryNow: () => void = () => {};
  #silence: ReturnType<typeof setTimeout> | undefined;

  /** Starts at once. */
  constructor(onConnection: (connection: Connection) => void) {
    this.#onConnection = onConnection;
    void this.#run();
  }

  /** Calls back for each event of a kind, first with the newest one that came already. */
  on<Name extends EventName>(name: Name, listener: Listener<Name>): void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener as Listener<never>);
    const newest = this.#newest[name] as EventOf<Name> | undefined;
    if (newest !== undefined && name !== "log") listener(newest);
  }

  /** Calls back each time that the host is heard again, for what it does not tell anew. */
  onLive(listener: () => void): void {
    this.#live.add(listener);
  }

  newest<Name extends EventName>(name: Name): EventOf<Name> | undefined {
    return this.#newest[name] as EventOf<Name> | undefined;
  }

  /** Hands out what a call answered, when that is sooner than the event. */
  tell<Name extends EventName>(name: Name, event: EventOf<Name>): void {
    (this.#newest as Record<EventName, unknown>)[name] = event;
    for (const listener of this.#listeners.get(name) ?? []) (listener as Listener<Name>)(event);
  }

  /** Ends the wait before the next try. */
  retry(): void {
    this.#retryNow();
  }

  async #run(): Promise<void> {
    let failures = 0;
    this.#onConnection({ state: "connecting" });
    for (;;) {
      const broken = new AbortController();
      try {
        await this.#listen(broken, () => {
          failures = 0;
          this.#onConnection({ state: "live" });
          for (const listener of this.#live) listener();
        });
      } catch (error) {
        if (error instanceof ApiError && error.code === "unauthenticated") return;
      }
      clearTimeout(this.#silence);
      failures += 1;
      const delayMs = retryDelayMs(failures, Math.random());
      this.#onConnection({ state: "lost", retryAtMs: performance.now() + delayMs });
      await this.#pause(delayMs);
    }
  }

  async #listen(broken: AbortController, opened: () => void): Promise<void> {
    this.#watch(broken);
    const response = await request(`${prefix}/events`, {
      headers: { accept: "text/event-stream" },
      signal: broken.signal,
    });
    if (response.body === null) return;
    const parser = new EventStreamParser();
    // Not every browser lets a stream be iterated.
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let isOpen = false;
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.#watch(broken);
      // An answer that ends before it says anything is one more failure.
      if (!isOpen) opened();
      isOpen = true;
      for (const { name, data } of parser.push(value)) {
        this.tell(name as EventName, JSON.parse(data));
      }
    }
  }

  #watch(broken: AbortController): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      const late = setTimeout(() => broken.abort(), 5000);
      call("signedIn")
        .then(
          () => this.#watch(broken),
          () => broken.abort(),
        )
        .finally(() => clearTimeout(late));
    }, silenceMs);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#retryNow = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
