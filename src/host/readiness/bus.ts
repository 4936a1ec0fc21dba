/** Readiness of the desktops that are reached by the session bus: Mutter, and the portal. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { installHere } from "../../base/install.ts";
import type { ProbeContext } from "./probe.ts";
import { Checks, type Readiness } from "./readiness.ts";

export async function probeMutter(context: ProbeContext): Promise<Readiness> {
  const checks = new Checks();
  checkBus(checks, context);
  checkPipeWire(checks, context);
  return { kind: "mutter", name: "Mutter", ok: checks.ok, version: null, checks: checks.list };
}

export async function probePortal(context: ProbeContext): Promise<Readiness> {
  const checks = new Checks();
  checkBus(checks, context);
  checkPipeWire(checks, context);
  return { kind: "portal", name: "portal", ok: checks.ok, version: null, checks: checks.list };
}

/** False where there is no session bus to ask. */
function checkBus(checks: Checks, { env }: ProbeContext): boolean {
  const address = env["DBUS_SESSION_BUS_ADDRESS"];
  const detail = address || "There is no session bus: $DBUS_SESSION_BUS_ADDRESS is not set.";
  return checks.add("session bus", Boolean(address), detail, installHere("dbus"));
}

/** Both give their pictures by PipeWire. */
function checkPipeWire(checks: Checks, { env }: ProbeContext): void {
  const folder = env["PIPEWIRE_RUNTIME_DIR"] || env["XDG_RUNTIME_DIR"];
  const path = join(folder ?? "/run/user", env["PIPEWIRE_REMOTE"] || "pipewire-0");
  const isThere = existsSync(path);
  const start = "systemctl --user enable --now pipewire.socket wireplumber";
  checks.add("PipeWire", isThere, `${path} is ${isThere ? "" : "not "}there.`, start);
}
