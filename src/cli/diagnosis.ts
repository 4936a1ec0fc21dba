/** What `doctor` finds, for people. */
import type { Check, Plane, Verdict } from "../base/diagnosis.ts";
import { plainLine } from "../wire/control.ts";
import { mark, styled, terminalColumns, wrapped } from "./marks.ts";

const titles: Readonly<Record<Plane, string>> = {
  capture: "Pictures of a desktop",
  encode: "Encoders",
  input: "Keyboard, mouse and touch",
  audio: "Sound",
  net: "The way to the host",
  service: "Starting by itself",
};

const nameColumns = 18;
const indent = " ".repeat(4 + nameColumns + 1);

export const planeTitle = (plane: Plane) => `\n${styled("bold", titles[plane])}`;

/** A check in a line or more; what mends it stands alone, to be pasted. */
export function checkLine({ name, verdict, detail, fix }: Check): string {
  const columns = terminalColumns() - indent.length;
  const head = `  ${mark(verdict)} ${plainLine(name).padEnd(nameColumns)} `;
  const words = wrapped(plainLine(detail), columns, indent);
  return `${head}${words}${fix === null ? "" : `\n${indent}${styled("cyan", plainLine(fix))}`}`;
}

const verdictWords: Readonly<Record<Verdict, string>> = {
  ok: "is well",
  warn: "works, but could be better",
  fail: "fails",
};

/** A line for each plane at the end. */
export function verdictLine(verdicts: Readonly<Record<string, Verdict>>): string {
  const lines = Object.entries(verdicts).map(
    ([plane, verdict]) => `  ${mark(verdict)} ${plane} ${verdictWords[verdict]}`,
  );
  return `\n${styled("bold", "Altogether")}\n${lines.join("\n")}`;
}
