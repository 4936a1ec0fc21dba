/** Keeps a session's parity in step with what its client reports; the decisions are in policy/. */
import { type PerMille, perMille } from "../base/units.ts";
import { limit } from "../wire/limits.ts";
import {
  adaptParity,
  initialParityState,
  type LossReport,
  type ParityCause,
  type ParityEvent,
  type ParityState,
} from "./policy/adaptive-parity.ts";

export interface ParityControlOptions {
  readonly share: PerMille;
  /** A share that a person chose does not adapt. */
  readonly isPinned: boolean;
  /** Called when the share or the loss rate changes that short blocks are made for. */
  readonly setParity: (share: PerMille, lossPermille: number) => void;
}

export class ParityControl {
  readonly #setParity: ParityControlOptions["setParity"];
  #state: ParityState;

  constructor({ share, isPinned, setParity }: ParityControlOptions) {
    this.#setParity = setParity;
    this.#state = initialParityState(share, isPinned);
  }

  get share(): PerMille {
    return this.#state.share;
  }

  /** Why the share is what it is. */
  get cause(): ParityCause {
    return this.#state.cause;
  }

  hear(report: LossReport): void {
    this.#take({ type: "report", report });
  }

  /** From time to time: a client that reports nothing is noticed. */
  tick(): void {
    this.#take({ type: "tick" });
  }

  /** A wish for a share, which is cut to the limits; null lets it adapt. */
  pin(wish: number | null): void {
    this.#take({ type: "pin", share: wish === null ? null : clampParity(wish) });
  }

  #take(event: ParityEvent): void {
    const before = this.#state;
    const { state, share, loss } = adaptParity(before, event, performance.now());
    this.#state = state;
    if (share !== before.share || loss !== before.loss) this.#setParity(share, loss);
  }
}

export const clampParity = (wish: number): PerMille =>
  perMille(Math.min(limit("parity_permille_max"), Math.max(limit("parity_permille_min"), wish)));
