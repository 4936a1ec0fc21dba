/**
 * One host a state folder: a lock that the kernel drops when its process ends, however it ends.
 * It is an flock of a file that this process keeps open. util-linux's `flock` takes it on the
 * inherited descriptor and leaves; the lock belongs to the open file, which stays ours alone,
 * since no other child inherits it.
 */
import {
  closeSync,
  constants,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { PfError } from "../../base/errors.ts";

export interface FolderLock {
  /** Lets another host have the folder. May be called again. */
  release(): void;
}

/** What `flock` ends with when the lock is held. */
const heldStatus = 75;
/** The descriptor's number in flock's process. */
const inherited = 3;

/**
 * Takes the folder for this process, making it (0700) if need be. Throws PF_STATE_INVALID when
 * another process, or another lock of this one, has it.
 */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, "host.lock");
  const descriptor = openLock(folder, path);
  try {
    const words = ["flock", "--nonblock", "--conflict-exit-code", `${heldStatus}`, `${inherited}`];
    const { exitCode, stderr } = Bun.spawnSync(words, {
      stdio: ["ignore", "ignore", "pipe", descriptor],
    });
    if (exitCode === heldStatus) throw held(folder, path);
    if (exitCode !== 0) throw new Error(stderr.toString().trim());
    ftruncateSync(descriptor);
    writeSync(descriptor, `${process.pid}\n`, 0);
  } catch (error) {
    closeSync(descriptor);
    throw error instanceof PfError ? error : unusable(path, error);
  }
  let isHeld = true;
  return {
    release: () => {
      if (isHeld) closeSync(descriptor);
      isHeld = false;
    },
  };
}

function openLock(folder: string, path: string): number {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  } catch (error) {
    throw unusable(path, error);
  }
}

function held(folder: string, path: string): PfError {
  const holder = /^\d+/.exec(readFileSync(path, "utf8"))?.[0];
  const who = holder === undefined ? "" : ` (process ${holder})`;
  return new PfError("PF_STATE_INVALID", `Another host uses the folder ${folder}${who}.`, {
    hint: "Stop that one, or give this one a folder of its own by PUNKTFUNK_HOME.",
  });
}

function unusable(path: string, cause: unknown): PfError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new PfError("PF_STATE_INVALID", `${path} can't be locked: ${why}.`, {
    hint: "Check the folder's owner, and that flock (package util-linux) is installed.",
    cause,
  });
}
