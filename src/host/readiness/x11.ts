/** Readiness of an X server, the last fallback. */
import { existsSync } from "node:fs";
import type { ProbeContext } from "./probe.ts";
import { Checks, type Readiness } from "./readiness.ts";
import { askXServer, displayNumber } from "./x11-setup.ts";

/** For capture by shared memory, for input, for the size of the screen. */
const needed = ["MIT-SHM", "XTEST", "RANDR"] as const;

const importLine = "systemctl --user import-environment DISPLAY XAUTHORITY # in the desktop";

export async function probeX11(context: ProbeContext): Promise<Readiness> {
  const checks = new Checks();
  const found = await ask(checks, context);
  return {
    kind: "x11",
    name: found?.vendor.replace(/^The (.*) Foundation$/, "$1") || "X11",
    ok: checks.ok,
    version: found === undefined ? null : releaseVersion(found.vendor, found.release),
    checks: checks.list,
  };
}

async function ask(checks: Checks, { env, msMax, running }: ProbeContext) {
  const display = env["DISPLAY"];
  if (!display && running !== true && Bun.which("Xvfb", { PATH: env["PATH"] ?? "" }) !== null) {
    checks.add("program", true, "Nothing runs, but Xvfb is installed, which the host can start.");
    return undefined;
  }
  if (!display) {
    checks.add("socket", false, "$DISPLAY is not set.", importLine);
    return undefined;
  }
  const number = displayNumber(display);
  if (number === undefined) {
    const detail = `$DISPLAY is ${display}, which is no display of this machine.`;
    checks.add("socket", false, detail, "export DISPLAY=:0");
    return undefined;
  }
  const path = `/tmp/.X11-unix/X${number}`;
  if (
    !checks.add(
      "socket",
      existsSync(path),
      `${path} is ${existsSync(path) ? "" : "not "}there.`,
      importLine,
    )
  ) {
    return undefined;
  }
  try {
    const server = await askXServer(number, { env, extensions: needed, msMax });
    checks.add("roundtrip", true, `${server.vendor}, release ${server.release}, let us in.`);
    for (const name of needed) {
      const has = server.extensions.has(name);
      const detail = `The server has ${has ? "" : "no "}${name}.`;
      checks.add(name, has, detail, `startx -- +extension ${name}`);
    }
    return server;
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    checks.add("roundtrip", false, `${why}.`, importLine);
    return undefined;
  }
}

/** X.Org counts 12101007 for 21.1.7 and 12014000 for 1.20.14. Pure. */
export function releaseVersion(vendor: string, release: number): string {
  if (!vendor.includes("X.Org")) return String(release);
  const [major, minor, patch] = [
    Math.floor(release / 10_000_000),
    Math.floor(release / 100_000) % 100,
    Math.floor(release / 1000) % 100,
  ];
  if (minor >= 21) return `${minor}.${patch}.${release % 1000}`;
  return `${major}.${minor}.${patch}`;
}
