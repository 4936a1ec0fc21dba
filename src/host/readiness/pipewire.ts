/** Readiness of PipeWire, by which most desktops give their pictures. */
import { join } from "node:path";
import { probePipeWire } from "../../ffi/pipewire/pipewire.ts";
import type { ProbeContext } from "./probe.ts";
import type { Checks } from "./readiness.ts";

/** False when it can't be used. */
export function checkPipeWire(checks: Checks, { env }: ProbeContext): boolean {
  const folder = env["PIPEWIRE_RUNTIME_DIR"] || env["XDG_RUNTIME_DIR"];
  const name = env["PIPEWIRE_REMOTE"] || "pipewire-0";
  const start = "systemctl --user enable --now pipewire.socket wireplumber";
  if (!name.startsWith("/") && !folder) {
    checks.add("PipeWire", false, "$XDG_RUNTIME_DIR, where its socket lies, is not set.", start);
    return false;
  }
  const { ok, why } = probePipeWire(name.startsWith("/") ? name : join(folder as string, name));
  return checks.add("PipeWire", ok, why, start);
}
