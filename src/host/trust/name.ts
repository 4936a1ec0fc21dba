/** A device's name as a host keeps and shows it, whatever the device called itself. */
import { limit } from "../../wire/limits.ts";

/**
 * All that does not show as itself: control characters, marks that turn the direction of writing,
 * private and lone surrogate code points. The joiners (200C, 200D), which some scripts and emoji
 * need, may stay.
 */
const unprintable = /(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/gu;

const nameless = "unnamed device";

/** One printable line of at most 128 bytes of UTF-8, cut between characters; never empty. */
export function cleanName(name: string): string {
  const bytesMax = limit("device_name_bytes_max");
  // No more is looked at than could be kept: each character has at least one byte.
  const head = name
    .slice(0, bytesMax * 8)
    .replace(/\s+/gu, " ")
    .replace(unprintable, "");
  let kept = "";
  let bytes = 0;
  for (const character of head.replace(/ +/g, " ").trim()) {
    bytes += Buffer.byteLength(character);
    if (bytes > bytesMax) break;
    kept += character;
  }
  kept = kept.trim();
  return kept.replace(/\u200c|\u200d| /g, "") === "" ? nameless : kept;
}
