/** The PIN of a pairing: as it is shown and typed, and as the scalar that SPAKE2 takes. */
import { scrypt } from "node:crypto";
import { assert } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { limit } from "../limits.ts";
import type { PairingIdentities } from "./ceremony.ts";
import { scalarOf, scalarSourceBytes } from "./spake2.ts";

const digits = limit("pin_digits");

/**
 * A PIN of uniform digits.
 * @param randomInt of [0, below), not to be foreseen by anyone: node:crypto's
 */
export function makePin(randomInt: (below: number) => number): string {
  return String(randomInt(10 ** digits)).padStart(digits, "0");
}

/** A PIN as people type it (blanks and hyphens between digits); undefined when it is none. */
export function parsePin(text: string): string | undefined {
  const typed = text.replace(/[\s-]/g, "");
  return new RegExp(`^[0-9]{${digits}}$`).test(typed) ? typed : undefined;
}

/** A PIN as people read it: in two halves. */
export function showPin(pin: string): string {
  return `${pin.slice(0, digits / 2)} ${pin.slice(digits / 2)}`;
}

/**
 * w of a PIN between these two identities: scrypt (RFC 7914), as RFC 9382 section 3.2 asks for a
 * memory-hard function. Its salt names both identities, so work on guesses serves no other pair.
 */
export async function pinScalar(
  pin: string,
  identities: PairingIdentities,
): Promise<Secret<bigint>> {
  assert(parsePin(pin) === pin, "a PIN has its digits and nothing else");
  const { device, host } = identities;
  const salt = Buffer.concat([Buffer.from("punktfunk/1 pin\0"), device, host]);
  const N = limit("pair_scrypt_cost");
  const r = limit("pair_scrypt_block");
  const options = { N, r, p: limit("pair_scrypt_parallel"), maxmem: 256 * N * r };
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  scrypt(pin, salt, scalarSourceBytes, options, (error, key) =>
    error ? reject(error) : resolve(key),
  );
  return new Secret(scalarOf(await promise));
}
