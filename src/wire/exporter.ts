/**
 * What both ends derive from one TLS connection without sending anything: the media keys and the
 * channel binding. The TLS exporter of RFC 8446 section 7.5, started from the exporter secret that
 * the TLS stack hands out in the key log's EXPORTER_SECRET line.
 */
import { createHash, createHmac } from "node:crypto";
import { assert } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { sealKeyBytes, sealSaltBytes } from "./media.ts";

/** The exporter's labels; each use has one of its own. */
export const exporterLabels = {
  media: "EXPORTER-punktfunk/1 media",
  device: "EXPORTER-punktfunk/1 device",
  pairing: "EXPORTER-punktfunk/1 pairing",
} as const;

/** Bytes of the channel binding. */
const channelBindingBytes = 32;

/** The secret of a key log line, or undefined for any other line, which must not be kept. */
export function exporterSecretOf(keylogLine: string): Secret<Uint8Array> | undefined {
  const [label, , secret] = keylogLine.trim().split(" ");
  if (label !== "EXPORTER_SECRET" || secret === undefined) return undefined;
  if (!/^([0-9a-f]{64}|[0-9a-f]{96})$/i.test(secret)) return undefined;
  return new Secret(Uint8Array.from(Buffer.from(secret, "hex")));
}

export interface ExportOptions {
  /** Of 32 (SHA-256 suites) or 48 bytes (SHA-384 suites). */
  readonly secret: Uint8Array;
  readonly label: string;
  readonly context: Uint8Array;
  readonly bytes: number;
}

/** TLS-Exporter(label, context, bytes) of RFC 8446 section 7.5. */
export function exportKeyingMaterial({ secret, label, context, bytes }: ExportOptions): Uint8Array {
  assert(secret.length === 32 || secret.length === 48, "an exporter secret has 32 or 48 bytes");
  const hash = secret.length === 48 ? "sha384" : "sha256";
  const empty = createHash(hash).digest();
  const derived = expandLabel({ hash, secret, label, context: empty, bytes: secret.length });
  const digest = createHash(hash).update(context).digest();
  return expandLabel({ hash, secret: derived, label: "exporter", context: digest, bytes });
}

/** HKDF-Expand-Label of RFC 8446 section 7.1, on HKDF-Expand of RFC 5869 section 2.3. */
function expandLabel(options: ExportOptions & { readonly hash: string }): Uint8Array {
  const { hash, secret, label, context, bytes } = options;
  const name = Buffer.from(`tls13 ${label}`);
  assert(name.length <= 255 && context.length <= 255, "label and context have one byte of length");
  const head = Buffer.from([bytes >> 8, bytes & 0xff, name.length]);
  const info = Buffer.concat([head, name, Buffer.from([context.length]), context]);
  return expand(hash, secret, info, bytes);
}

/** HKDF-Expand of RFC 5869 section 2.3; `secret` is the pseudorandom key. */
function expand(hash: string, secret: Uint8Array, info: Uint8Array, bytes: number): Uint8Array {
  const blocks: Buffer[] = [];
  let block: Buffer = Buffer.alloc(0);
  for (let filled = 0; filled < bytes; filled += block.length) {
    const counter = Buffer.from([blocks.length + 1]);
    block = createHmac(hash, secret).update(block).update(info).update(counter).digest();
    blocks.push(block);
  }
  return Uint8Array.from(Buffer.concat(blocks).subarray(0, bytes));
}

/** Something that exports keying material of its connection, as a ControlConnection does. */
export type Exporter = (label: string, context: Uint8Array, bytes: number) => Uint8Array;

export interface MediaKey {
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
}

export interface MediaKeys {
  readonly hostToClient: MediaKey;
  readonly clientToHost: MediaKey;
}

/**
 * The session's media keys, one a direction. The exporter's context is the session's tag (u32
 * little-endian) and the direction (u8: 0 host to client, 1 client to host).
 */
export function mediaKeys(exporter: Exporter, session: number): MediaKeys {
  return {
    hostToClient: mediaKey(exporter, session, 0),
    clientToHost: mediaKey(exporter, session, 1),
  };
}

function mediaKey(exporter: Exporter, session: number, direction: number): MediaKey {
  const context = new Uint8Array(5);
  new DataView(context.buffer).setUint32(0, session, true);
  context[4] = direction;
  const material = exporter(exporterLabels.media, context, sealKeyBytes + sealSaltBytes);
  return { key: material.slice(0, sealKeyBytes), salt: material.slice(sealKeyBytes) };
}

/** What names this very connection, the same on both of its ends and on no other connection. */
export function channelBinding(exporter: Exporter): Uint8Array {
  return exporter(exporterLabels.device, new Uint8Array(0), channelBindingBytes);
}

/** The bytes that a device signs to prove itself on the connection of this binding. */
export function deviceStatement(binding: Uint8Array): Uint8Array {
  return Uint8Array.from(Buffer.concat([Buffer.from("punktfunk/1 device\0"), binding]));
}
