/**
 * What a paired device signs to sign in at the management API. The statement names the certificate
 * that the device sees on this connection: someone in the middle shows another one, and gets a
 * signature that the host refuses. The nonce is the host's, counts once, and ends after a minute.
 *
 *   "punktfunk/1 management login" 0x00 ‖ fingerprint (64 hex digits) ‖ 0x00 ‖ nonce (base64url)
 */
export function managementStatement(given: {
  readonly fingerprint: string;
  readonly nonce: string;
}): Uint8Array {
  const text = `punktfunk/1 management login\0${given.fingerprint.toLowerCase()}\0${given.nonce}`;
  return new TextEncoder().encode(text);
}
