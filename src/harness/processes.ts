/** What a program has left behind: the processes that it started, and their memory. */
import { readdirSync, readFileSync } from "node:fs";

/** A process that can't be mistaken for a later one of the same number. */
export interface ProcessMark {
  readonly pid: number;
  readonly parent: number;
  /** Clock ticks after boot. */
  readonly startedAt: string;
  readonly command: string;
}

/** The process, or undefined when it is not there or has ended and only waits for its parent. */
export function processOf(pid: number): ProcessMark | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const nameEnd = stat.lastIndexOf(")");
    const [state, parent, ...rest] = stat.slice(nameEnd + 2).split(" ");
    if (state === "Z" || state === "X") return undefined;
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    return { pid, parent: Number(parent), startedAt: rest[17] as string, command };
  } catch {
    return undefined;
  }
}

/** Every process of this machine that can be seen. */
function allProcesses(): ProcessMark[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => processOf(Number(name)) ?? []);
}

/** The process and all that it has started, directly or not. */
export function familyOf(pid: number): ProcessMark[] {
  const all = allProcesses();
  const family = all.filter((process) => process.pid === pid);
  for (const member of family) {
    family.push(...all.filter(({ parent }) => parent === member.pid));
  }
  return family;
}

/** Those that still run. */
export function stillRunning(processes: readonly ProcessMark[]): ProcessMark[] {
  return processes.filter(({ pid, startedAt }) => processOf(pid)?.startedAt === startedAt);
}

/** Processor time that a process has taken, in milliseconds. */
export function processorMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // User and system time, in ticks of 10 ms.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Resident memory of a process in bytes. */
export function residentBytes(pid: number): number {
  const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(found?.[1]) * 1024;
}

export interface Holdings {
  /** Open file descriptors. */
  readonly files: number;
  readonly threads: number;
  /** That it has started, directly or not, and that run. */
  readonly processes: number;
}

/** What a process holds now. */
export const holdingsOf = (pid: number): Holdings => ({
  files: readdirSync(`/proc/${pid}/fd`).length,
  threads: readdirSync(`/proc/${pid}/task`).length,
  processes: familyOf(pid).length - 1,
});

/** Waits until a condition that nothing announces is true; how long it took, in milliseconds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  msMax = 5000,
): Promise<number> {
  const startedAt = performance.now();
  while (!(await condition())) {
    if (performance.now() - startedAt > msMax) {
      throw new Error(`${what} did not come within ${msMax} ms`);
    }
    await Bun.sleep(5);
  }
  return performance.now() - startedAt;
}
