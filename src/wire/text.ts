/** What text input may hold: the host refuses other text, and clients ask for none. */
import { limit } from "./limits.ts";

/** Characters that a host takes: as fast as a desktop is typed into, one longest message at once. */
export const textAllowance = { perSecond: 1000, burst: limit("text_bytes_max") } as const;

export type CheckedText =
  | { readonly ok: true; readonly text: string; readonly characters: number }
  | { readonly ok: false; readonly why: string };

/**
 * A text as it will be typed: line ends become \n. Refuses control characters other than \n and \t
 * (as keys they could do anything), lone surrogates, and what is longer than a text message.
 */
export function checkText(raw: string): CheckedText {
  const text = raw.replace(/\r\n?/g, "\n");
  const bytes = Buffer.byteLength(text);
  if (bytes > limit("text_bytes_max")) {
    return { ok: false, why: `The text has ${bytes} bytes, ${limit("text_bytes_max")} at most.` };
  }
  let characters = 0;
  for (const character of text) {
    const point = character.codePointAt(0) as number;
    if (!typable(point)) {
      const name = `U+${point.toString(16).toUpperCase().padStart(4, "0")}`;
      return { ok: false, why: `The text holds ${name}, which can't be typed.` };
    }
    characters++;
  }
  return { ok: true, text, characters };
}

function typable(point: number): boolean {
  if (point === 0x0a || point === 0x09) return true;
  const control = point < 0x20 || (point >= 0x7f && point < 0xa0);
  const surrogate = point >= 0xd800 && point < 0xe000;
  const noncharacter = (point & 0xfffe) === 0xfffe || (point >= 0xfdd0 && point < 0xfdf0);
  return !control && !surrogate && !noncharacter;
}
