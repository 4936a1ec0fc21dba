/** Marks and colours of what was checked, where a person sees them. */
import { styleText } from "node:util";

export type Mark = "ok" | "warn" | "fail" | "none";

const marks = {
  ok: ["✔", "green"],
  warn: ["!", "yellow"],
  fail: ["✖", "red"],
  none: ["–", "gray"],
} as const;

export type Style = "green" | "yellow" | "red" | "gray" | "bold" | "cyan";

/** The text in a colour, on a terminal that shows any. */
export function styled(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stderr, validateStream: true });
}

export function mark(kind: Mark): string {
  const [sign, colour] = marks[kind];
  return styled(colour, sign);
}

/** A text in lines of at most `columns`, each further one behind `indent`. */
export function wrapped(text: string, columns: number, indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && Bun.stringWidth(longer) > columns) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line].join(`\n${indent}`);
}

/** Columns of the terminal that words are written to. */
export const terminalColumns = () => Math.max(60, Math.min(process.stderr.columns ?? 100, 120));
