/** Processor time of a process and all that it started. */
import { readFileSync } from "node:fs";
import { familyOf } from "../processes.ts";

/** Clock ticks a second in /proc: USER_HZ is 100 on every Linux that Bun runs on. */
const ticksPerSecond = 100;

/** Share of one core, in percent, that the family of `pid` uses in the next seconds. */
export async function processorSharePct(pid: number, seconds: number): Promise<number> {
  const before = ticksOfFamily(pid);
  const started = performance.now();
  await Bun.sleep(seconds * 1000);
  const elapsed = (performance.now() - started) / 1000;
  let grown = 0;
  for (const [member, ticks] of ticksOfFamily(pid)) grown += ticks - (before.get(member) ?? 0);
  return (100 * grown) / ticksPerSecond / elapsed;
}

function ticksOfFamily(pid: number): Map<number, number> {
  return new Map(familyOf(pid).map((member) => [member.pid, ticksOf(member.pid)]));
}

/** User and system time of a process, its reaped children not counted: proc_pid_stat(5). */
function ticksOf(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0; // it ended in between
  }
}
