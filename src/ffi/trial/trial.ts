/** Binding of libpf_trial: see trial.h. */
import { ptr } from "bun:ffi";
import { openLibrary } from "../library.ts";

const symbols = {
  pf_trial_sink: { args: ["ptr", "ptr"], returns: "i32" },
  pf_trial_opus: { args: ["ptr"], returns: "i32" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const trial = () => (library ??= openLibrary("trial", symbols));

/**
 * Makes a sink in PipeWire and takes it away; in milliseconds how long it took to appear. Blocks for
 * a few seconds where the server hangs. Throws PF_AUDIO_FAILED, PF_LIBRARY_MISSING.
 */
export function trySink(socketPath = ""): number {
  const madeUs = new Uint32Array(1);
  const { functions, check } = trial();
  const path = new TextEncoder().encode(`${socketPath}\0`);
  const result = functions.pf_trial_sink(ptr(path), ptr(madeUs));
  check(result, "PF_AUDIO_FAILED", "No sink can be made");
  return (madeUs[0] as number) / 1000;
}

/**
 * Sends a tone through Opus; in milliseconds what a frame of 5 ms took there and back. Throws
 * PF_AUDIO_FAILED, PF_LIBRARY_MISSING.
 */
export function tryOpus(): number {
  const frameNs = new Uint32Array(1);
  const { functions, check } = trial();
  check(functions.pf_trial_opus(ptr(frameNs)), "PF_AUDIO_FAILED", "Sound can't be coded");
  return (frameNs[0] as number) / 1e6;
}
