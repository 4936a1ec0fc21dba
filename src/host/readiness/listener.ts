/**
 * Which process serves a Wayland socket: the one that holds the lock of the file NAME.lock beside
 * it, which every compositor takes so that two do not share a name.
 */
import { readFileSync, statSync } from "node:fs";

export interface Listener {
  readonly pid: number;
  /** As "sway" or "kwin_wayland"; at most 15 characters. */
  readonly name: string;
  /** proc(5): R running, S sleeping, D waiting for a device, T stopped, Z ended. */
  readonly state: string;
}

/** Undefined where it can't be seen: no lock, or a process of another container. */
export function listenerOf(socketPath: string): Listener | undefined {
  const lock = statSync(`${socketPath}.lock`, { throwIfNoEntry: false });
  if (lock === undefined) return undefined;
  const pid = lockHolder(readText("/proc/locks"), lock.ino);
  return pid === undefined ? undefined : processNamed(pid);
}

/** The process whose lock of the whole file `/proc/locks` shows. Pure. */
export function lockHolder(locks: string, inode: number): number | undefined {
  for (const line of locks.split("\n")) {
    const match = /^\d+: FLOCK\s+\S+\s+WRITE\s+(\d+)\s+[0-9a-f]+:[0-9a-f]+:(\d+)\s/.exec(line);
    if (Number(match?.[2]) === inode) return Number(match?.[1]);
  }
  return undefined;
}

export function processNamed(pid: number): Listener | undefined {
  const stat = readText(`/proc/${pid}/stat`);
  const match = /^\d+ \((.*)\) (\S)/s.exec(stat);
  if (match === null) return undefined;
  return { pid, name: match[1] as string, state: match[2] as string };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
