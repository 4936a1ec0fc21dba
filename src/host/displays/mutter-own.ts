/**
 * A headless Mutter of the host's own, with the message bus, PipeWire and WirePlumber that it
 * needs, and one application. All of it runs under pf_supervise with a private runtime folder, so
 * that nothing outlives the display or the host.
 */
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PfError } from "../../base/errors.ts";
import { probePipeWire } from "../../ffi/pipewire/pipewire.ts";
import { Supervised } from "../../ffi/supervise/supervise.ts";
import { Bus } from "../bus/bus.ts";
import { notFound, plainProgram } from "./application.ts";
import { mutterNames } from "./mutter-cast.ts";
import { type DesktopUser, desktopEnvironment, renderNode, runtimeBase } from "./user.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** All of it starts in 0.5 to 1.5 s. */
const readyMsMax = 15_000;
/** Mutter has nothing to save; its servers end within a few hundredths of a second. */
const graceMs = 300;
/** How often PipeWire's session manager is asked for, which nothing announces outside PipeWire. */
const askMs = 20;
/** An application that ends sooner and well has put itself into the background. */
const startMsMax = 2000;

export interface MutterProcessOptions {
  readonly app: string;
  readonly user: DesktopUser | undefined;
  readonly env: Environment;
}

export class MutterProcess {
  /** As DBUS_SESSION_BUS_ADDRESS has it. */
  readonly busAddress: string;
  /** The PipeWire that its pictures come by. */
  readonly remote: { readonly socketPath: string };
  /** Mutter without GNOME Shell has this layout and no settings for another. */
  readonly keyboard = { keyboardLayout: "us", canType: isOnUsKeyboard } as const;
  /** Resolves with a sentence when it or its application ends without `stop`. */
  readonly ended: Promise<string>;
  readonly #ending = Promise.withResolvers<string>();
  readonly #busReady = Promise.withResolvers<void>();
  readonly #supervised: Supervised;
  readonly #folder: string;
  readonly #app: string;
  readonly #token = randomBytes(8).toString("hex");
  #startedAt = 0;
  #stopped = false;

  private constructor(options: MutterProcessOptions) {
    const { env, user } = options;
    this.#app = options.app;
    this.ended = this.#ending.promise;
    const name = `punktfunk-${process.pid}-${randomBytes(4).toString("hex")}`;
    const folder = join(runtimeBase(env), name);
    this.#folder = folder;
    this.busAddress = `unix:path=${join(folder, "bus")}`;
    this.remote = { socketPath: join(folder, "pipewire-0") };
    const own = ownEnvironment(options, folder, this.busAddress);
    const hasX11 = Bun.which("Xwayland", { PATH: own["PATH"] ?? "" }) !== null;
    this.#supervised = new Supervised({
      command: ["sh", join(folder, "session")],
      env: own,
      cwd: "/",
      graceMs,
      folder,
      files: {
        "bus.conf": busConfig(folder),
        session: sessionScript({ folder, token: this.#token, hasX11 }),
        application: applicationScript(this.#app, this.#token),
      },
      ...(user === undefined ? {} : { user }),
      onLine: (line) => this.#onLine(line),
    });
    void this.#supervised.exited.then((status) => {
      this.#tell(this.#failure(`mutter ended with status ${status}`).message);
    });
  }

  /** Resolves when Mutter and PipeWire answer. Throws PF_SOURCE_FAILED, or the signal's reason. */
  static async start(options: MutterProcessOptions, signal?: AbortSignal): Promise<MutterProcess> {
    const mutter = new MutterProcess(options);
    const waiting = new AbortController();
    const failed = Promise.withResolvers<never>();
    const late = () => failed.reject(mutter.#failure("mutter did not get ready in time"));
    const timer = setTimeout(late, readyMsMax);
    const abort = () => failed.reject(signal?.reason);
    signal?.addEventListener("abort", abort);
    const early = mutter.#supervised.exited.then((status) => {
      throw mutter.#failure(`mutter ended at its start with status ${status}`);
    });
    const ready = mutter.#begin(waiting.signal);
    try {
      await Promise.race([ready, failed.promise, early]);
      return mutter;
    } catch (error) {
      await mutter.stop();
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      waiting.abort();
      for (const promise of [early, ready]) promise.catch(() => {});
    }
  }

  /** Once the monitor is there, so that windows open on it. */
  async startApplication(): Promise<void> {
    this.#startedAt = performance.now();
    await writeFile(join(this.#folder, "go"), "");
  }

  /** Ends all of it. Idempotent; never rejects. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#supervised.stop();
  }

  async #begin(signal: AbortSignal): Promise<void> {
    await this.#busReady.promise;
    if (signal.aborted) return;
    const bus = await Bus.connect(this.busAddress);
    try {
      const closed = bus.closed.then((words) => {
        throw new PfError("PF_SOURCE_FAILED", words);
      });
      closed.catch(() => {});
      await Promise.race([Promise.all(mutterNames.map((name) => appears(bus, name))), closed]);
    } finally {
      await bus.close();
    }
    while (!signal.aborted && !probePipeWire(this.remote.socketPath).ok) await Bun.sleep(askMs);
  }

  #onLine(line: string): void {
    const [mark, token, status] = line.split(" ");
    if (line === this.busAddress || line.startsWith(`${this.busAddress},`))
      this.#busReady.resolve();
    if (token !== this.#token) return;
    if (mark === "application-ended") this.#onApplication(Number(status));
    if (mark === "pipewire-ended") this.#tell("The PipeWire of the desktop has ended.");
  }

  #onApplication(status: number): void {
    if (status === 0 && performance.now() - this.#startedAt < startMsMax) return;
    const program = plainProgram(this.#app) ?? this.#app;
    if (status === 0) this.#tell("The application has ended.");
    else if (status === 127) this.#tell(notFound(this.#app, program).message);
    else this.#tell(this.#failure(`"${this.#app}" ended with status ${status}`).message);
  }

  #tell(words: string): void {
    if (!this.#stopped) this.#ending.resolve(words);
  }

  /** With the last words of Mutter and its servers. */
  #failure(what: string): PfError {
    const words = this.#supervised.errorLines.slice(-5).join("\n");
    return new PfError("PF_SOURCE_FAILED", words === "" ? `${what}.` : `${what}:\n${words}`);
  }
}

function isOnUsKeyboard(codePoint: number): boolean {
  return codePoint === 0x0a || codePoint === 0x09 || (codePoint >= 0x20 && codePoint <= 0x7e);
}

/** Resolves when somebody has the name. */
async function appears(bus: Bus, name: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const interfaceName = "org.freedesktop.DBus";
  const match = { sender: interfaceName, interface: interfaceName, member: "NameOwnerChanged" };
  await bus.onSignal({ ...match, arg0: name }, ([, , owner]) => {
    if (owner !== "") resolve();
  });
  if ((await bus.ownerOf(name)) === null) await promise;
}

function ownEnvironment(
  { env, user }: MutterProcessOptions,
  folder: string,
  busAddress: string,
): Record<string, string> {
  const own = desktopEnvironment(env, user, folder);
  for (const name of Object.keys(own)) {
    if (/^(PIPEWIRE|PULSE)_(REMOTE|RUNTIME_DIR|RUNTIME_PATH|SERVER)$/.test(name)) delete own[name];
  }
  own["DBUS_SESSION_BUS_ADDRESS"] = busAddress;
  own["XDG_CURRENT_DESKTOP"] = "GNOME";
  if (renderNode(user) === undefined) own["LIBGL_ALWAYS_SOFTWARE"] = "1";
  return own;
}

/** Ways of well-known terminals to begin as large as the monitor. */
const maximizedBy: Readonly<Record<string, string>> = {
  foot: "foot --maximized",
  kitty: "kitty --start-as=maximized",
  "gnome-terminal": "gnome-terminal --wait --maximize",
};
const maximized = (app: string) => maximizedBy[app] ?? app;

/** Whoever gets into the folder may talk to the bus: a host that runs as root, too. */
const busConfig = (folder: string) => `<!DOCTYPE busconfig PUBLIC
  "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=${folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <standard_session_servicedirs/>
  <policy context="default">
    <allow user="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
`;

interface SessionScript {
  readonly folder: string;
  /** What no application can guess. */
  readonly token: string;
  readonly hasX11: boolean;
}

/**
 * Mutter becomes this script's process, and ends with PipeWire, without which it shows nothing.
 * The bus listens when its program has gone into the background, and its address is told.
 * WirePlumber 0.4 and 0.5 are told, each in its own words, to leave this machine's devices to the
 * user's own PipeWire.
 */
const sessionScript = ({ folder, token, hasX11 }: SessionScript) => `cd ${folder}
dbus-daemon --config-file=bus.conf --fork --nopidfile --print-address=1 || exit
mkdir -p config/wireplumber/main.lua.d config/wireplumber/bluetooth.lua.d \\
  config/wireplumber/wireplumber.conf.d
for monitor in alsa v4l2 libcamera; do
  echo "\${monitor}_monitor.enabled = false"
done > config/wireplumber/main.lua.d/80-no-devices.lua
echo "bluez_monitor.enabled = false" > config/wireplumber/bluetooth.lua.d/80-no-devices.lua
cat > config/wireplumber/wireplumber.conf.d/no-devices.conf <<END
wireplumber.profiles = { main = { hardware.audio = disabled, hardware.bluetooth = disabled,
  hardware.video-capture = disabled } }
END
{ pipewire >&2; echo "pipewire-ended ${token}"; kill $$; } &
{
  while [ ! -S pipewire-0 ]; do sleep 0.02; done
  XDG_CONFIG_HOME=${folder}/config XDG_STATE_HOME=${folder}/state exec wireplumber
} >&2 &
exec mutter --headless --wayland ${hasX11 ? "" : "--no-x11"} -- sh ${folder}/application
`;

/**
 * Mutter gives it its displays, and ends with it: so it stays. Standard output is this program's;
 * the application's goes where Mutter's messages go.
 */
const applicationScript = (app: string, token: string) => `
while [ ! -e "$XDG_RUNTIME_DIR/go" ]; do sleep 0.02; done
cd "$HOME" || cd /
(
${maximized(app)}
) >&2
echo "application-ended ${token} $?"
exec sleep infinity
`;
