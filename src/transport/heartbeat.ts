/**
 * When to ping, and when to give a silent peer up. Pure: the time is passed in, in milliseconds of
 * any monotonic clock.
 */
import { limit } from "../wire/limits.ts";

/** How often `tick` is to be called: often enough that a lost peer is missed soon. */
export const heartbeatTickMs = limit("heartbeat_interval_ms") / 5;

export class Heartbeat {
  #heardMs: number;
  #pingedMs: number;
  #tickedMs: number;

  constructor(nowMs: number) {
    this.#heardMs = nowMs;
    this.#pingedMs = nowMs;
    this.#tickedMs = nowMs;
  }

  /** Anything came from the peer. */
  heard(nowMs: number): void {
    this.#heardMs = nowMs;
  }

  silentMs(nowMs: number): number {
    return nowMs - this.#heardMs;
  }

  /**
   * What to do now. When this program itself stood still, what the peer sent meanwhile may not
   * have been read yet, so the silence counts anew.
   */
  tick(nowMs: number): "ping" | "lost" | "wait" {
    const stoodStill = nowMs - this.#tickedMs > limit("heartbeat_timeout_ms") / 2;
    this.#tickedMs = nowMs;
    if (stoodStill) this.#heardMs = nowMs;
    if (this.silentMs(nowMs) >= limit("heartbeat_timeout_ms")) return "lost";
    if (nowMs - this.#pingedMs < limit("heartbeat_interval_ms")) return "wait";
    this.#pingedMs = nowMs;
    return "ping";
  }
}
