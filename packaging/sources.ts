/** The house rules of STYLE.md that can be seen line by line. */

const linesMax = 500;
const columnsMax = 100;

/** Files too long to read, and lines of C too wide (Biome formats the TypeScript). */
export function formViolations(path: string, text: string): string[] {
  const lines = text.split("\n");
  const count = text.endsWith("\n") ? lines.length - 1 : lines.length;
  const violations: string[] = [];
  if (count > linesMax) {
    violations.push(`${path} has ${count} lines; split it at a noun (${linesMax} at most).`);
  }
  if (!/\.[ch]$/.test(path)) return violations;
  lines.forEach((line, index) => {
    const columns = [...line].length;
    if (columns > columnsMax) {
      violations.push(`${path}:${index + 1} is ${columns} columns wide (${columnsMax} at most).`);
    }
  });
  return violations;
}

/** What has no place in a finished program's text (bracketed, lest it find itself), and why. */
const unwanted: readonly (readonly [RegExp, string])[] = [
  [/\b(?:TO[D]O|FIX[M]E|X[X]X|HAC[K])\b/, "unfinished work is finished or left out"],
  [/(?<![\w.~-])\/(?:work|home\/\w{2,}|Users\/\w{2,})\//, "a path of one person's machine"],
  [
    /\b(?:written|generated|authored|assisted) (?:by|with) (?:an? )?(?:AI|LLM|chat|model|agent)/i,
    "text tells what the program does, not who or what typed it",
  ],
  [/\bco-authored-by:/i, "text tells what the program does, not who or what typed it"],
];

/** Remarks that are not about the program as it is now. */
export function proseViolations(path: string, text: string): string[] {
  return text
    .split("\n")
    .flatMap((line, index) =>
      unwanted
        .filter(([pattern]) => pattern.test(line))
        .map(([, reason]) => `${path}:${index + 1}: ${reason}: ${line.trim()}`),
    );
}
