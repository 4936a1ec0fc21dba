/**
 * SPAKE2 by RFC 9382, ciphersuite SPAKE2-P256-SHA256-HKDF-SHA256-HMAC-SHA256: two parties that know
 * the same short secret agree on a key; who does not know it learns only whether one guess a run
 * was right. Pure: the ephemeral scalars are passed in. None of them, nor `w`, may be logged.
 */
import { createHash, createHmac, hkdfSync } from "node:crypto";
import { p256 } from "@noble/curves/nist.js";
import { assert } from "../../base/errors.ts";

/** A starts (punktfunk: the client), B answers (the host). */
export type Party = "A" | "B";

/** Bytes of a share: a point in SEC1's uncompressed form. */
export const shareBytes = 65;
/** Bytes of a confirmation. */
export const confirmationBytes = 32;
/** Random bytes from which `scalarOf` makes a scalar: 64 bits more than it needs, and to spare. */
export const scalarSourceBytes = 48;

const Point = p256.Point;
type Point = typeof Point.BASE;
const order = Point.Fn.ORDER;
const scalarBytes = Point.Fn.BYTES;

/** The points M (of A) and N (of B) of RFC 9382, section 6; nobody knows their logarithms. */
const blinds: Readonly<Record<Party, Point>> = {
  A: Point.fromHex("02886e2f97ace46e55ba9dd7242579f2993b64e16ef3dcab95afd497333d8fa12f"),
  B: Point.fromHex("03d8bbd6c639c62937b04d997f38c3770719c629d7014d49a24b4f98baa1292b49"),
};

const other = (party: Party): Party => (party === "A" ? "B" : "A");

/**
 * A scalar of 1 … order - 1 of uniform bytes. They exceed the order by at least 64 bits, as
 * section 3.2 asks for, so that reducing them shows no bias.
 */
export function scalarOf(bytes: Uint8Array): bigint {
  assert(bytes.length >= scalarBytes + 8, "a scalar takes 64 bits more than the order has");
  return (BigInt(`0x${Buffer.from(bytes).toString("hex")}`) % (order - 1n)) + 1n;
}

export interface Secrets {
  readonly party: Party;
  /** The short secret as a scalar, 1 … order - 1. */
  readonly w: bigint;
  /** x of A, y of B: random, for this run alone, 1 … order - 1. */
  readonly scalar: bigint;
}

/** This party's share: w·M + x·P of A, w·N + y·P of B (section 3.3). */
export function shareOf({ party, w, scalar }: Secrets): Uint8Array {
  return blinds[party].multiply(w).add(Point.BASE.multiply(scalar)).toBytes(false);
}

/**
 * Whether bytes are a share: of its length, in uncompressed form, on the curve and not its neutral
 * element. The group's order is prime, so there is no small subgroup to guard against (h = 1).
 */
export function isShare(bytes: Uint8Array): boolean {
  return decodeShare(bytes) !== undefined;
}

function decodeShare(bytes: Uint8Array): Point | undefined {
  if (bytes.length !== shareBytes || bytes[0] !== 4) return undefined;
  try {
    const point = Point.fromBytes(bytes);
    point.assertValidity();
    return point.is0() ? undefined : point;
  } catch {
    return undefined;
  }
}

export interface Run extends Secrets {
  readonly ownShare: Uint8Array;
  readonly peerShare: Uint8Array;
  readonly identities: Readonly<Record<Party, Uint8Array>>;
  /** What else both must agree on: the confirmations differ where this differs. */
  readonly additional: Uint8Array;
}

export interface Agreement {
  /** Ke, 16 bytes, the same on both sides if and only if all they agreed on is the same. */
  readonly key: Uint8Array;
  /** What each party sends to show that it has the same key. */
  readonly confirmations: Readonly<Record<Party, Uint8Array>>;
}

/**
 * What a run leads to; undefined where the peer's share is none, or leads to the neutral element,
 * as only a share made without a secret scalar does (section 3.3).
 */
export function agree(run: Run): Agreement | undefined {
  const peer = decodeShare(run.peerShare);
  if (peer === undefined) return undefined;
  const unblinded = peer.subtract(blinds[other(run.party)].multiply(run.w));
  if (unblinded.is0()) return undefined;
  const shared = unblinded.multiply(run.scalar).toBytes(false);
  return schedule(transcript(run, shared), run.additional);
}

/** TT of section 3.3: every part after its length, u64 little-endian. */
function transcript(run: Run, shared: Uint8Array): Uint8Array {
  const shares = { [run.party]: run.ownShare, [other(run.party)]: run.peerShare };
  const w = Buffer.from(run.w.toString(16).padStart(scalarBytes * 2, "0"), "hex");
  const { A, B } = run.identities;
  const parts = [A, B, shares["A"] as Uint8Array, shares["B"] as Uint8Array, shared, w];
  return Buffer.concat(parts.flatMap((part) => [length(part), part]));
}

function length(part: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(part.length));
  return bytes;
}

/** The key schedule and confirmations of section 4. */
function schedule(words: Uint8Array, additional: Uint8Array): Agreement {
  const hash = createHash("sha256").update(words).digest();
  const half = hash.length / 2;
  const info = Buffer.concat([Buffer.from("ConfirmationKeys"), additional]);
  const keys = Buffer.from(hkdfSync("sha256", hash.subarray(half), "", info, hash.length));
  const confirm = (key: Uint8Array) =>
    Uint8Array.from(createHmac("sha256", key).update(words).digest());
  return {
    key: Uint8Array.from(hash.subarray(0, half)),
    confirmations: { A: confirm(keys.subarray(0, half)), B: confirm(keys.subarray(half)) },
  };
}
