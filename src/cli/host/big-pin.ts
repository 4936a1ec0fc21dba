/** A PIN that can be read from across the room. */

/** Digits of 3 by 5 dots, a row to an octal digit: 4, 2 and 1 are the dots from the left. */
const glyphs: readonly string[] = [
  "75557",
  "26227",
  "71747",
  "71717",
  "55711",
  "74717",
  "74757",
  "71111",
  "75757",
  "75717",
];
const rows = 5;

/** In two halves, five lines high; each dot is two columns wide, as dots are square so. */
export function bigPin(pin: string): string {
  const halves = [pin.slice(0, pin.length / 2), pin.slice(pin.length / 2)];
  const line = (row: number) =>
    halves.map((half) => [...half].map((digit) => dots(digit, row)).join("  ")).join("      ");
  return Array.from({ length: rows }, (_, row) => `    ${line(row)}`.trimEnd()).join("\n");
}

function dots(digit: string, row: number): string {
  const bits = Number(glyphs[Number(digit)]?.[row] ?? 0);
  return [4, 2, 1].map((bit) => ((bits & bit) !== 0 ? "██" : "  ")).join("");
}
