/**
 * When answers leave on a link (RFC 6762 section 6): those that wait go together, those that others
 * may give too wait a moment, and none is sent to all more than once a second, however many ask.
 */
import { nameKey, type Resource } from "../../wire/discovery.ts";

/** So that the answers of several hosts do not meet. */
const [sharedMsMin, sharedMsMax] = [20, 120];
const repeatMs = 1000;
/** A name is defended faster, before its prober takes it. */
const defendMs = 250;

export interface AnswerKind {
  /** Other hosts may answer as well. */
  readonly isShared: boolean;
  /** Who asks is about to take a name. */
  readonly isProbe: boolean;
}

export class AnswerQueue {
  readonly #send: (answers: Resource[]) => void;
  readonly #due = new Map<string, { readonly record: Resource; readonly atMs: number }>();
  readonly #sentAtMs = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(send: (answers: Resource[]) => void) {
    this.#send = send;
  }

  add(answers: readonly Resource[], { isShared, isProbe }: AnswerKind): void {
    const now = performance.now();
    const delay = isShared ? sharedMsMin + Math.random() * (sharedMsMax - sharedMsMin) : 0;
    for (const record of answers) {
      const key = keyOf(record);
      const sentAtMs = this.#sentAtMs.get(key) ?? Number.NEGATIVE_INFINITY;
      const soonest = Math.max(now + delay, sentAtMs + (isProbe ? defendMs : repeatMs));
      const atMs = Math.min(soonest, this.#due.get(key)?.atMs ?? soonest);
      this.#due.set(key, { record, atMs });
    }
    this.#arm(now);
  }

  /** Forgets what waits, and what was sent. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#due.clear();
    this.#sentAtMs.clear();
  }

  #arm(now: number): void {
    clearTimeout(this.#timer);
    if (this.#due.size === 0) return;
    const first = Math.min(...[...this.#due.values()].map(({ atMs }) => atMs));
    this.#timer = setTimeout(() => this.#flush(), Math.max(0, first - now));
    this.#timer.unref();
  }

  #flush(): void {
    const now = performance.now();
    // A timer may fire a millisecond early.
    const ready = [...this.#due].filter(([, { atMs }]) => atMs <= now + 1);
    for (const [key] of ready) {
      this.#due.delete(key);
      this.#sentAtMs.set(key, now);
    }
    if (ready.length > 0) this.#send(ready.map(([, { record }]) => record));
    this.#arm(now);
  }
}

function keyOf({ type, name, data }: Resource): string {
  return `${type} ${nameKey(name)} ${typeof data === "string" ? data : ""}`;
}
