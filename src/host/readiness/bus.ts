/** Readiness of the desktops that are reached by the session bus: Mutter, and the portal. */
import { type Installable, installHere } from "../../base/install.ts";
import { sessionBusAddress } from "../bus/address.ts";
import { Bus, BusError } from "../bus/bus.ts";
import type { BusValue } from "../bus/values.ts";
import { processNamed } from "./listener.ts";
import { checkPipeWire } from "./pipewire.ts";
import type { ProbeContext } from "./probe.ts";
import { probeOwnMutter } from "./programs.ts";
import { Checks, type Readiness, versionIn } from "./readiness.ts";

/** A service on the bus, and the object that is asked. */
interface Service {
  readonly name: string;
  readonly path: string;
  /** The first with what is needed of it. */
  readonly versionMin: number;
}

const mutterCast: Service = {
  name: "org.gnome.Mutter.ScreenCast",
  path: "/org/gnome/Mutter/ScreenCast",
  versionMin: 3, // RecordVirtual
};
const mutterInput: Service = {
  name: "org.gnome.Mutter.RemoteDesktop",
  path: "/org/gnome/Mutter/RemoteDesktop",
  versionMin: 1,
};
const portalName = "org.freedesktop.portal.Desktop";
const portalPath = "/org/freedesktop/portal/desktop";
const startGnome = "mutter --headless --virtual-monitor 1280x720 # or log in to GNOME";

/** The Mutter that runs; where none does, whether the host can start one. */
export async function probeMutter(context: ProbeContext): Promise<Readiness> {
  const found = await probeRunningMutter(context);
  const runs = found.checks.some(({ name, ok }) => name === mutterCast.name && ok);
  if (runs || context.running === true) return found;
  const own = await probeOwnMutter(context);
  return own.ok ? own : found;
}

async function probeRunningMutter(context: ProbeContext): Promise<Readiness> {
  const checks = new Checks();
  let version: string | null = null;
  let name = "Mutter";
  await withBus(checks, context, async (bus) => {
    const owner = await checkOwner(checks, bus, mutterCast.name);
    if (owner === null) return;
    name = (await processOf(checks, bus, owner)) ?? name;
    await checkService(checks, bus, mutterCast, context);
    if ((await checkOwner(checks, bus, mutterInput.name)) !== null) {
      await checkService(checks, bus, mutterInput, context);
    }
    version = await mutterVersion(bus, context);
  });
  checkPipeWire(checks, context);
  return { kind: "mutter", name, ok: checks.ok, version, checks: checks.list };
}

export async function probePortal(context: ProbeContext): Promise<Readiness> {
  const checks = new Checks();
  await withBus(checks, context, async (bus) => {
    const isThere = (await bus.ownerOf(portalName)) !== null || (await bus.canStart(portalName));
    const detail = `${portalName} is ${isThere ? "" : "not "}on the bus.`;
    if (!checks.add(portalName, isThere, detail, installHere("portal"))) return;
    await checkPortal(checks, bus, context);
  });
  checkPipeWire(checks, context);
  return { kind: "portal", name: "portal", ok: checks.ok, version: null, checks: checks.list };
}

/** Runs with a connection to the session bus; what fails in it is a failed check. */
async function withBus(
  checks: Checks,
  { env, msMax, signal }: ProbeContext,
  run: (bus: Bus) => Promise<void>,
): Promise<void> {
  const address = sessionBusAddress(env);
  if (address === undefined) {
    const detail = "There is no session bus: $DBUS_SESSION_BUS_ADDRESS is not set.";
    checks.add("session bus", false, detail, installHere("dbus"));
    return;
  }
  let bus: Bus;
  try {
    bus = await Bus.connect(address, { msMax });
  } catch (thrown) {
    signal?.throwIfAborted();
    const detail = `${address}: ${sentence(thrown)}`;
    checks.add("session bus", false, detail, "systemctl --user restart dbus.socket");
    return;
  }
  try {
    checks.add("session bus", true, `${address} answers.`);
    await run(bus);
  } catch (thrown) {
    signal?.throwIfAborted();
    checks.add("answers", false, sentence(thrown), "busctl --user list");
  } finally {
    await bus.close();
  }
}

function sentence(thrown: unknown): string {
  const words = thrown instanceof Error ? thrown.message : String(thrown);
  return /[.!?]$/.test(words) ? words : `${words}.`;
}

async function checkOwner(checks: Checks, bus: Bus, name: string): Promise<string | null> {
  const owner = await bus.ownerOf(name);
  const detail = owner === null ? `Nobody has ${name} on the bus.` : `${name} is on the bus.`;
  checks.add(name, owner !== null, detail, startGnome);
  return owner;
}

/** The name of the process behind a connection. */
async function processOf(checks: Checks, bus: Bus, owner: string): Promise<string | undefined> {
  const asked = { destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus" };
  const [pid] = await bus.call({
    ...asked,
    interface: asked.destination,
    member: "GetConnectionUnixProcessID",
    signature: "s",
    body: [owner],
  });
  const found = processNamed(Number(pid));
  if (found === undefined) return undefined;
  const isStopped = found.state === "T" || found.state === "t";
  const detail = `${found.name}, process ${found.pid}, ${isStopped ? "is stopped" : "is alive"}.`;
  checks.add("process", !isStopped, detail, `kill -CONT ${found.pid}`);
  return found.name;
}

/** An answer in bounded time, and of the version that is needed. */
async function checkService(
  checks: Checks,
  bus: Bus,
  { name, path, versionMin }: Service,
  context: ProbeContext,
): Promise<void> {
  const beganAt = performance.now();
  const asked = { destination: name, path, interface: name, name: "Version" };
  const version = Number(await ask(bus, asked, context));
  const ms = (performance.now() - beganAt).toFixed(1);
  const what = `${name.split(".").at(-1)} in version ${version}`;
  const isNew = version >= versionMin;
  const detail = isNew ? `It answered in ${ms} ms: ${what}.` : `It has ${what}, not ${versionMin}.`;
  checks.add(`${what.split(" ")[0]} answers`, isNew, detail, startGnome);
}

/** A property, with the probe's own bound. */
async function ask(
  bus: Bus,
  { name, ...of }: { destination: string; path: string; interface: string; name: string },
  { msMax }: ProbeContext,
): Promise<BusValue> {
  const [value] = await bus.call({
    ...of,
    interface: "org.freedesktop.DBus.Properties",
    member: "Get",
    signature: "ss",
    body: [of.interface, name],
    msMax,
  });
  return value as BusValue;
}

/** GNOME Shell tells it; Mutter alone does so by its program. */
async function mutterVersion(bus: Bus, context: ProbeContext): Promise<string | null> {
  const shell = "org.gnome.Shell";
  if ((await bus.ownerOf(shell)) !== null) {
    const asked = { destination: shell, path: "/org/gnome/Shell", interface: shell };
    const said = await ask(bus, { ...asked, name: "ShellVersion" }, context).catch(() => null);
    if (typeof said === "string") return said;
  }
  const program = Bun.which("mutter", { PATH: context.env["PATH"] ?? "" });
  if (program === null) return null;
  const asked = Bun.spawn([program, "--version"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
    timeout: context.msMax,
    killSignal: "SIGKILL",
  });
  return versionIn(await new Response(asked.stdout).text());
}

/** Which package brings the portal's part for a desktop, by the start of its name. */
const portalOf: readonly (readonly [desktop: RegExp, what: Installable])[] = [
  [/GNOME|Unity/i, "portalGnome"],
  [/KDE/i, "portalKde"],
  [/sway|wlroots|Hyprland|river|labwc/i, "portalWlr"],
];

async function checkPortal(checks: Checks, bus: Bus, context: ProbeContext): Promise<void> {
  const portal = { destination: portalName, path: portalPath };
  const cast = { ...portal, interface: "org.freedesktop.portal.ScreenCast" };
  const desktop = context.env["XDG_CURRENT_DESKTOP"] ?? "";
  const what = portalOf.find(([pattern]) => pattern.test(desktop))?.[1] ?? "portal";
  try {
    const version = Number(await ask(bus, { ...cast, name: "version" }, context));
    checks.add("ScreenCast", true, `It has ScreenCast in version ${version}.`);
    const types = Number(await ask(bus, { ...cast, name: "AvailableSourceTypes" }, context));
    const has = [
      types & 1 ? "screens" : "",
      types & 2 ? "windows" : "",
      types & 4 ? "virtual ones" : "",
    ];
    const words = has.filter((one) => one !== "").join(", ");
    checks.add("sources", types !== 0, `It offers ${words || "nothing"}.`, installHere(what));
  } catch (thrown) {
    if (!(thrown instanceof BusError)) throw thrown;
    checks.add(
      "ScreenCast",
      false,
      `The portal gives no screens: ${sentence(thrown)}`,
      installHere(what),
    );
    return;
  }
  const remote = { ...portal, interface: "org.freedesktop.portal.RemoteDesktop" };
  const version = await ask(bus, { ...remote, name: "version" }, context).catch(() => undefined);
  const input =
    version === undefined
      ? "It has no RemoteDesktop: input goes by the kernel's devices."
      : `It has RemoteDesktop in version ${version}.`;
  checks.add("input", true, input);
}
