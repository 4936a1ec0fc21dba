/** The devices that wait for a person's approval: the list (pending.ts) with its time and answers. */
import type { Level } from "../../wire/pairing/level.ts";
import {
  initialPending,
  type PendingAnswer,
  type PendingEvent,
  type PendingRefusal,
  type PendingRequest,
  stepPending,
  waiting,
} from "./pending.ts";

/**
 * How waiting ended. `withdrawn`: the client is gone; `replaced`: the same device asks by a later
 * connection; `failed`: it was approved, but could not be kept.
 */
export type Settlement = "approved" | "denied" | "expired" | "withdrawn" | "replaced" | "failed";

export type WaitingEvent =
  | { readonly type: "added"; readonly request: PendingRequest }
  | {
      readonly type: "settled";
      readonly request: PendingRequest;
      readonly how: Exclude<Settlement, "replaced">;
    };

export interface Asking {
  /** Cleaned by the list. */
  readonly name: string;
  /** Ed25519, 32 bytes, proven. */
  readonly publicKey: Uint8Array;
  readonly address: string;
}

export type Asked =
  | { readonly kind: "refused"; readonly why: PendingRefusal }
  | {
      readonly kind: "waits";
      readonly request: PendingRequest;
      /** Never rejects. */
      readonly settled: Promise<Settlement>;
    };

export class WaitingRoom {
  readonly #nowMs: () => number;
  readonly #listener: (event: WaitingEvent) => void;
  readonly #settlers = new Map<number, (how: Settlement) => void>();
  #state = initialPending;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `nowMs` is of a clock that never goes back; `listener` must not throw. */
  constructor(nowMs: () => number, listener: (event: WaitingEvent) => void) {
    this.#nowMs = nowMs;
    this.#listener = listener;
  }

  /** The oldest first. */
  list(): readonly PendingRequest[] {
    this.#step({ type: "tick" });
    return waiting(this.#state);
  }

  ask(asking: Asking): Asked {
    const answer = this.#step({ type: "request", ...asking });
    if (answer.kind === "refused") return answer;
    if (answer.kind !== "added" && answer.kind !== "renewed") throw new Error(answer.kind);
    const { request } = answer;
    const { promise: settled, resolve } = Promise.withResolvers<Settlement>();
    if (answer.kind === "renewed") this.#settle(answer.replaced, "replaced");
    this.#settlers.set(request.ticket, resolve);
    if (answer.kind === "added") this.#listener({ type: "added", request });
    return { kind: "waits", request, settled };
  }

  /** The connection that asked is gone. */
  withdraw({ ticket }: PendingRequest): void {
    const answer = this.#step({ type: "withdraw", ticket });
    if (answer.kind === "withdrawn") this.#end(answer.request, "withdrawn");
  }

  /**
   * A person lets a device in, or it has been paired by other means: `keep` pairs it, and the client
   * is told when that is done. undefined: no such device waits. Rejects as `keep` does.
   */
  async approve<Kept>(
    id: string,
    level: Level,
    keep: (request: PendingRequest) => Kept | Promise<Kept>,
  ): Promise<Kept | undefined> {
    const answer = this.#step({ type: "approve", id, level });
    if (answer.kind !== "approved") return undefined;
    const { request } = answer;
    try {
      const kept = await keep(request);
      this.#end(request, "approved");
      return kept;
    } catch (error) {
      this.#end(request, "failed");
      throw error;
    }
  }

  /** Whether that device waited. */
  deny(id: string): boolean {
    const answer = this.#step({ type: "deny", id });
    if (answer.kind === "denied") this.#end(answer.request, "denied");
    return answer.kind === "denied";
  }

  /** Sends all away. */
  close(): void {
    clearTimeout(this.#timer);
    for (const request of waiting(this.#state)) this.withdraw(request);
  }

  #end(request: PendingRequest, how: Exclude<Settlement, "replaced">): void {
    this.#settle(request.ticket, how);
    this.#listener({ type: "settled", request, how });
  }

  #settle(ticket: number, how: Settlement): void {
    const settler = this.#settlers.get(ticket);
    this.#settlers.delete(ticket);
    settler?.(how);
  }

  #step(event: PendingEvent): PendingAnswer {
    const { state, answer, expired } = stepPending(this.#state, event, this.#nowMs());
    this.#state = state;
    for (const request of expired) this.#end(request, "expired");
    if (event.type !== "tick" || expired.length > 0) this.#lookInTime();
    return answer;
  }

  /** Timers may be early by the clock that counts, so it looks again. */
  #lookInTime(): void {
    clearTimeout(this.#timer);
    const next = Math.min(...waiting(this.#state).map(({ expiresMs }) => expiresMs));
    if (next === Infinity) return;
    const look = () => {
      this.#step({ type: "tick" });
      this.#lookInTime();
    };
    this.#timer = setTimeout(look, Math.max(1, next - this.#nowMs()));
    this.#timer.unref();
  }
}
