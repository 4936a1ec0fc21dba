/** What sound needs: PipeWire with its session manager, Opus, and threads that run in time. */
import { readFileSync } from "node:fs";
import type { Examination } from "../../base/diagnosis.ts";
import { installHere } from "../../base/install.ts";
import { probePipeWire } from "../../ffi/pipewire/pipewire.ts";

export async function examineAudio(look: Examination): Promise<void> {
  look.progress("Asking PipeWire …");
  checkPipeWire(look);
  checkRealtime(look);
}

/** False when there is none to go on with. */
function checkPipeWire(look: Examination): boolean {
  const { ok, why, version } = probePipeWire();
  const start = "systemctl --user enable --now pipewire.socket wireplumber.service";
  const isInstalled = Bun.which("pipewire") !== null;
  const missing = Bun.which("wireplumber") === null || !isInstalled;
  if (ok) look.ok("PipeWire", why);
  else if (/native library|can't be loaded/.test(why)) look.fail("PipeWire", why, "npm run setup");
  else if (missing) look.fail("PipeWire", why, `${installHere("pipewire")} && ${start}`);
  else
    look.fail("PipeWire", why, version === null ? start : "systemctl --user restart wireplumber");
  return ok;
}

const rtprioWorth = 20;

/** Sound's threads are held up by others where they can't ask to come first. */
function checkRealtime(look: Examination): void {
  const limits = readFileSync("/proc/self/limits", "latin1");
  const allowed = /^Max realtime priority\s+(\S+)/m.exec(limits)?.[1] ?? "0";
  const name = "real-time threads";
  if (allowed === "unlimited" || Number(allowed) >= rtprioWorth) {
    look.ok(name, `This user's threads may have priority ${allowed}.`);
    return;
  }
  if (Bun.which("rtkit-daemon", { PATH: "/usr/libexec:/usr/lib/rtkit:/usr/lib" }) !== null) {
    look.ok(name, "rtkit gives PipeWire's threads priority.");
    return;
  }
  const detail = `The limit is ${allowed} and rtkit is not installed: sound may crackle under load.`;
  look.warn(name, detail, installHere("rtkit"));
}
