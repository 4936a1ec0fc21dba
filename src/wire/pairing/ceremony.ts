/**
 * The PIN ceremony on one connection, as a pair of pure state machines: `(state, message)` gives
 * the next state and what to send. Randomness and the PIN's scalar are passed in.
 *
 *     client                                    host
 *     pairStart(share pA)      ───────────────▶
 *                              ◀─────────────── pairShare(share pB)
 *     pairConfirm(cA)          ───────────────▶ checks cA: this is the one guess of the window
 *                              ◀─────────────── pairConfirm(cB), only where cA was right
 *     checks cB: paired                         paired
 *
 * What a guesser can learn: until cA the host has sent nothing that depends on the PIN, not even
 * whether a share suits it (K is computed with cA in hand); a wrong cA gets no cB. So each guess
 * costs one confirmation, of which a window takes one. Whoever plays the host to a client gets one
 * guess from its cA, so a client never repeats a ceremony by itself. Both identities are in the
 * transcript and this TLS connection's binding is in the confirmations: another certificate,
 * another device or someone in the middle fails as a wrong PIN does.
 */
import { timingSafeEqual } from "node:crypto";
import { assert } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { type Exporter, exporterLabels } from "../exporter.ts";
import type { PairConfirm, PairMessage, PairShare, PairStart } from "./messages.ts";
import {
  type Agreement,
  agree,
  isShare,
  type Party,
  scalarOf,
  scalarSourceBytes,
  shareOf,
} from "./spake2.ts";

export interface PairingIdentities {
  /** The device's public key, Ed25519, 32 bytes: its hello has proven it on this connection. */
  readonly device: Uint8Array;
  /** SHA-256 of the certificate that the host shows on this connection, 32 bytes. */
  readonly host: Uint8Array;
}

/** The identities of a device's key and a host's fingerprint in 64 hex digits. */
export function pairingIdentities(device: Uint8Array, fingerprint: string): PairingIdentities {
  const host = Uint8Array.from(Buffer.from(fingerprint, "hex"));
  assert(device.length === 32 && host.length === 32, "a key and a fingerprint have 32 bytes");
  return { device, host };
}

export interface CeremonyOptions {
  readonly identities: PairingIdentities;
  /** `pairingBinding` of this connection. */
  readonly binding: Uint8Array;
  /** `pinScalar` of the PIN between these identities. */
  readonly w: Secret<bigint>;
  /** Gives as many bytes as it is asked for, from the system's generator. */
  readonly randomBytes: (count: number) => Uint8Array;
}

/** Bytes of the binding. */
const bindingBytes = 32;

/** What names this very connection to the ceremony; the same on both ends, on no other one. */
export function pairingBinding(exporter: Exporter): Uint8Array {
  return exporter(exporterLabels.pairing, new Uint8Array(0), bindingBytes);
}

/**
 * Why a ceremony failed. `malformed`: a share is no point of the curve; `unexpected`: a message
 * that is not due; `mismatch`: another PIN, another identity or another connection, which nobody
 * can tell apart.
 */
export type CeremonyFailure = "malformed" | "unexpected" | "mismatch";

interface Held {
  readonly options: CeremonyOptions;
  readonly scalar: bigint;
  readonly ownShare: Uint8Array;
}
type Settled = { readonly kind: "paired" } | Failed;
interface Failed {
  readonly kind: "failed";
  readonly why: CeremonyFailure;
}

export type ClientCeremony =
  /** Waits for pairShare. */
  | { readonly kind: "started"; readonly held: Secret<Held> }
  /** Waits for the host's pairConfirm. */
  | { readonly kind: "confirming"; readonly expected: Secret<Uint8Array> }
  | Settled;

export type HostCeremony =
  /** Waits for pairStart. */
  | { readonly kind: "waiting"; readonly held: Secret<Held> }
  /** Waits for the client's pairConfirm. */
  | {
      readonly kind: "confirming";
      readonly held: Secret<Held>;
      readonly peerShare: Uint8Array;
    }
  | Settled;

export interface Step<State> {
  readonly state: State;
  readonly send?: PairMessage;
}

/** Begins on the client: sends pairStart. */
export function startPairing(options: CeremonyOptions): Step<ClientCeremony> & {
  readonly send: PairStart;
} {
  const held = hold("A", options);
  const send: PairStart = { type: "pairStart", share: held.ownShare };
  return { state: { kind: "started", held: new Secret(held) }, send };
}

/** The client's next step. A state that is settled stays as it is. */
export function stepClient(state: ClientCeremony, message: PairMessage): Step<ClientCeremony> {
  if (state.kind === "started" && message.type === "pairShare") {
    return confirmFromClient(state.held.reveal(), message);
  }
  if (state.kind === "confirming" && message.type === "pairConfirm") {
    const isRight = isEqual(message.confirmation, state.expected.reveal());
    return isRight ? { state: { kind: "paired" } } : failed("mismatch");
  }
  return isSettled(state) ? { state } : failed("unexpected");
}

function confirmFromClient(held: Held, message: PairShare): Step<ClientCeremony> {
  if (!isShare(message.share)) return failed("malformed");
  const agreement = agreementOf("A", held, message.share);
  if (agreement === undefined) return failed("mismatch");
  const { A, B } = agreement.confirmations;
  const send: PairConfirm = { type: "pairConfirm", confirmation: A };
  return { state: { kind: "confirming", expected: new Secret(B) }, send };
}

/** The host before the client's first message; `w` is of the PIN that is armed now. */
export function awaitPairing(options: CeremonyOptions): HostCeremony {
  return { kind: "waiting", held: new Secret(hold("B", options)) };
}

/**
 * The host's next step. Where the result's state is `paired` or failed for `mismatch`, a guess was
 * made: it must use up the window before anything is sent. A state that is settled stays as it is.
 */
export function stepHost(state: HostCeremony, message: PairMessage): Step<HostCeremony> {
  if (state.kind === "waiting" && message.type === "pairStart") {
    if (!isShare(message.share)) return failed("malformed");
    const send: PairShare = { type: "pairShare", share: state.held.reveal().ownShare };
    const peerShare = message.share.slice();
    return { state: { kind: "confirming", held: state.held, peerShare }, send };
  }
  if (state.kind === "confirming" && message.type === "pairConfirm") {
    return confirmFromHost(state.held.reveal(), state.peerShare, message);
  }
  return isSettled(state) ? { state } : failed("unexpected");
}

function confirmFromHost(
  held: Held,
  peerShare: Uint8Array,
  message: PairConfirm,
): Step<HostCeremony> {
  const agreement = agreementOf("B", held, peerShare);
  if (agreement === undefined) return failed("mismatch");
  const { A, B } = agreement.confirmations;
  if (!isEqual(message.confirmation, A)) return failed("mismatch");
  return { state: { kind: "paired" }, send: { type: "pairConfirm", confirmation: B } };
}

function hold(party: Party, options: CeremonyOptions): Held {
  assert(options.binding.length === bindingBytes, "a channel binding has 32 bytes");
  const scalar = scalarOf(options.randomBytes(scalarSourceBytes));
  const ownShare = shareOf({ party, w: options.w.reveal(), scalar });
  return { options, scalar, ownShare };
}

function agreementOf(party: Party, held: Held, peerShare: Uint8Array): Agreement | undefined {
  const { identities, binding, w } = held.options;
  return agree({
    party,
    w: w.reveal(),
    scalar: held.scalar,
    ownShare: held.ownShare,
    peerShare,
    identities: { A: identities.device, B: identities.host },
    additional: Buffer.concat([Buffer.from("punktfunk/1 pairing\0"), binding]),
  });
}

const isSettled = (state: ClientCeremony | HostCeremony) =>
  state.kind === "paired" || state.kind === "failed";

function failed(why: CeremonyFailure): { readonly state: Failed } {
  return { state: { kind: "failed", why } };
}

function isEqual(one: Uint8Array, two: Uint8Array): boolean {
  return one.length === two.length && timingSafeEqual(one, two);
}
