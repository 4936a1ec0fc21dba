/** Whom the host's own desktop runs as, and with which environment. */
import { accessSync, constants, existsSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { PfError } from "../../base/errors.ts";

export interface DesktopUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

/**
 * The unprivileged user for a desktop of a host that runs as root: the one who called sudo, else
 * `punktfunk`, else `nobody`. Undefined when the host itself is unprivileged and stays who it is.
 */
export function desktopUser(
  env: Readonly<Record<string, string | undefined>>,
): DesktopUser | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  const sudo = env["SUDO_UID"];
  const names = [...(sudo === undefined || sudo === "0" ? [] : [sudo]), "punktfunk", "nobody"];
  for (const name of names) {
    const user = findUser(name);
    if (user !== undefined && user.uid !== 0 && user.gid !== 0) return user;
  }
  throw new PfError(
    "PF_SOURCE_FAILED",
    "A desktop can't run as root, and there is no other user.",
    {
      hint: "Create one with: useradd --system --create-home punktfunk.",
    },
  );
}

/** A line of passwd(5), by name or number, from wherever this system keeps its users. */
function findUser(name: string): DesktopUser | undefined {
  const found = Bun.spawnSync(["getent", "passwd", name], { stderr: "ignore" });
  return found.success ? parsePasswd(found.stdout.toString()) : undefined;
}

export function parsePasswd(line: string): DesktopUser | undefined {
  const [name, , uid, gid, , home, shell] = line.trim().split(":");
  if (name === undefined || uid === undefined || gid === undefined || home === undefined) {
    return undefined;
  }
  if (!/^\d+$/.test(uid) || !/^\d+$/.test(gid)) return undefined;
  return { name, uid: Number(uid), gid: Number(gid), home, shell: shell ?? "" };
}

/** Where the private folders of desktops are made: short enough for a socket's path. */
export function runtimeBase(env: Readonly<Record<string, string | undefined>>): string {
  const own = process.geteuid?.() === 0 ? "/run" : env["XDG_RUNTIME_DIR"];
  for (const folder of [own, tmpdir(), "/tmp"]) {
    if (folder?.startsWith("/") && folder.length < 60 && writable(folder)) return folder;
  }
  throw new PfError("PF_SOURCE_FAILED", "There is no folder to keep a desktop's sockets in.", {
    hint: "Set XDG_RUNTIME_DIR to a folder of your own.",
  });
}

function writable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The first render node that the desktop's user may use, or undefined. */
export function renderNode(user: DesktopUser | undefined): string | undefined {
  if (!existsSync("/dev/dri")) return undefined;
  const nodes = readdirSync("/dev/dri").filter((name) => name.startsWith("renderD"));
  return nodes
    .sort()
    .map((name) => `/dev/dri/${name}`)
    .find((path) => mayUse(path, user));
}

function mayUse(path: string, user: DesktopUser | undefined): boolean {
  try {
    if (user === undefined) {
      accessSync(path, constants.R_OK | constants.W_OK);
      return true;
    }
    /* Without supplementary groups, as it will run. */
    const { mode, uid, gid } = statSync(path);
    const shift = uid === user.uid ? 6 : gid === user.gid ? 3 : 0;
    return ((mode >> shift) & 6) === 6;
  } catch {
    return false;
  }
}

/** Names that a process of another user may inherit without learning anything of root's. */
const harmless = /^(PATH|LANG|LANGUAGE|LC_\w+|TZ|COLORTERM|XKB_DEFAULT_\w+|XCURSOR_\w+)$/;
/** Names that would lead an application to another desktop than its own. */
const foreign =
  /^(WAYLAND_\w+|DISPLAY|XAUTHORITY|SWAYSOCK|I3SOCK|WLR_\w+|XDG_(SESSION|SEAT|VTNR)\w*|TERM\w*)$/;

/** The environment of a desktop in `folder`. */
export function desktopEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  user: DesktopUser | undefined,
  folder: string,
): Record<string, string> {
  const own: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    const kept = user === undefined ? !foreign.test(name) : harmless.test(name);
    if (value !== undefined && kept) own[name] = value;
  }
  if (user !== undefined) {
    own["HOME"] = existsSync(user.home) ? user.home : folder;
    own["USER"] = user.name;
    own["LOGNAME"] = user.name;
    own["SHELL"] = loginShell(user.shell);
  }
  own["XDG_RUNTIME_DIR"] = folder;
  own["XDG_SESSION_TYPE"] = "wayland";
  own["XDG_CURRENT_DESKTOP"] = "sway";
  return own;
}

/** System users have a "shell" that only says no: a terminal would end at once. */
function loginShell(shell: string): string {
  if (shell !== "" && !/(nologin|false)$/.test(shell) && existsSync(shell)) return shell;
  return ["/bin/bash", "/bin/sh"].find((path) => existsSync(path)) ?? "sh";
}
