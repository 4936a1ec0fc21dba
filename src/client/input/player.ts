/** Plays a script of input events in its own time. */
import type { InputEvent } from "./input.ts";
import type { InputScript } from "./script.ts";

/**
 * Gives the events of a script to `play` until its end or that of `signal`. Events keep their place
 * in time: what a busy machine delays is made up for, so that the script is as long as it says.
 */
export async function playScript(
  script: InputScript,
  play: (event: InputEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  let dueMs = performance.now();
  do {
    for (const { afterMs, event } of script.steps) {
      dueMs += afterMs;
      await until(dueMs, signal);
      if (signal.aborted) return;
      play(event);
    }
  } while (script.repeats);
}

function until(dueMs: number, signal: AbortSignal): Promise<void> {
  const leftMs = dueMs - performance.now();
  if (leftMs <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, leftMs);
    signal.addEventListener("abort", done, { once: true });
  });
}
