/**
 * Why a connection ends, as one end tells the other: in Refuse and Bye by name, in QUIC's close
 * frame by number. They are a type of their own: what a peer says is never one of our error codes.
 * `reasonError` is the only place where the one becomes the other.
 */
import { PfError, type PfErrorCode } from "../base/errors.ts";

/** Numbers never change their meaning; new ones go last. 0 is what QUIC sends without a reason. */
export const reasons = {
  done: [1, "the session has done what it was asked for"],
  interrupted: [2, "a person stopped it"],
  "shutting-down": [3, "the host ends"],
  version: [4, "the two speak different versions of punktfunk"],
  mode: [5, "the display mode can't be had"],
  codec: [6, "the two have no codec in common"],
  encoder: [7, "no encoder could be opened, or it failed"],
  source: [8, "there is nothing to capture, or the capture failed"],
  busy: [9, "the host serves as many as it can"],
  "device-signature": [10, "the device could not prove who it is"],
  "not-trusted": [11, "the client does not trust the host's certificate"],
  replaced: [12, "another session of the same device took over"],
  idle: [13, "a message that was due did not come in time"],
  protocol: [14, "a message broke the rules of the protocol"],
  "peer-lost": [15, "nothing was heard from the other end for too long"],
  slow: [16, "the other end does not read what it is sent"],
  internal: [17, "an error inside the program"],
  "pairing-required": [18, "the host serves paired devices only"],
  "pairing-failed": [19, "the pairing did not succeed"],
  denied: [20, "a person sent this device away"],
  "approval-timeout": [21, "nobody let this device in in time"],
  revoked: [22, "the device is no longer paired, or its time is over"],
  kicked: [23, "the host's operator ended the session"],
} as const satisfies Record<string, readonly [number, string]>;

export type Reason = keyof typeof reasons;

/** Endings that nobody calls a failure. */
const goodEndings: ReadonlySet<string> = new Set<Reason>(["done", "interrupted"]);

const codeByReason: Record<Exclude<Reason, "done" | "interrupted">, PfErrorCode> = {
  "shutting-down": "PF_PEER_LOST",
  version: "PF_PROTOCOL_VERSION",
  mode: "PF_MODE_INVALID",
  codec: "PF_HOST_REFUSED",
  encoder: "PF_ENCODER_MISSING",
  source: "PF_SOURCE_FAILED",
  busy: "PF_HOST_BUSY",
  "device-signature": "PF_HOST_REFUSED",
  "not-trusted": "PF_FINGERPRINT_UNKNOWN",
  replaced: "PF_HOST_REFUSED",
  idle: "PF_PEER_LOST",
  protocol: "PF_PROTOCOL_VIOLATION",
  "peer-lost": "PF_PEER_LOST",
  slow: "PF_PEER_LOST",
  internal: "PF_HOST_REFUSED",
  "pairing-required": "PF_PAIRING_REQUIRED",
  "pairing-failed": "PF_PAIRING_FAILED",
  denied: "PF_PAIRING_REQUIRED",
  "approval-timeout": "PF_PAIRING_REQUIRED",
  revoked: "PF_PAIRING_REQUIRED",
  kicked: "PF_HOST_REFUSED",
};

const hints: Partial<Record<Reason, string>> = {
  version: "Install the same version of punktfunk on both machines.",
  busy: "Try again when another session has ended.",
  internal: "The other end's log says more.",
};

/** The reason of a close frame's number, or undefined for one that this version does not know. */
export function reasonOfNumber(number: number): Reason | undefined {
  const found = Object.entries(reasons).find(([, [value]]) => value === number);
  return found?.[0] as Reason | undefined;
}

/** Whether a name from the peer is a reason that this version knows. */
export function isReason(name: string): name is Reason {
  return Object.hasOwn(reasons, name);
}

export interface PeerWords {
  /** As the peer named it; a name that this version does not know is kept. */
  readonly reason: string;
  /** The peer's sentence for a person; may be empty. */
  readonly message: string;
}

/** What a peer's refusal or goodbye means here: null for a good ending. */
export function reasonError({ reason, message }: PeerWords): PfError | null {
  if (goodEndings.has(reason)) return null;
  const sentence =
    message !== ""
      ? message
      : isReason(reason)
        ? `The other end closed the connection: ${reasons[reason][1]}.`
        : `The other end closed the connection for the reason "${reason}".`;
  if (!isReason(reason)) {
    return new PfError("PF_HOST_REFUSED", sentence, {
      hint: "This version of punktfunk does not know that reason: install the other end's version.",
    });
  }
  const hint = hints[reason];
  const code = codeByReason[reason as keyof typeof codeByReason];
  return new PfError(code, sentence, hint === undefined ? {} : { hint });
}
