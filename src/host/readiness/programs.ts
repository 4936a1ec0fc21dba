/** Readiness of the desktops that the host starts itself. */
import { toPfError } from "../../base/errors.ts";
import { installHere } from "../../base/install.ts";
import { chooseApplication } from "../displays/application.ts";
import { desktopUser, renderNode, runtimeBase } from "../displays/user.ts";
import { checkPipeWire } from "./pipewire.ts";
import type { ProbeContext } from "./probe.ts";
import { Checks, compareVersions, type Readiness, versionIn } from "./readiness.ts";

/** gamescope from this version on can run without a screen of its own. */
const gamescopeFloor = "3.16.22";

export async function probeSway(context: ProbeContext): Promise<Readiness> {
  const checks = new Checks();
  const version = await askProgram(checks, context, {
    program: "sway",
    fix: installHere("sway"),
  });
  checkUser(checks, context);
  checkApplication(checks, context);
  const node = version === null ? undefined : drawingNode(context);
  if (version !== null) {
    const how = node === undefined ? "The processor draws: no render node can be used." : node;
    checks.add("drawing", true, how);
  }
  return { kind: "sway", name: "sway", ok: checks.ok, version, checks: checks.list };
}

export async function probeGamescope(context: ProbeContext): Promise<Readiness> {
  const checks = new Checks();
  const version = await askProgram(checks, context, {
    program: "gamescope",
    fix: installHere("gamescope"),
  });
  if (version !== null) {
    const isNew = compareVersions(version, gamescopeFloor) >= 0;
    const detail = isNew
      ? `${version} can run without a screen.`
      : `${version} is too old to run without a screen: ${gamescopeFloor} is needed.`;
    checks.add("version", isNew, detail, installHere("gamescope"));
  }
  checkUser(checks, context);
  const node = drawingNode(context);
  const groups = "sudo usermod -aG render,video $USER # then log in anew";
  checks.add(
    "render node",
    node !== undefined,
    node ?? "There is no render node in /dev/dri that it may use, and it draws only by Vulkan.",
    groups,
  );
  checkPipeWire(checks, context);
  return { kind: "gamescope", name: "gamescope", ok: checks.ok, version, checks: checks.list };
}

/** A Mutter of the host's own, with what it needs beside itself. */
export async function probeOwnMutter(context: ProbeContext): Promise<Readiness> {
  const checks = new Checks();
  const fix = installHere("mutter");
  const version = await askProgram(checks, context, { program: "mutter", fix });
  for (const program of ["dbus-daemon", "pipewire", "wireplumber"]) {
    const path = which(context, program);
    checks.add(program, path !== null, path ?? `${program} is not installed.`, fix);
  }
  checkUser(checks, context);
  checkApplication(checks, context);
  return { kind: "mutter", name: "Mutter", ok: checks.ok, version, checks: checks.list };
}

const which = ({ env }: ProbeContext, name: string) => Bun.which(name, { PATH: env["PATH"] ?? "" });

/** Finds a program and asks for its version, in bounded time; null where it does not run. */
async function askProgram(
  checks: Checks,
  context: ProbeContext,
  { program, fix }: { readonly program: string; readonly fix: string },
): Promise<string | null> {
  const path = which(context, program);
  const found = path === null ? `${program} is not installed.` : path;
  if (!checks.add("program", path !== null, found, fix) || path === null) return null;
  const asked = Bun.spawn([path, "--version"], {
    env: { ...context.env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: context.msMax,
    killSignal: "SIGKILL",
  });
  const [out, errors] = await Promise.all([
    new Response(asked.stdout).text(),
    new Response(asked.stderr).text(),
  ]);
  const status = await asked.exited;
  const said = `${out}${errors}`.trim();
  const version = versionIn(said);
  const detail =
    version === null
      ? `${path} --version ended with status ${status}: ${said.split("\n").at(-1) ?? ""}`
      : `${program} ${version}`;
  checks.add("runs", version !== null, detail, fix);
  return version;
}

/** Whom it runs as, and where its sockets lie. */
function checkUser(checks: Checks, { env }: ProbeContext): void {
  const asUser = () => {
    const user = desktopUser(env);
    return user === undefined ? "It runs as this user." : `It runs as ${user.name}.`;
  };
  attempt(checks, "user", asUser, "sudo useradd --system --create-home punktfunk");
  const folder = () => `Its sockets lie in ${runtimeBase(env)}.`;
  attempt(checks, "runtime folder", folder, "sudo loginctl enable-linger $USER");
}

function checkApplication(checks: Checks, context: ProbeContext): void {
  const choose = () => {
    const app = chooseApplication({ app: undefined, which: (name) => which(context, name) });
    return `${app} is what it shows, unless --app names another one.`;
  };
  attempt(checks, "application", choose, installHere("terminal"));
}

function attempt(checks: Checks, name: string, run: () => string, fix: string): void {
  try {
    checks.add(name, true, run());
  } catch (thrown) {
    checks.add(name, false, toPfError(thrown).message, fix);
  }
}

function drawingNode({ env }: ProbeContext): string | undefined {
  try {
    return renderNode(desktopUser(env));
  } catch {
    return undefined; // Told by the check of the user.
  }
}
