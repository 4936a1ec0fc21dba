/** What a device is called by programs and compared by: made of its public key alone. */
import { fingerprintOf } from "../fingerprint.ts";

/** A device's fingerprint: SHA-256 of its public key (32 bytes), 64 lower-case hex digits. */
export const deviceFingerprint = (publicKey: Uint8Array): string => fingerprintOf(publicKey);

/** A device's id on every host: the first 16 digits of its fingerprint. */
export const deviceId = (publicKey: Uint8Array): string =>
  deviceFingerprint(publicKey).slice(0, 16);
