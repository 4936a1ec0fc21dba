/**
 * Framing of the control stream: each message is its length (u32, little-endian as all of our
 * tables) and that many bytes of MessagePack, which are one map with a `type`.
 */
import { assert } from "../base/errors.ts";
import { type Checked, checkMessage, type Message } from "./control.ts";
import { limit } from "./limits.ts";
import { packValue, unpackValue } from "./messagepack.ts";

/** Bytes in front of a message. */
export const lengthPrefixBytes = 4;

/** A message with its prefix. Asserts that it fits: what we send is bounded by its fields. */
export function encodeMessage(message: Message): Uint8Array {
  const body = packValue(message);
  assert(body.length <= limit("control_message_bytes_max"), `${message.type} fits its limit`);
  const framed = new Uint8Array(lengthPrefixBytes + body.length);
  new DataView(framed.buffer).setUint32(0, body.length, true);
  framed.set(body, lengthPrefixBytes);
  return framed;
}

/**
 * Takes the stream in pieces of any size and gives its messages in order. After a violation it
 * gives nothing more: the stream's boundaries can't be trusted. It holds one message at most.
 */
export class ControlDecoder {
  readonly #prefix = new Uint8Array(lengthPrefixBytes);
  #prefixFill = 0;
  #body: Uint8Array | undefined;
  #bodyFill = 0;
  #broken = false;

  push(piece: Uint8Array): readonly Checked[] {
    const items: Checked[] = [];
    let at = 0;
    while (at < piece.length && !this.#broken) {
      if (this.#body === undefined) {
        at += this.#takePrefix(piece, at);
        if (this.#prefixFill < lengthPrefixBytes) break;
        const bytes = new DataView(this.#prefix.buffer).getUint32(0, true);
        if (bytes === 0 || bytes > limit("control_message_bytes_max")) {
          items.push(this.#violation(`a message of ${bytes} bytes is not allowed`));
          break;
        }
        this.#body = new Uint8Array(bytes);
        this.#bodyFill = 0;
      }
      const take = Math.min(this.#body.length - this.#bodyFill, piece.length - at);
      this.#body.set(piece.subarray(at, at + take), this.#bodyFill);
      this.#bodyFill += take;
      at += take;
      if (this.#bodyFill === this.#body.length) items.push(this.#finish(this.#body));
    }
    return items;
  }

  #takePrefix(piece: Uint8Array, at: number): number {
    const take = Math.min(lengthPrefixBytes - this.#prefixFill, piece.length - at);
    this.#prefix.set(piece.subarray(at, at + take), this.#prefixFill);
    this.#prefixFill += take;
    return take;
  }

  #finish(body: Uint8Array): Checked {
    this.#body = undefined;
    this.#prefixFill = 0;
    const unpacked = unpackValue(body);
    if (unpacked === undefined) return this.#violation("a message is no MessagePack of ours");
    const checked = checkMessage(unpacked.value);
    return checked.kind === "violation" ? this.#violation(checked.why) : checked;
  }

  #violation(why: string): Checked {
    this.#broken = true;
    return { kind: "violation", why };
  }
}
