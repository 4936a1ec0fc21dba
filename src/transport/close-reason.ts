/** How a control connection ended, and what that means to a person. */
import { PfError } from "../base/errors.ts";
import { reasonError } from "../wire/reasons.ts";

export type CloseReason =
  /** One end said goodbye. `reason` is a name of src/wire/reasons.ts, or one of a newer peer. */
  | {
      readonly kind: "bye";
      readonly by: "peer" | "us";
      readonly reason: string;
      readonly message: string;
    }
  /** The peer fell silent. */
  | { readonly kind: "lost"; readonly error: PfError }
  /** A rule was broken, or something failed. */
  | { readonly kind: "error"; readonly error: PfError };

/** The failure that an ending is, or null when it is none. */
export function closeError(close: CloseReason): PfError | null {
  if (close.kind !== "bye") return close.error;
  return close.by === "us" ? null : reasonError(close);
}

/** The same where going on is impossible whatever the reason was. */
export function closeErrorAlways(close: CloseReason): PfError {
  return closeError(close) ?? new PfError("PF_PEER_LOST", "The connection was closed.");
}
