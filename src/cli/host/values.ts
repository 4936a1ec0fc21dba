/** What people type for a host's devices. Each throws PF_USAGE with what would be right. */
import { PfError } from "../../base/errors.ts";
import { limit } from "../../wire/limits.ts";
import { type Level, levelNames } from "../../wire/pairing/level.ts";
import { parseChoice, parseDuration } from "../arguments.ts";

export const levelArgument = {
  type: "string",
  description: `what it may do: ${levelNames.join(", ")}`,
  valueHint: "LEVEL",
} as const;

export const parseLevel = (text: string): Level => parseChoice(text, "level", levelNames);

/** How long a pairing window is open. */
export function parseWindow(text: string): number {
  const [low, high] = [10_000, limit("pair_window_ms")];
  const value = parseDuration(text);
  if (value < low || value > high) {
    throw new PfError("PF_USAGE", `A PIN can't be good for ${text}.`, {
      hint: `Write ${low / 1000}s to ${high / 60_000}m.`,
    });
  }
  return Math.round(value);
}

const daysOfUnit = { d: 1, w: 7 } as const;
const dayMs = 86_400_000;
/** Later than that is as good as never. */
const yearsMax = 100;

/** `2h`, `7d`, `4w`, a time such as 2027-01-31 or 2027-01-31T18:00, or `never` (null). */
export function parseExpiry(text: string, now: Date): string | null {
  if (text === "never") return null;
  const span = /^(\d+(?:\.\d+)?)([dw])$/.exec(text.trim());
  let at: number;
  if (span !== null) {
    at = now.getTime() + Number(span[1]) * daysOfUnit[span[2] as "d" | "w"] * dayMs;
  } else if (/^\d{4}-\d\d-\d\d/.test(text)) {
    // A day alone ends with its evening here, not at midnight of Greenwich.
    at = Date.parse(text.length === 10 ? `${text}T23:59:59` : text);
  } else if (/^\d+(\.\d+)?(s|m|h)$/.test(text)) {
    at = now.getTime() + parseDuration(text);
  } else {
    at = Number.NaN;
  }
  if (Number.isNaN(at) || at <= now.getTime() || at > now.getTime() + yearsMax * 366 * dayMs) {
    throw new PfError("PF_USAGE", `"${text}" is not a time to come.`, {
      hint: "Write for example 2h, 7d, 2027-01-31 or never.",
    });
  }
  return new Date(at).toISOString();
}

/** The one whose id is this, or begins with it and is the only one. */
export function chosen<Item extends { readonly id: string }>(
  items: readonly Item[],
  typed: string,
  none: { readonly what: string; readonly hint: string },
): Item {
  const id = typed.trim().toLowerCase();
  const exact = items.find((item) => item.id === id);
  if (exact !== undefined) return exact;
  const matching = id === "" ? [] : items.filter((item) => item.id.startsWith(id));
  const [first] = matching;
  if (first !== undefined && matching.length === 1) return first;
  if (first === undefined) {
    throw new PfError("PF_USAGE", `No ${none.what} has the id "${typed}".`, { hint: none.hint });
  }
  const ids = matching.map((item) => item.id).join(", ");
  throw new PfError("PF_USAGE", `"${typed}" fits ${matching.length}: ${ids}.`, {
    hint: "Write more digits of the one that you mean.",
  });
}
