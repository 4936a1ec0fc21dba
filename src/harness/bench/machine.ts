/** The machine that a report was made on: a figure means nothing without it. */
import { readFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  /** Mean count of processes that ran or wanted to in the last minute, before the report. */
  readonly load: number;
  /** Share of the last second's processor time that others used, in percent. */
  readonly busyPct: number;
}

/** Looks at the machine for a second. */
export async function lookAtMachine(): Promise<Machine> {
  const [all] = cpus();
  const before = processorTicks();
  await Bun.sleep(1000);
  const after = processorTicks();
  const busy = 1 - (after.idle - before.idle) / Math.max(1, after.total - before.total);
  return {
    cpu: all?.model ?? "unknown",
    cores: cpus().length,
    kernel: release(),
    load: loadavg()[0] ?? 0,
    busyPct: Math.round(busy * 100),
  };
}

/** Clock ticks of all cores since boot: proc_stat(5). */
function processorTicks() {
  const [line = ""] = readFileSync("/proc/stat", "utf8").split("\n");
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, ...rest] = line
    .split(/\s+/)
    .slice(1)
    .map(Number);
  const others = rest.slice(0, 3).reduce((sum, ticks) => sum + ticks, 0);
  return { idle: idle + wait, total: user + nice + system + idle + wait + others };
}
