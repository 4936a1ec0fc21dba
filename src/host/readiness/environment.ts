/**
 * The environment of the desktop for a program that was started outside it: a service of systemd,
 * a login by SSH. Such a program has neither WAYLAND_DISPLAY nor the session bus's address. What is
 * set is believed; what is not comes from systemd's user manager, which desktops tell their
 * environment, and else from the sockets that lie in the runtime folder.
 */
import { existsSync, readdirSync, statSync } from "node:fs";
import { connect } from "node:net";
import { join, resolve } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

/** What a desktop is found by. */
export const desktopVariables = [
  "XDG_RUNTIME_DIR",
  "DBUS_SESSION_BUS_ADDRESS",
  "WAYLAND_DISPLAY",
  "DISPLAY",
  "XAUTHORITY",
  "SWAYSOCK",
  "HYPRLAND_INSTANCE_SIGNATURE",
  "XDG_CURRENT_DESKTOP",
  "XDG_SESSION_TYPE",
] as const;
export type DesktopVariable = (typeof desktopVariables)[number];

export interface ImportedVariable {
  readonly name: DesktopVariable;
  readonly value: string;
  /** Where it was found, as "systemd's user manager" or the path of a socket. */
  readonly from: string;
}

/** What lies in the runtime folder, and answers. */
export interface FoundSockets {
  /** The runtime folder; undefined where there is none of this user's. */
  readonly runtimeFolder: string | undefined;
  /** Names below it, as wayland-1, of sockets that somebody listens on; the desktop's, the oldest, first. */
  readonly wayland: readonly string[];
  /** Names below it, as sway-ipc.1000.1234.sock, likewise. */
  readonly sway: readonly string[];
  /** Hyprland's instances, names below hypr/, likewise. */
  readonly hyprland: readonly string[];
  /** The session bus's socket is there. */
  readonly bus: boolean;
}

export interface ImportSources {
  readonly env: Environment;
  /** systemd's user manager's environment; undefined where it can't be asked. */
  readonly manager: Environment | undefined;
  readonly sockets: FoundSockets;
  /** Somebody listens on the Wayland socket that the manager names. */
  readonly isToldAlive: boolean;
}

/** What to add to the environment, and where each came from. Pure. */
export function importVariables(sources: ImportSources): ImportedVariable[] {
  const { env, manager, sockets } = sources;
  const imported: ImportedVariable[] = [];
  for (const name of desktopVariables) {
    const set = env[name];
    if (set !== undefined && set !== "") continue;
    const told = manager?.[name];
    const isUsable = told !== undefined && told !== "" && !isStale(name, told, sources);
    const found = isUsable ? { value: told, from: "systemd's user manager" } : look(name, sockets);
    if (found !== undefined) imported.push({ name, ...found });
  }
  return imported;
}

/** The manager keeps the names of desktops that have ended. */
function isStale(name: DesktopVariable, value: string, { sockets, isToldAlive }: ImportSources) {
  if (name === "WAYLAND_DISPLAY") return !isToldAlive;
  if (name === "SWAYSOCK") return !sockets.sway.some((socket) => value.endsWith(`/${socket}`));
  if (name === "HYPRLAND_INSTANCE_SIGNATURE") return !sockets.hyprland.includes(value);
  return false;
}

function look(
  name: DesktopVariable,
  { runtimeFolder, wayland, sway, hyprland, bus }: FoundSockets,
): { value: string; from: string } | undefined {
  if (runtimeFolder === undefined) return undefined;
  const socket = (file: string | undefined, value: (path: string) => string = (path) => path) => {
    if (file === undefined) return undefined;
    const path = join(runtimeFolder, file);
    return { value: value(path), from: path };
  };
  switch (name) {
    case "XDG_RUNTIME_DIR":
      return { value: runtimeFolder, from: "this user's runtime folder" };
    case "DBUS_SESSION_BUS_ADDRESS":
      return socket(bus ? "bus" : undefined, (path) => `unix:path=${path}`);
    case "WAYLAND_DISPLAY":
      return socket(wayland[0], () => wayland[0] as string);
    case "SWAYSOCK":
      return socket(sway[0]);
    case "HYPRLAND_INSTANCE_SIGNATURE":
      return socket(hyprland[0] && join("hypr", hyprland[0]), () => hyprland[0] as string);
    default:
      return undefined;
  }
}

/** Finds what `env` lacks; changes nothing. */
export async function findEnvironment(env: Environment = process.env): Promise<ImportedVariable[]> {
  const runtimeFolder = runtimeFolderOf(env);
  const manager = await managerEnvironment(env, runtimeFolder);
  const sockets = await findSockets(runtimeFolder);
  const told = manager?.["WAYLAND_DISPLAY"];
  const isToldAlive = told !== undefined && (await answers(resolve(runtimeFolder ?? "/", told)));
  return importVariables({ env, manager, sockets, isToldAlive });
}

/** Adds what this process's environment lacks, and tells what that was. */
export async function importEnvironment(): Promise<readonly ImportedVariable[]> {
  const imported = await findEnvironment(process.env);
  for (const { name, value } of imported) process.env[name] = value;
  return imported;
}

/** What was imported as a sentence; "" when nothing was. */
export function importWords(imported: readonly ImportedVariable[]): string {
  if (imported.length === 0) return "";
  const parts = imported.map(({ name, value, from }) => `${name}=${value} (from ${from})`);
  return `The desktop's environment was found: ${parts.join(", ")}.`;
}

function runtimeFolderOf(env: Environment): string | undefined {
  const set = env["XDG_RUNTIME_DIR"];
  const folder = set !== undefined && set !== "" ? set : `/run/user/${process.geteuid?.()}`;
  return existsSync(folder) ? folder : undefined;
}

const managerMsMax = 2000;

/** Undefined where there is no user manager, or systemd at all. */
export async function managerEnvironment(
  env: Environment,
  runtimeFolder: string | undefined,
): Promise<Environment | undefined> {
  const program = Bun.which("systemctl", { PATH: env["PATH"] ?? "/usr/bin:/bin" });
  if (program === null || runtimeFolder === undefined) return undefined;
  if (!existsSync(join(runtimeFolder, "systemd"))) return undefined;
  const asked = Bun.spawn([program, "--user", "show-environment"], {
    env: { ...env, XDG_RUNTIME_DIR: runtimeFolder },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
    timeout: managerMsMax,
  });
  const text = await new Response(asked.stdout).text();
  return (await asked.exited) === 0 ? parseEnvironment(text) : undefined;
}

/** The lines of `systemctl show-environment`, where odd values are quoted as the shell's $'…'. */
export function parseEnvironment(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const match = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line);
    if (match === null) continue;
    const quoted = /^\$'(.*)'$/.exec(match[2] as string)?.[1];
    found[match[1] as string] = quoted === undefined ? (match[2] as string) : unquoted(quoted);
  }
  return found;
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };
const unquoted = (text: string) =>
  text.replace(/\\(?:x([0-9a-f]{2})|(.))/gi, (_, hex: string | undefined, letter: string) =>
    hex === undefined ? (escapes[letter] ?? letter) : String.fromCharCode(Number.parseInt(hex, 16)),
  );

async function findSockets(folder: string | undefined): Promise<FoundSockets> {
  const names = folder === undefined ? [] : listing(folder);
  const inFolder = (name: string) => join(folder as string, name);
  const living = async (candidates: readonly string[], path: (name: string) => string) => {
    const alive = await Promise.all(candidates.map((name) => answers(path(name))));
    return candidates.filter((_, i) => alive[i]).sort((a, b) => since(path(a)) - since(path(b)));
  };
  const hypr = folder === undefined ? [] : listing(inFolder("hypr"));
  const [wayland, sway, hyprland] = await Promise.all([
    living(
      names.filter((name) => /^wayland-\d+$/.test(name)),
      inFolder,
    ),
    living(
      names.filter((name) => /^sway-ipc\.\d+\.\d+\.sock$/.test(name)),
      inFolder,
    ),
    living(hypr, (name) => inFolder(join("hypr", name, ".socket.sock"))),
  ]);
  return {
    runtimeFolder: folder,
    wayland,
    sway,
    hyprland,
    bus: folder !== undefined && isSocket(inFolder("bus")),
  };
}

const connectMsMax = 500;

/** Whether somebody listens on a socket; those who have ended leave theirs behind. */
function answers(path: string): Promise<boolean> {
  const { promise, resolve: settle } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  const timer = setTimeout(() => settle(false), connectMsMax);
  socket.on("connect", () => settle(true));
  socket.on("error", () => settle(false));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}

function listing(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

const isSocket = (path: string) => statSync(path, { throwIfNoEntry: false })?.isSocket() === true;
const since = (path: string) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
