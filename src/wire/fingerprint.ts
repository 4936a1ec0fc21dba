/** A host's fingerprint: SHA-256 of its certificate in DER, as 64 lower-case hex digits. */
import { createHash } from "node:crypto";

/** The fingerprint of a certificate in DER. */
export function fingerprintOf(certificateDer: Uint8Array): string {
  return createHash("sha256").update(certificateDer).digest("hex");
}

/**
 * A fingerprint as people write it (either case; colons, blanks or hyphens between digits; a
 * leading `SHA256:` or `sha256=`) in the one form that is compared. Undefined when it is none.
 */
export function parseFingerprint(text: string): string | undefined {
  const digits = text
    .trim()
    .replace(/^sha-?256[:=]/i, "")
    .replace(/[\s:-]/g, "")
    .toLowerCase();
  return /^[0-9a-f]{64}$/.test(digits) ? digits : undefined;
}
