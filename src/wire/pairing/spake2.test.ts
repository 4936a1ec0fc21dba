import { expect, test } from "bun:test";
import { p256 } from "@noble/curves/nist.js";
import { SeededRandom } from "../../base/random.ts";
import { agree, isShare, type Party, scalarOf, shareOf } from "./spake2.ts";
// RFC 9382, appendix B: all vectors of the ciphersuite.
import vectors from "./spake2.vectors.json";

const hex = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString("hex");
const bytesOf = (digits: string) => Uint8Array.from(Buffer.from(digits, "hex"));
const order = p256.Point.Fn.ORDER;

test.each(vectors)("both parties reach the RFC's values: $name", (vector) => {
  const w = BigInt(`0x${vector.w}`);
  const A = { party: "A", w, scalar: BigInt(`0x${vector.x}`) } as const;
  const B = { party: "B", w, scalar: BigInt(`0x${vector.y}`) } as const;
  const shares = { A: shareOf(A), B: shareOf(B) };
  expect(hex(shares.A)).toBe(vector.shareA);
  expect(hex(shares.B)).toBe(vector.shareB);
  const identities = { A: Buffer.from(vector.identityA), B: Buffer.from(vector.identityB) };
  const additional = new Uint8Array(0);
  for (const [secrets, peer] of [
    [A, "B"],
    [B, "A"],
  ] as const) {
    const ownShare = shares[secrets.party];
    const agreed = agree({ ...secrets, ownShare, peerShare: shares[peer], identities, additional });
    expect(hex(agreed?.key)).toBe(vector.key);
    expect(hex(agreed?.confirmations.A)).toBe(vector.confirmationA);
    expect(hex(agreed?.confirmations.B)).toBe(vector.confirmationB);
  }
});

/** What A reaches in a run between these two, in which one thing may differ. */
function runOf(changes: { additional?: string; identityB?: string; w?: bigint } = {}) {
  const w = 5n;
  const B = { party: "B", w: changes.w ?? w, scalar: 11n } as const;
  const A = { party: "A", w, scalar: 7n } as const;
  const identities = { A: Buffer.from("a"), B: Buffer.from(changes.identityB ?? "b") };
  const additional = Buffer.from(changes.additional ?? "");
  const ownShare = shareOf(A);
  return agree({ ...A, ownShare, peerShare: shareOf(B), identities, additional });
}

test("confirmations differ with the additional data, the key only with what is in the transcript", () => {
  const plain = runOf();
  const bound = runOf({ additional: "x" });
  expect(hex(bound?.key)).toBe(hex(plain?.key));
  expect(hex(bound?.confirmations.A)).not.toBe(hex(plain?.confirmations.A));
  expect(hex(bound?.confirmations.B)).not.toBe(hex(plain?.confirmations.B));
  expect(hex(runOf({ identityB: "c" })?.key)).not.toBe(hex(plain?.key));
  expect(hex(runOf({ w: 6n })?.key)).not.toBe(hex(plain?.key));
});

const good = shareOf({ party: "B", w: 5n, scalar: 11n });
const changed = (index: number, value: number) => {
  const bytes = good.slice();
  bytes[index] = value;
  return bytes;
};
const twoCoordinates = (x: string, y: string) => bytesOf(`04${x}${y}`);
const zero = "00".repeat(32);
const prime = p256.Point.Fp.ORDER.toString(16).padStart(64, "0");
const badPoints: Record<string, Uint8Array> = {
  "nothing at all": new Uint8Array(0),
  "the neutral element": Uint8Array.of(0),
  "the neutral element, padded": new Uint8Array(65),
  "both coordinates zero": twoCoordinates(zero, zero),
  "one byte too few": good.slice(0, 64),
  "one byte too many": Uint8Array.from([...good, 0]),
  "64 KiB": new Uint8Array(65_536).fill(4),
  "the compressed form": p256.Point.fromBytes(good).toBytes(true),
  "a compressed point in its length": Uint8Array.from([2, ...good.subarray(1)]),
  "the hybrid form": changed(0, 6 + ((good[64] as number) & 1)),
  "a point off the curve": changed(64, (good[64] as number) ^ 1),
  "x that is not reduced": twoCoordinates(prime, hex(good.subarray(33))),
  // y = 0 makes a point of order 2 on y² = x³ - 3x + b', a curve that is not this one.
  "a point of order 2 of another curve": twoCoordinates(zero.replace(/..$/, "02"), zero),
};
test.each(Object.entries(badPoints))("%s is no share, and nothing is agreed on", (_, peerShare) => {
  expect(isShare(peerShare)).toBe(false);
  const secrets = { party: "A" as Party, w: 5n, scalar: 7n };
  const identities = { A: Buffer.from("a"), B: Buffer.from("b") };
  const additional = new Uint8Array(0);
  const ownShare = shareOf(secrets);
  expect(agree({ ...secrets, ownShare, peerShare, identities, additional })).toBeUndefined();
});

test("a share that leads to the neutral element agrees on nothing", () => {
  const w = 5n;
  // w·N without any y: subtracting the blind leaves the neutral element.
  const blind = p256.Point.fromBytes(good).subtract(p256.Point.BASE.multiply(11n)).toBytes(false);
  const secrets = { party: "A" as Party, w, scalar: 7n };
  const identities = { A: Buffer.from("a"), B: Buffer.from("b") };
  const run = { ...secrets, ownShare: shareOf(secrets), identities, additional: Buffer.alloc(0) };
  expect(isShare(blind)).toBe(true);
  expect(agree({ ...run, peerShare: blind })).toBeUndefined();
});

test("random bytes of any kind are no share and never throw", () => {
  const random = new SeededRandom(9382);
  for (let i = 0; i < 2000; i++) {
    const bytes = random.bytes(i % 3 === 0 ? 65 : random.below(140));
    if (i % 2 === 0) bytes[0] = 4;
    expect(isShare(bytes)).toBe(false);
  }
});

test("a scalar is never zero and covers the whole order", () => {
  const bytes = (value: bigint) => bytesOf(value.toString(16).padStart(96, "0"));
  expect(scalarOf(new Uint8Array(48))).toBe(1n);
  expect(scalarOf(bytes(order - 1n))).toBe(1n);
  expect(scalarOf(bytes(order - 2n))).toBe(order - 1n);
  expect(() => scalarOf(new Uint8Array(32))).toThrow();
});
