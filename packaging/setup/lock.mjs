/**
 * Lets one set-up work in a folder at a time. A helper process holds an flock(2) for as long as
 * the pipe to it is open: the kernel gives the lock back however this program ends, so a lock is
 * never stale.
 */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { SetupError } from "./progress.mjs";

const patienceMs = 500;

/**
 * Waits for the lock and returns what gives it back. Where there is no flock(1) nothing is locked.
 * @param {string} path of the lock file, made when it is not there
 * @param {() => void} onWait called once when another set-up has the lock
 * @returns {Promise<() => void>}
 */
export function lock(path, onWait) {
  mkdirSync(dirname(path), { recursive: true });
  // Detached: Ctrl-C in the terminal reaches set-up, which lets its commands end first.
  const holder = spawn("flock", [path, "sh", "-c", "echo held; read -r _"], {
    stdio: ["pipe", "pipe", "inherit"],
    detached: true,
  });
  const release = () => holder.stdin.end();
  return new Promise((resolve, reject) => {
    const waiting = setTimeout(onWait, patienceMs);
    holder.stdout.once("data", () => {
      clearTimeout(waiting);
      resolve(release);
    });
    holder.once("error", () => {
      clearTimeout(waiting);
      resolve(() => {});
    });
    holder.once("exit", (code) => {
      clearTimeout(waiting);
      reject(new SetupError(`The lock ${path} can't be had (flock ended with status ${code}).`));
    });
  });
}
