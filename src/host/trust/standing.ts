/** What one connected client may do, for as long as it is connected: it follows every change. */
import { type Action, allows, type Level } from "../../wire/pairing/level.ts";
import type { PairedDevice } from "./devices.ts";

/** How a standing changed: the device may do something else, or nothing any more. */
export type StandingChange = "level" | "revoked";

/** An expiry is looked at this often at least, so that a clock that was set is noticed. */
const lookMs = 1000;

export interface StandingHooks {
  /** Judges the device anew: paired, not paired but served, or not served. */
  readonly judge: () => PairedDevice | null | undefined;
  readonly left: () => void;
}

export class Standing {
  /** Ed25519, 32 bytes, proven on the connection. */
  readonly publicKey: Uint8Array;
  readonly #hooks: StandingHooks;
  #device: PairedDevice | null;
  #isRevoked = false;
  #listener: ((change: StandingChange) => void) | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(publicKey: Uint8Array, device: PairedDevice | null, hooks: StandingHooks) {
    this.publicKey = publicKey;
    this.#device = device;
    this.#hooks = hooks;
    this.#watchExpiry();
  }

  /** null: it is not paired, and the host serves such devices. */
  get device(): PairedDevice | null {
    return this.#device;
  }

  get level(): Level | null {
    return this.#device?.level ?? null;
  }

  /** A device that is not paired may do all but manage; one that was revoked nothing. */
  may(action: Action): boolean {
    if (this.#isRevoked) return false;
    return this.#device === null ? action !== "manage" : allows(this.#device.level, action);
  }

  get isRevoked(): boolean {
    return this.#isRevoked;
  }

  /** Calls `listener` on each change from now on, and at once if it is revoked; it must not throw. */
  onChange(listener: (change: StandingChange) => void): void {
    this.#listener = listener;
    if (this.#isRevoked) listener("revoked");
  }

  /** Looks again at what is known of the device. */
  review(): void {
    if (this.#isRevoked) return;
    const before = this.#device;
    const now = this.#hooks.judge();
    // Who was paired and is no more goes, also where strangers are served.
    if (now === undefined || (now === null && before !== null)) {
      this.#isRevoked = true;
      clearTimeout(this.#timer);
      this.#listener?.("revoked");
      return;
    }
    this.#device = now;
    this.#watchExpiry();
    if (now?.level !== before?.level) this.#listener?.("level");
  }

  /** The client is gone. May be called again. */
  leave(): void {
    clearTimeout(this.#timer);
    this.#listener = undefined;
    this.#hooks.left();
  }

  #watchExpiry(): void {
    clearTimeout(this.#timer);
    const expiresAt = this.#device?.expiresAt ?? null;
    if (expiresAt === null) return;
    const leftMs = Date.parse(expiresAt) - Date.now();
    this.#timer = setTimeout(() => this.review(), Math.max(1, Math.min(leftMs, lookMs)));
    this.#timer.unref();
  }
}
