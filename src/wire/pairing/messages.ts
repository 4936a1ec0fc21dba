/** The messages of the PIN ceremony, as rows of the table of control messages (../control.ts). */
import { z } from "zod";
import type { Field, MessageSpec } from "../control.ts";
import { confirmationBytes, shareBytes } from "./spake2.ts";

function bytes(length: number, purpose: string): Field<z.ZodType<Uint8Array>> {
  const schema = z
    .custom<Uint8Array>((value) => value instanceof Uint8Array)
    .refine((value) => value.length === length);
  return { type: `bytes[${length}]`, purpose, schema };
}

export const pairingMessages = {
  pairStart: {
    from: "client",
    when: "opening",
    purpose: "begins the PIN ceremony: SPAKE2 by RFC 9382, the client is its A",
    fields: { share: bytes(shareBytes, "pA: a point of P-256, SEC1 uncompressed") },
  },
  pairShare: {
    from: "host",
    when: "opening",
    purpose: "answers a pairStart; nothing in it depends on the PIN that the client typed",
    fields: { share: bytes(shareBytes, "pB: a point of P-256, SEC1 uncompressed") },
  },
  pairConfirm: {
    from: "both",
    when: "opening",
    purpose: "key confirmation: the client's first; the host's, if that was right, pairs",
    fields: { confirmation: bytes(confirmationBytes, "cA of the client, cB of the host") },
  },
} as const satisfies Record<string, MessageSpec>;

export interface PairStart {
  readonly type: "pairStart";
  readonly share: Uint8Array;
}
export interface PairShare {
  readonly type: "pairShare";
  readonly share: Uint8Array;
}
export interface PairConfirm {
  readonly type: "pairConfirm";
  readonly confirmation: Uint8Array;
}
export type PairMessage = PairStart | PairShare | PairConfirm;
