/** What can be streamed, for people. */
import type { Readiness } from "../host/readiness/readiness.ts";
import { plainLine } from "../wire/control.ts";
import { mark, styled, terminalColumns, wrapped } from "./marks.ts";

const nameColumns = 11;
const versionColumns = 9;
const indent = " ".repeat(2 + 2 + nameColumns + 1 + versionColumns + 1);

/** A line a kind: whether it is ready, or the first thing that it lacks. */
export function readinessTable(found: readonly Readiness[]): string {
  return found.map(line).join("\n");
}

function line({ kind, name, ok, version, checks }: Readiness): string {
  const lacking = checks.find((check) => !check.ok);
  const title = name.toLowerCase() === kind ? "" : ` (${name})`;
  const words = ok ? `Ready${title}.` : (lacking?.detail ?? "");
  const columns = terminalColumns() - indent.length;
  const cells = [kind.padEnd(nameColumns), (version ?? "–").padEnd(versionColumns)];
  return `  ${mark(ok ? "ok" : "none")} ${cells.join(" ")} ${wrapped(plainLine(words), columns, indent)}`;
}

/** What would mend those that lack something, where a command does. */
export function readinessDetails(found: readonly Readiness[]): string {
  const lines = found.flatMap(({ kind, checks }) => {
    const fix = checks.find(({ ok }) => !ok)?.fix ?? null;
    return fix === null
      ? []
      : [`  ${kind.padEnd(nameColumns)}   ${styled("cyan", plainLine(fix))}`];
  });
  return lines.length === 0
    ? ""
    : `\n${styled("bold", "To mend one of them:")}\n${lines.join("\n")}`;
}
