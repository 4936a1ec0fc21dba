/** Proof of a device's identity: its signature over the binding of this very connection. */
import { createPublicKey, verify } from "node:crypto";
import { channelBinding, deviceStatement, type Exporter } from "../../wire/exporter.ts";

export interface DeviceProof {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** Whether the peer of this connection holds the private key of `proof.publicKey`. */
export function isDeviceProven(proof: DeviceProof, exporter: Exporter): boolean {
  try {
    const x = Buffer.from(proof.publicKey).toString("base64url");
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
    return verify(null, deviceStatement(channelBinding(exporter)), key, proof.signature);
  } catch {
    return false;
  }
}
