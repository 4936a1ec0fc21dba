/**
 * A million hostile pieces of control stream: the golden vectors of every message, damaged by a
 * seeded hand, in one piece and in several. Whatever comes, the decoder answers with messages whose
 * fields are in range, unknown types, or one violation after which it says nothing; it never throws.
 */
import { expect, test } from "bun:test";
import { SeededRandom } from "../base/random.ts";
import { type Checked, checkMessage } from "./control.ts";
import vectors from "./control.vectors.json" with { type: "json" };
import { ControlDecoder, encodeMessage } from "./control-stream.ts";

const executions = 1_000_000;
const seed = 20_261_123;

const corpus: readonly Uint8Array[] = [...vectors.exact, ...vectors.lenient, ...vectors.bad].map(
  ({ hex }) => Uint8Array.from(Buffer.from(hex, "hex")),
);

/** One to four damages: a byte replaced, a bit flipped, bytes cut out, doubled, or of another. */
function damaged(random: SeededRandom): Uint8Array {
  let bytes: Uint8Array = pick(random).slice();
  for (let left = 1 + random.below(4); left > 0 && bytes.length > 0; left--) {
    const at = random.below(bytes.length);
    const count = 1 + random.below(Math.min(16, bytes.length - at));
    switch (random.below(5)) {
      case 0:
        bytes[at] = random.u32() & 0xff;
        break;
      case 1:
        bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
        break;
      case 2:
        bytes = concat(bytes.subarray(0, at), bytes.subarray(at + count));
        break;
      case 3:
        bytes = concat(bytes.subarray(0, at + count), bytes.subarray(at));
        break;
      default: {
        const other = pick(random);
        bytes = concat(bytes.subarray(0, at), other.subarray(random.below(other.length)));
      }
    }
    // Mostly a length prefix that fits, or little of what lies behind it is ever read.
    if (bytes.length > 4 && random.below(4) > 0) {
      new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, bytes.length - 4, true);
    }
  }
  return bytes;
}

const pick = (random: SeededRandom) => corpus[random.below(corpus.length)] as Uint8Array;

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

/** What one decoder says of the bytes, cut at a random place half of the time. */
function decode(bytes: Uint8Array, random: SeededRandom): readonly Checked[] {
  const decoder = new ControlDecoder();
  if (random.below(2) === 0) return decoder.push(bytes);
  const cut = random.below(bytes.length + 1);
  return [...decoder.push(bytes.subarray(0, cut)), ...decoder.push(bytes.subarray(cut))];
}

test(
  `${executions} damaged control streams: messages in range, unknown ones, or one violation`,
  () => {
    const random = new SeededRandom(seed);
    const seen = { message: 0, unknown: 0, violation: 0 };
    for (let i = 0; i < executions; i++) {
      const bytes = damaged(random);
      const items = decode(bytes, random);
      for (const item of items) {
        seen[item.kind] += 1;
        if (item.kind !== "message") continue;
        // What was admitted is a message that we would write ourselves and take again.
        if (i % 64 === 0) {
          expect(checkMessage(item.message).kind).toBe("message");
          expect(encodeMessage(item.message).length).toBeGreaterThan(4);
        }
      }
      const last = items.findIndex(({ kind }) => kind === "violation");
      if (last >= 0 && last !== items.length - 1) throw new Error(`goes on: ${hex(bytes)}`);
    }
    // The damage is neither so great that nothing passes, nor so small that all does.
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(executions / 100);
  },
  { timeout: 300_000 },
);

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
