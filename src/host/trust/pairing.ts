/**
 * The host's side of pairing by PIN, where the window (window.ts), the ceremony of each connection
 * (src/wire/pairing/ceremony.ts) and the store of devices (devices.ts) meet. A guess uses up the
 * window before anything is answered, and a device is on disk before it is told that it is paired.
 */
import type { Exporter } from "../../wire/exporter.ts";
import {
  awaitPairing,
  type CeremonyFailure,
  type HostCeremony,
  pairingBinding,
  pairingIdentities,
  stepHost,
} from "../../wire/pairing/ceremony.ts";
import type { Level } from "../../wire/pairing/level.ts";
import type { PairMessage } from "../../wire/pairing/messages.ts";
import { pinScalar } from "../../wire/pairing/pin.ts";
import type { DeviceStore, PairedDevice } from "./devices.ts";
import {
  type ArmedWindow,
  initialWindow,
  stepWindow,
  type WindowAnswer,
  type WindowEnd,
  type WindowEvent,
  type WindowRefusal,
} from "./window.ts";

export interface PairingDeskOptions {
  /** Of the host's certificate, 64 hex digits. */
  readonly fingerprint: string;
  readonly devices: Pick<DeviceStore, "add">;
  /** Of [0, below); node:crypto's. */
  readonly randomInt: (below: number) => number;
  /** node:crypto's. */
  readonly randomBytes: (count: number) => Uint8Array;
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs: () => number;
}

export type PairingEvent =
  | { readonly type: "armed"; readonly window: ArmedWindow }
  | { readonly type: "ended"; readonly how: WindowEnd };

/** A client that wants to pair, as its connection and its hello show it. */
export interface PairingPeer {
  readonly address: string;
  /** Proven by the hello of this connection. */
  readonly publicKey: Uint8Array;
  readonly name: string;
  readonly exporter: Exporter;
}

export type PairingRefusal = CeremonyFailure | WindowRefusal;

export type PairingResult =
  /** Send this and wait for the next message. */
  | { readonly kind: "continue"; readonly send: PairMessage }
  /** Send this: the device is in the store. */
  | { readonly kind: "paired"; readonly send: PairMessage; readonly device: PairedDevice }
  /** End the connection; `message` is for the person at the client. */
  | { readonly kind: "refused"; readonly why: PairingRefusal; readonly message: string };

const again = "Arm the host again for a new PIN: punktfunk host arm.";
const sentences: Record<PairingRefusal, string> = {
  closed: "The host is not armed for pairing. Arm it first: punktfunk host arm.",
  expired: `The PIN's time is over. ${again}`,
  burnt: `The PIN was used up by a wrong guess. ${again}`,
  used: `The PIN was used already. ${again}`,
  disarmed: `Pairing was switched off on the host. ${again}`,
  limited: "There were too many attempts to pair. Wait a minute, then try again.",
  malformed: "The client's share is not a point of the curve.",
  unexpected: "A message of the pairing came out of turn.",
  mismatch: `The PIN is wrong, or something stands between the two machines. ${again}`,
};

export class PairingDesk {
  readonly #options: PairingDeskOptions;
  readonly #listeners = new Set<(event: PairingEvent) => void>();
  #state = initialWindow;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PairingDeskOptions) {
    this.#options = options;
  }

  /** Shows a new PIN, for two minutes unless told otherwise; an earlier one is void. */
  arm(options: { readonly level: Level; readonly durationMs?: number }): ArmedWindow {
    const { randomInt } = this.#options;
    this.#step({ type: "arm", randomInt, ...options });
    const window = this.#state.armed as ArmedWindow;
    this.#expireInTime(window);
    this.#tell({ type: "armed", window });
    return window;
  }

  disarm(): void {
    this.#step({ type: "disarm" });
  }

  /** The window that is armed now. */
  get armed(): ArmedWindow | undefined {
    this.#step({ type: "tick" });
    return this.#state.armed;
  }

  /** How the last window ended, where none is armed. */
  get ended(): WindowEnd | undefined {
    return this.#state.ended;
  }

  /** Listeners must not throw. Returns how to stop it. */
  subscribe(listener: (event: PairingEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The ceremony of one connection: call what it returns for each pairing message in turn. */
  begin(peer: PairingPeer): (message: PairMessage) => Promise<PairingResult> {
    let ceremony: HostCeremony | undefined;
    let window: ArmedWindow | undefined;
    let isBusy = false;
    const receive = async (message: PairMessage): Promise<PairingResult> => {
      if (ceremony === undefined) {
        const answer = this.#step({ type: "attempt", address: peer.address });
        if (answer.kind !== "accepted") return refusedBy(answer);
        window = answer.window;
        ceremony = await this.#ceremonyOf(peer, window);
      }
      const { state, send } = stepHost(ceremony, message);
      const isGuess = isFirstVerdict(ceremony, state);
      ceremony = state;
      const isRight = state.kind === "paired";
      if (isGuess && window !== undefined) {
        const answer = this.#step({ type: "guess", window: window.id, isRight });
        if (answer.kind !== "accepted") return refusedBy(answer);
      }
      if (state.kind === "failed" || send === undefined || window === undefined) {
        return refused(state.kind === "failed" ? state.why : "unexpected");
      }
      if (!isRight) return { kind: "continue", send };
      const { publicKey, name } = peer;
      const device = await this.#options.devices.add(
        { publicKey, name, level: window.level },
        new Date(),
      );
      return { kind: "paired", send, device };
    };
    return async (message) => {
      if (isBusy) return refused("unexpected");
      isBusy = true;
      try {
        return await receive(message);
      } finally {
        isBusy = false;
      }
    };
  }

  async #ceremonyOf(peer: PairingPeer, window: ArmedWindow): Promise<HostCeremony> {
    const { fingerprint, randomBytes } = this.#options;
    const identities = pairingIdentities(peer.publicKey, fingerprint);
    const w = await pinScalar(window.pin.reveal(), identities);
    return awaitPairing({ identities, w, randomBytes, binding: pairingBinding(peer.exporter) });
  }

  /** Timers may be early by the clock that counts, so it looks again. */
  #expireInTime(window: ArmedWindow): void {
    const look = () => {
      this.#step({ type: "tick" });
      if (this.#state.armed === window) this.#expireInTime(window);
    };
    clearTimeout(this.#timer);
    this.#timer = setTimeout(look, Math.max(1, window.expiresMs - this.#options.nowMs()));
    this.#timer.unref();
  }

  #step(event: WindowEvent): WindowAnswer {
    const before = this.#state;
    const { state, answer } = stepWindow(before, event, this.#options.nowMs());
    this.#state = state;
    if (before.armed !== undefined && state.armed !== before.armed) {
      clearTimeout(this.#timer);
      if (state.ended !== undefined) this.#tell({ type: "ended", how: state.ended });
    }
    return answer;
  }

  #tell(event: PairingEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

/** Whether a step judged the client's confirmation. */
function isFirstVerdict(before: HostCeremony, after: HostCeremony): boolean {
  if (before.kind !== "confirming") return false;
  return after.kind === "paired" || (after.kind === "failed" && after.why === "mismatch");
}

function refusedBy(answer: WindowAnswer): PairingResult {
  return refused(answer.kind === "refused" ? answer.why : "closed");
}

function refused(why: PairingRefusal): PairingResult {
  return { kind: "refused", why, message: sentences[why] };
}
