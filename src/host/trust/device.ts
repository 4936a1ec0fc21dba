/** Proof of a device's identity: its signature over the binding of this very connection. */
import { createPublicKey, verify } from "node:crypto";
import { channelBinding, deviceStatement, type Exporter } from "../../wire/exporter.ts";

export interface DeviceProof {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/**
 * Whether the peer of this connection holds the private key of `proof.publicKey`. A key of small
 * order is refused: under it a signature of zeros fits messages that nobody signed (RFC 8032,
 * section 5.1.7, leaves that check to the verifier).
 */
export function isDeviceProven(proof: DeviceProof, exporter: Exporter): boolean {
  if (isSmallOrder(proof.publicKey)) return false;
  try {
    const x = Buffer.from(proof.publicKey).toString("base64url");
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    return verify(null, deviceStatement(channelBinding(exporter)), key, proof.signature);
  } catch {
    return false;
  }
}

/**
 * y of the curve's eight points of small order, little-endian without the sign bit: 0, 1, -1, and
 * the two of order 8; then the encodings of 0 and 1 that are not reduced, p and p + 1.
 */
const smallOrder = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

function isSmallOrder(publicKey: Uint8Array): boolean {
  const y = Buffer.from(publicKey);
  const last = y.length - 1;
  if (last >= 0) y[last] = (y[last] as number) & 0x7f;
  return smallOrder.has(y.toString("hex"));
}
