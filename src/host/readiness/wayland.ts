/** Readiness of the compositors that are reached by a Wayland socket. */
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { toPfError } from "../../base/errors.ts";
import { SwayIpc } from "../displays/ipc.ts";
import { type Listener, listenerOf } from "./listener.ts";
import type { ProbeContext } from "./probe.ts";
import { Checks, compareVersions, type Readiness, versionIn } from "./readiness.ts";
import { listGlobals, type WaylandGlobals } from "./wayland-registry.ts";

/** A global and the version that is needed. */
export type GlobalNeed = readonly [name: string, version: number];

/** Several ways to the same thing; the first that a compositor has is taken. */
interface Need {
  readonly what: string;
  readonly ways: readonly (readonly GlobalNeed[])[];
  /** What to do where none is there. */
  readonly fix: string;
}

/** Another desktop is the only way to what a compositor does not have. */
const otherCompositor = "punktfunk probe-compositor # lists the desktops that have it";

const wlrootsNeeds: readonly Need[] = [
  { what: "shared memory", ways: [[["wl_shm", 1]]], fix: otherCompositor },
  {
    what: "capture",
    ways: [
      [["zwlr_screencopy_manager_v1", 3]],
      [
        ["ext_image_copy_capture_manager_v1", 1],
        ["ext_output_image_capture_source_manager_v1", 1],
      ],
    ],
    fix: otherCompositor,
  },
  { what: "keyboard", ways: [[["zwp_virtual_keyboard_manager_v1", 1]]], fix: otherCompositor },
  { what: "pointer", ways: [[["zwlr_virtual_pointer_manager_v1", 1]]], fix: otherCompositor },
];

/** KWin shows these only to the program that a desktop entry asks for them with. */
const entry = "org.punktfunk.punktfunk.desktop";
const entryPath = new URL(`../../../packaging/applications/${entry}`, import.meta.url).pathname;
const kwinPermission =
  `sed 's|^Exec=.*|Exec=${process.execPath}|' ${entryPath} | ` +
  `install -Dm644 /dev/stdin ~/.local/share/applications/${entry} && ` +
  "(kbuildsycoca6 || kbuildsycoca5)";

const kwinNeeds: readonly Need[] = [
  { what: "capture", ways: [[["zkde_screencast_unstable_v1", 2]]], fix: kwinPermission },
  { what: "output modes", ways: [[["kde_output_management_v2", 1]]], fix: kwinPermission },
  { what: "input", ways: [[["org_kde_kwin_fake_input", 4]]], fix: kwinPermission },
];

/** KWin from this version on sets a virtual output's refresh rate. */
const kwinFloor = "6.5.6";

export async function probeWlroots(context: ProbeContext): Promise<Readiness> {
  const checks = new Checks();
  const found = await askWayland(checks, context, wlrootsNeeds);
  let version: string | null = null;
  const ipcPath = context.env["SWAYSOCK"];
  if (found !== undefined && ipcPath) version = await askSway(checks, ipcPath, context);
  const name = found?.listener?.name ?? "wlroots";
  return { kind: "wlroots", name, ok: checks.ok, version, checks: checks.list };
}

export async function probeHyprland(context: ProbeContext): Promise<Readiness> {
  const checks = new Checks();
  const { env } = context;
  const instance = env["HYPRLAND_INSTANCE_SIGNATURE"];
  let version: string | null = null;
  if (!instance || !env["XDG_RUNTIME_DIR"]) {
    checks.add(
      "instance",
      false,
      "$HYPRLAND_INSTANCE_SIGNATURE is not set.",
      "systemctl --user import-environment WAYLAND_DISPLAY HYPRLAND_INSTANCE_SIGNATURE",
    );
  } else {
    const path = join(env["XDG_RUNTIME_DIR"], "hypr", instance, ".socket.sock");
    const answer = await askLine(path, "version", context.msMax);
    version = versionIn(answer.text);
    const said = answer.text.split("\n")[0] ?? "";
    checks.add("control socket", answer.ok, answer.ok ? said : answer.text, "hyprctl version");
    await askWayland(checks, context, wlrootsNeeds);
  }
  return { kind: "hyprland", name: "Hyprland", ok: checks.ok, version, checks: checks.list };
}

export async function probeKwin(context: ProbeContext): Promise<Readiness> {
  const checks = new Checks();
  const found = await askWayland(checks, context, []);
  const listener = found?.listener;
  let version: string | null = null;
  if (found !== undefined) {
    const isKwin = listener === undefined || listener.name.startsWith("kwin_wayland");
    const other = `This desktop is ${listener?.name}, not KWin.`;
    if (checks.add("compositor", isKwin, isKwin ? "It is KWin." : other, startKwin)) {
      checkNeeds(checks, found.globals, kwinNeeds);
      version = await kwinVersion(context);
      const isOld = version !== null && compareVersions(version, kwinFloor) < 0;
      const what = `KWin ${version ?? "of an unknown version"}`;
      checks.add(
        "version",
        true,
        isOld ? `${what} works without exact refresh rates, which ${kwinFloor} brings.` : what,
      );
    }
  }
  return { kind: "kwin", name: "KWin", ok: checks.ok, version, checks: checks.list };
}

const startKwin = "startplasma-wayland";

async function kwinVersion({ env, msMax }: ProbeContext): Promise<string | null> {
  const program = Bun.which("kwin_wayland", { PATH: env["PATH"] ?? "" });
  if (program === null) return null;
  const asked = Bun.spawn([program, "--version"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
    timeout: msMax,
    killSignal: "SIGKILL",
  });
  return versionIn(await new Response(asked.stdout).text());
}

interface WaylandFound {
  readonly globals: WaylandGlobals;
  readonly listener: Listener | undefined;
}

/** Socket, process, round trip and globals; undefined when the compositor can't be asked. */
async function askWayland(
  checks: Checks,
  { env, msMax, signal }: ProbeContext,
  needs: readonly Need[],
): Promise<WaylandFound | undefined> {
  const display = env["WAYLAND_DISPLAY"];
  const folder = env["XDG_RUNTIME_DIR"];
  if (!display || (!display.startsWith("/") && !folder)) {
    const lacking = display ? "$XDG_RUNTIME_DIR" : "$WAYLAND_DISPLAY";
    const detail = `${lacking} is not set, and no Wayland socket was found.`;
    checks.add("socket", false, detail, importLine);
    return undefined;
  }
  const path = display.startsWith("/") ? display : join(folder as string, display);
  if (!existsSync(path)) {
    checks.add("socket", false, `There is no socket at ${path}.`, importLine);
    return undefined;
  }
  checks.add("socket", true, path);
  const listener = listenerOf(path);
  if (listener !== undefined) checkProcess(checks, listener);
  try {
    const startedAt = performance.now();
    const globals = await listGlobals(path, { msMax, ...(signal ? { signal } : {}) });
    const ms = (performance.now() - startedAt).toFixed(1);
    checks.add("roundtrip", true, `It answered in ${ms} ms and has ${globals.size} globals.`);
    checkNeeds(checks, globals, needs);
    return { globals, listener };
  } catch (thrown) {
    signal?.throwIfAborted();
    const fix = listener === undefined ? importLine : `kill -CONT ${listener.pid}`;
    checks.add("roundtrip", false, toPfError(thrown).message, fix);
    return undefined;
  }
}

const importLine =
  "systemctl --user import-environment WAYLAND_DISPLAY XDG_CURRENT_DESKTOP # in the desktop";

function checkProcess(checks: Checks, { pid, name, state }: Listener): void {
  const isStopped = state === "T" || state === "t";
  const detail = `${name}, process ${pid}, ${isStopped ? "is stopped" : "is alive"}.`;
  checks.add("process", !isStopped, detail, `kill -CONT ${pid}`);
}

function checkNeeds(checks: Checks, globals: WaylandGlobals, needs: readonly Need[]): void {
  for (const { what, ways, fix } of needs) {
    const way = ways.find((all) => all.every(([name, v]) => (globals.get(name) ?? 0) >= v));
    const words = (way ?? ways[0] ?? []).map(([name, needed]) => {
      const has = globals.get(name);
      if (way !== undefined) return `${name} in version ${has}`;
      return has === undefined ? `no ${name}` : `${name} in version ${has}, not ${needed}`;
    });
    checks.add(what, way !== undefined, `It has ${words.join(" and ")}.`, fix);
  }
}

/** sway's version, which its IPC tells. */
async function askSway(
  checks: Checks,
  path: string,
  { msMax }: ProbeContext,
): Promise<string | null> {
  const asking = SwayIpc.connect(path).then(async (ipc) => {
    try {
      return (await ipc.version()).human_readable;
    } finally {
      ipc.close();
    }
  });
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("sway does not answer.")), msMax);
  try {
    const said = await Promise.race([asking, late.promise]);
    checks.add("IPC", true, `sway ${said} answers at ${path}.`);
    return versionIn(said) ?? said;
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown);
    checks.add("IPC", false, why, "systemctl --user unset-environment SWAYSOCK");
    return null;
  } finally {
    clearTimeout(timer);
    asking.catch(() => {});
  }
}

const lineBytesMax = 65_536;

/** Writes a question to a socket and reads what is said until it is closed. */
async function askLine(
  path: string,
  question: string,
  msMax: number,
): Promise<{ readonly ok: boolean; readonly text: string }> {
  const { promise, resolve } = Promise.withResolvers<{ ok: boolean; text: string }>();
  const socket = connect(path);
  const late = { ok: false, text: `Nobody answered at ${path} within ${msMax} ms.` };
  const timer = setTimeout(() => resolve(late), msMax);
  let text = "";
  socket.on("connect", () => socket.write(question));
  socket.on("data", (chunk: Buffer) => {
    text += chunk.toString("utf8");
    if (text.length > lineBytesMax) resolve({ ok: true, text });
  });
  socket.on("error", (error) => resolve({ ok: false, text: `${path}: ${error.message}.` }));
  socket.on("close", () => resolve({ ok: text !== "", text: text || `${path} said nothing.` }));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
