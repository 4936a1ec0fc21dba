/** Columns and words for people. What comes from a host or a device is shown without controls. */
import { plainLine } from "../../wire/control.ts";

/** Rows in aligned columns, of which those in `right` end in line, as figures do. */
export function table(rows: readonly (readonly string[])[], right: readonly number[] = []): string {
  const cells = rows.map((row) => row.map(plainLine));
  const columns = Math.max(...cells.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(...cells.map((row) => Bun.stringWidth(row[column] ?? ""))),
  );
  const padded = (cell: string, column: number) => {
    const blanks = " ".repeat((widths[column] ?? 0) - Bun.stringWidth(cell));
    return right.includes(column) ? blanks + cell : cell + blanks;
  };
  return cells.map((row) => `  ${row.map(padded).join("   ").trimEnd()}`).join("\n");
}

/** Names and values, one a line. */
export const facts = (pairs: readonly (readonly [name: string, value: string])[]): string =>
  table(pairs.map(([name, value]) => [name, value]));

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** A duration in its two largest units. */
export function durationWords(milliseconds: number): string {
  const ms = Math.max(0, milliseconds);
  const [d, h] = [Math.floor(ms / day), Math.floor((ms % day) / hour)];
  const [m, s] = [Math.floor((ms % hour) / minute), Math.floor((ms % minute) / second)];
  if (d > 0) return h > 0 ? `${d} d ${h} h` : `${d} d`;
  if (h > 0) return m > 0 ? `${h} h ${m} min` : `${h} h`;
  if (m > 0) return s > 0 ? `${m} min ${s} s` : `${m} min`;
  return `${s} s`;
}

/** A countdown, as 1:05. */
export function countdown(milliseconds: number): string {
  const seconds = Math.max(0, Math.ceil(milliseconds / second));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** How long ago, or – for never. */
export function agoWords(time: string | null, now: Date): string {
  if (time === null) return "–";
  const ms = now.getTime() - Date.parse(time);
  return ms < second ? "now" : `${durationWords(ms)} ago`;
}

/** When something ends, from now. */
export function endWords(time: string | null, now: Date): string {
  if (time === null) return "never";
  const ms = Date.parse(time) - now.getTime();
  return ms <= 0 ? "over" : `in ${durationWords(ms)}`;
}
