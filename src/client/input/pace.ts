/**
 * Keeps text within what a host takes of it, so that a long paste arrives whole: what is too much
 * now waits, and with it every key behind it, in order.
 */
import { textAllowance } from "../../wire/text.ts";
import type { InputMessage } from "./input.ts";

export interface Clock {
  readonly nowMs: () => number;
  /** Calls back once; returns how to take it back. */
  readonly after: (ms: number, call: () => void) => () => void;
}

const ownClock: Clock = {
  nowMs: () => performance.now(),
  after: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

/** Below the host's allowance, whose clock may run slower and which sees messages bunched. */
const share = 0.9;
const perMs = (share * textAllowance.perSecond) / 1000;
const burst = share * textAllowance.burst;

export class PacedSender {
  readonly #send: (message: InputMessage) => void;
  readonly #clock: Clock;
  readonly #waiting: InputMessage[] = [];
  #characters = burst;
  #atMs: number;
  #cancel: (() => void) | undefined;

  constructor(send: (message: InputMessage) => void, clock: Clock = ownClock) {
    this.#send = send;
    this.#clock = clock;
    this.#atMs = clock.nowMs();
  }

  /** At once, or in its turn: keys and text behind text that waits, everything else never. */
  send(message: InputMessage): void {
    const isOrdered = message.type === "key" || message.type === "text";
    if (isOrdered && (this.#waiting.length > 0 || this.#missing(message) > 0)) {
      this.#waiting.push(message);
      this.#wait();
    } else {
      this.#pass(message);
    }
  }

  /** Drops what waits. */
  close(): void {
    this.#waiting.length = 0;
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #pass(message: InputMessage): void {
    if (message.type === "text") this.#characters -= costOf(message.text);
    this.#send(message);
  }

  /** Characters that the host does not take yet. */
  #missing(message: InputMessage): number {
    if (message.type !== "text") return 0;
    const now = this.#clock.nowMs();
    this.#characters = Math.min(burst, this.#characters + (now - this.#atMs) * perMs);
    this.#atMs = now;
    // A text that is longer than any burst is the host's to refuse.
    return Math.min(costOf(message.text), burst) - this.#characters;
  }

  #wait(): void {
    if (this.#cancel !== undefined) return;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      const missing = this.#missing(first);
      if (missing > 0) {
        this.#cancel = this.#clock.after(Math.ceil(missing / perMs), () => {
          this.#cancel = undefined;
          this.#wait();
        });
        return;
      }
      this.#waiting.shift();
      this.#pass(first);
    }
  }
}

/** As the host counts: characters, not bytes. */
const costOf = (text: string): number => [...text].length;
