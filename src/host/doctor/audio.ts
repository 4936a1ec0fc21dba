/** What sound needs: PipeWire with its session manager, Opus, and threads that run in time. */
import { readFileSync } from "node:fs";
import type { Examination } from "../../base/diagnosis.ts";
import { toPfError } from "../../base/errors.ts";
import { asRoot, installHere } from "../../base/install.ts";
import { probePipeWire } from "../../ffi/pipewire/pipewire.ts";
import { tryOpus, trySink } from "../../ffi/trial/trial.ts";

export async function examineAudio(look: Examination): Promise<void> {
  look.progress("Asking PipeWire …");
  if (checkPipeWire(look)) {
    look.progress("Making a sink …");
    attempt(look, "sink", restart, () => {
      const ms = trySink().toFixed(1);
      return `A sink was made in ${ms} ms and taken away again.`;
    });
  }
  attempt(look, "Opus", "npm run setup", () => {
    const ms = tryOpus().toFixed(2);
    return `A tone of 48 kHz stereo came back: ${ms} ms for each 5 ms of sound.`;
  });
  checkRealtime(look);
}

const restart = "systemctl --user restart pipewire wireplumber";

function attempt(look: Examination, name: string, fix: string, run: () => string): void {
  try {
    look.ok(name, run());
  } catch (thrown) {
    const { code, message } = toPfError(thrown);
    look.fail(name, message, code.startsWith("PF_LIBRARY") ? "npm run setup" : fix);
  }
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
  else look.fail("PipeWire", why, version === null ? start : restart);
  return ok;
}

/** Sound and media are held up by other programs where their threads can't ask to come first. */
function checkRealtime(look: Examination): void {
  const name = "real-time threads";
  const limits = readFileSync("/proc/self/limits", "latin1");
  const allowed = /^Max realtime priority\s+(\S+)/m.exec(limits)?.[1] ?? "0";
  if (process.geteuid?.() === 0) look.ok(name, "Root's threads may have any priority.");
  else if (allowed !== "0") look.ok(name, `This user's threads may have priority ${allowed}.`);
  else {
    const file = asRoot("tee /etc/security/limits.d/90-punktfunk.conf");
    const fix = `echo "$USER - rtprio 20" | ${file} # then log in anew`;
    look.warn(name, "This user's threads may have none: sound may crackle under load.", fix);
  }
  const folders = "/usr/libexec:/usr/lib/rtkit:/usr/lib/rtkit-daemon:/usr/lib";
  if (Bun.which("rtkit-daemon", { PATH: folders }) !== null) {
    look.ok("rtkit", "It gives PipeWire's own threads priority.");
  } else {
    look.warn(
      "rtkit",
      "It is not installed: PipeWire's threads have no priority.",
      installHere("rtkit"),
    );
  }
}
