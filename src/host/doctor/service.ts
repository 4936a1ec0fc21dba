/** Whether the host starts by itself, and what it would find then. */
import { createSocket } from "node:dgram";
import { existsSync, readdirSync, statfsSync, statSync } from "node:fs";
import { createServer } from "node:net";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { type Examination, wordsOf } from "../../base/diagnosis.ts";
import { asRoot } from "../../base/install.ts";
import { type StateKind, stateFolder } from "../../base/state.ts";
import { managementPortDefault } from "../../wire/management.ts";
import { usualPort } from "../../wire/ports.ts";
import { findEnvironment } from "../readiness/environment.ts";
import { lockFolder } from "../trust/folder-lock.ts";

export const units = ["punktfunk.service", "punktfunk-headless.service"] as const;

export async function examineService(look: Examination): Promise<void> {
  look.progress("Asking systemd …");
  const hasDesktop = await checkEnvironment(look);
  await checkUnits(look, hasDesktop ? units[0] : units[1]);
  checkState(look);
  const isRunning = checkLock(look);
  look.progress("Trying the ports …");
  await checkPorts(look, isRunning);
}

interface Asked {
  readonly status: number;
  readonly text: string;
}

const askMsMax = 3000;

async function ask(program: string, ...words: string[]): Promise<Asked | undefined> {
  const path = Bun.which(program);
  if (path === null) return undefined;
  const asked = Bun.spawn([path, ...words], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: askMsMax,
  });
  const [out, errors] = await Promise.all([
    new Response(asked.stdout).text(),
    new Response(asked.stderr).text(),
  ]);
  return { status: await asked.exited, text: `${out}${errors}`.trim() };
}

/** `fitting` is the unit to install where there is none. */
async function checkUnits(look: Examination, fitting: string): Promise<void> {
  const asked = await ask("systemctl", "--user", "show-environment");
  if (asked === undefined || asked.status !== 0) {
    const why = asked === undefined ? "systemctl is not installed" : lastLine(asked.text);
    const fix = "loginctl enable-linger && export XDG_RUNTIME_DIR=/run/user/$(id -u)";
    look.warn("user manager", `systemd's manager of this user can't be asked: ${why}.`, fix);
    return;
  }
  look.ok("user manager", "systemd's manager of this user answers.");
  checkProgram(look);
  const found = await Promise.all(units.map(stateOf));
  const installed = found.filter(({ LoadState }) => LoadState === "loaded");
  if (installed.length === 0) {
    look.warn("unit", `None of ${units.join(" and ")} is installed.`, installLine(fitting));
    return;
  }
  for (const state of installed) checkUnit(look, state);
  checkLinger(
    look,
    installed.some(({ unit }) => unit === units[1]),
  );
}

const lastLine = (text: string) => (text.split("\n").at(-1) ?? "").replace(/\.$/, "");

const properties = [
  "LoadState",
  "UnitFileState",
  "ActiveState",
  "SubState",
  "Result",
  "NRestarts",
] as const;
type UnitState = { readonly unit: string } & Partial<Record<(typeof properties)[number], string>>;

async function stateOf(unit: string): Promise<UnitState> {
  const asked = await ask("systemctl", "--user", "show", unit, "-p", properties.join(","));
  const pairs = (asked?.text ?? "").split("\n").map((line) => {
    const at = line.indexOf("=");
    return [line.slice(0, at), line.slice(at + 1)];
  });
  return { unit, ...Object.fromEntries(pairs) };
}

/** Where this program's own unit files lie. */
const unitFolder = new URL("../../../packaging/systemd/", import.meta.url).pathname;

function installLine(unit: string): string {
  const target = `~/.config/systemd/user/${unit}`;
  const linger = unit === units[1] ? " && loginctl enable-linger" : "";
  return (
    `install -Dm644 ${join(unitFolder, unit)} ${target} && ` +
    `systemctl --user daemon-reload && systemctl --user enable --now ${unit}${linger}`
  );
}

function checkUnit(look: Examination, state: UnitState): void {
  const { unit, UnitFileState, ActiveState, SubState, Result, NRestarts } = state;
  const isEnabled = UnitFileState === "enabled";
  if (isEnabled) look.ok(unit, "It is enabled: it starts by itself.");
  else {
    const detail = `It is ${UnitFileState || "installed"}, not enabled: it does not start by itself.`;
    look.warn(unit, detail, `systemctl --user enable ${unit}`);
  }
  const restarts = NRestarts === "0" ? "" : `, after ${NRestarts} restarts`;
  if (ActiveState === "active") look.ok(`${unit} runs`, `It is ${SubState}${restarts}.`);
  else if (ActiveState === "failed" || Result !== "success") {
    const fix = `journalctl --user -u ${unit} -n 50 --no-pager; systemctl --user restart ${unit}`;
    look.fail(`${unit} runs`, `It has failed (${Result})${restarts}.`, fix);
  } else if (isEnabled) {
    const fix = `systemctl --user start ${unit}`;
    look.warn(`${unit} runs`, `It is ${ActiveState} (${SubState}).`, fix);
  }
}

/** The unit finds the program by its own PATH. */
function checkProgram(look: Examination): void {
  const home = process.env["HOME"] ?? userInfo().homedir;
  const path = `${join(home, ".local/bin")}:/usr/local/bin:/usr/bin:/bin`;
  const found = Bun.which("punktfunk", { PATH: path });
  if (found !== null) {
    look.ok("program", `The service finds ${found}.`);
    return;
  }
  const main = new URL("../../cli/main.ts", import.meta.url).pathname;
  const script = `#!/bin/sh\\nexec ${process.execPath} ${main} "$@"\\n`;
  const target = "~/.local/bin/punktfunk";
  const fix = `mkdir -p ~/.local/bin && printf '${script}' > ${target} && chmod +x ${target}`;
  look.warn("program", `There is no punktfunk in ${path}, where the service looks.`, fix);
}

function checkLinger(look: Examination, isHeadless: boolean): void {
  const { username } = userInfo();
  if (existsSync(join("/var/lib/systemd/linger", username))) {
    look.ok("lingering", `Services of ${username} run without a login.`);
  } else if (isHeadless) {
    const detail = `Services of ${username} end with the last login.`;
    look.fail("lingering", detail, `loginctl enable-linger ${username}`);
  } else {
    look.ok(
      "lingering",
      `Services of ${username} run while somebody is logged in, as desktops do.`,
    );
  }
}

/** What a service, which starts with next to nothing, would find; whether a desktop is in it. */
async function checkEnvironment(look: Examination): Promise<boolean> {
  const { HOME, PATH, XDG_RUNTIME_DIR } = process.env;
  const imported = await findEnvironment({ HOME, PATH, XDG_RUNTIME_DIR });
  const list = imported.map(({ name, value, from }) => `${name}=${value} (${from})`).join(", ");
  const names = imported.map(({ name }): string => name);
  const hasDesktop = names.some((name) => ["WAYLAND_DISPLAY", "DISPLAY"].includes(name));
  if (hasDesktop) {
    look.ok("environment", `A service finds the desktop: ${list}.`);
    return true;
  }
  const fix =
    "systemctl --user import-environment WAYLAND_DISPLAY DISPLAY XDG_CURRENT_DESKTOP SWAYSOCK";
  const rest = list === "" ? "" : ` It finds ${list}.`;
  look.warn("environment", `A service finds no running desktop.${rest}`, `${fix} # in the desktop`);
  return false;
}

const kinds = ["config", "data", "state"] as const satisfies readonly StateKind[];
const freeMiBWorth = 256;
const freeMiBMin = 16;

/** Folders of 0700, files of 0600, of this user alone. */
function checkState(look: Examination): void {
  const uid = process.geteuid?.() ?? 0;
  for (const kind of kinds) {
    const folder = stateFolder(kind);
    const name = `${kind} folder`;
    if (!existsSync(folder)) {
      look.ok(name, `${folder} is made when it is first needed.`);
      continue;
    }
    try {
      const foreign = [folder, ...filesIn(folder)].filter((path) => statSync(path).uid !== uid);
      const open = [folder, ...filesIn(folder)].filter(
        (path) => (statSync(path).mode & 0o077) !== 0,
      );
      const isFolder = statSync(folder).isDirectory();
      if (!isFolder) look.fail(name, `${folder} is no folder.`, `mv ${folder} ${folder}.old`);
      else if (foreign.length > 0) {
        look.fail(name, `${foreign[0]} is another user's.`, asRoot(`chown -R $USER: ${folder}`));
      } else if ((statSync(folder).mode & 0o700) !== 0o700) {
        look.fail(name, `This user may not write to ${folder}.`, `chmod -R u+rwX ${folder}`);
      } else if (open.length > 0) {
        const detail = `Other users may read ${open[0]}, where keys are kept.`;
        look.warn(name, detail, `chmod -R go-rwx ${folder}`);
      } else look.ok(name, `${folder} is this user's alone.`);
    } catch (error) {
      look.fail(
        name,
        `${folder} can't be read: ${(error as Error).message}.`,
        `chmod -R u+rwX ${folder}`,
      );
    }
  }
  checkDisk(look);
}

const filesIn = (folder: string) =>
  statSync(folder).isDirectory() ? readdirSync(folder).map((name) => join(folder, name)) : [];

function checkDisk(look: Examination): void {
  let folder = stateFolder("data");
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = statfsSync(folder);
  const freeMiB = (bavail * bsize) / 2 ** 20;
  const words = `${freeMiB.toFixed(0)} MiB are free below ${folder}`;
  const fix = `du -xh --max-depth=2 ${folder} | sort -h | tail`;
  if (freeMiB < freeMiBMin) look.fail("disk", `${words}: its state can't be kept.`, fix);
  else if (freeMiB < freeMiBWorth) look.warn("disk", `${words}.`, fix);
  else look.ok("disk", `${words}.`);
}

/** Whether a host has the state's folder now. */
function checkLock(look: Examination): boolean {
  const folder = stateFolder("data");
  if (!existsSync(folder)) return false;
  try {
    lockFolder(folder).release();
    look.ok("host", "No other host of this user runs.");
    return false;
  } catch (thrown) {
    const words = wordsOf(thrown);
    const isRunning = words.startsWith("Another host");
    if (isRunning) look.ok("host", `A host runs now: ${words}`);
    else look.fail("host", words, `ls -la ${folder}`);
    return isRunning;
  }
}

async function checkPorts(look: Examination, isRunning: boolean): Promise<void> {
  const wanted = [
    ["control port", "UDP", usualPort],
    ["media port", "UDP", usualPort + 1],
    ["management port", "TCP", managementPortDefault],
  ] as const;
  for (const [name, protocol, port] of wanted) {
    const code = await (protocol === "UDP" ? tryUdp(port) : tryTcp(port));
    const where = `${protocol} port ${port}`;
    if (code === undefined) look.ok(name, `${where} is free.`);
    else if (isRunning && code === "EADDRINUSE")
      look.ok(name, `${where} is taken by the host that runs.`);
    else {
      const kind = protocol === "UDP" ? "-lunp" : "-ltnp";
      const fix = `${asRoot("ss")} ${kind} 'sport = :${port}'`;
      look.fail(name, `${where} can't be had: ${code}.`, fix);
    }
  }
}

/** The system's code when it can't be bound. */
function tryUdp(port: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = createSocket({ type: "udp6" });
  socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  socket.bind({ port, address: "::", exclusive: true }, () => resolve(undefined));
  return promise.finally(() => {
    try {
      socket.close();
    } catch {} // It was never bound.
  });
}

function tryTcp(port: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const server = createServer();
  server.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  server.listen({ port, host: "127.0.0.1", exclusive: true }, () => resolve(undefined));
  return promise.finally(() => server.close());
}
