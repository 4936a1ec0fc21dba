/** Characters as X keysyms, by libxkbcommon's table. */
import { dlopen } from "bun:ffi";

const names = ["libxkbcommon.so.0", "libxkbcommon.so"];

let convert: ((codePoint: number) => number) | undefined;

function load(): (codePoint: number) => number {
  for (const name of names) {
    try {
      const { symbols } = dlopen(name, { xkb_utf32_to_keysym: { args: ["u32"], returns: "u32" } });
      return symbols.xkb_utf32_to_keysym;
    } catch {} // the next one
  }
  return unicodeKeysym;
}

/** The rule for what has no older keysym: as it is in Latin-1, else its code point and this bit. */
function unicodeKeysym(codePoint: number): number {
  const isLatin = (codePoint >= 0x20 && codePoint <= 0x7e) || codePoint >= 0xa0;
  return isLatin && codePoint <= 0xff ? codePoint : codePoint + 0x1000000;
}

/** The keysym that layouts have for a character: Return for a line's end, Tab for a tab. */
export function keysymOf(codePoint: number): number {
  if (codePoint === 0x0a) return 0xff0d;
  if (codePoint === 0x09) return 0xff09;
  convert ??= load();
  return convert(codePoint);
}
