/**
 * For tests: a PipeWire of their own with WirePlumber and the message bus that it needs, in a
 * runtime folder of their own, without the machine's sound cards and cameras.
 */
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nativeProgram } from "../build.ts";
import { Supervised } from "../supervise/supervise.ts";

const programs = ["pipewire", "wireplumber", "dbus-daemon", "pw-cli", "pw-metadata"];

/** Whether this machine can run the tests at all. */
export const pipeWireInstalled = programs.every((name) => Bun.which(name) !== null);

export interface PipeWireOptions {
  /** Whom the servers run as; default: the tests' own user. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Whether WirePlumber runs too; default true. */
  readonly sessionManager?: boolean;
  /** Address of a message bus to use; default: one of its own. */
  readonly bus?: string;
  /** Its threads run before all others, if the system lets them: sound in time on a busy machine. */
  readonly isUrgent?: boolean;
}

/** For `sh -c`: runs its arguments as a program that runs before all others. */
export const urgently = 'chrt -f 5 true 2>&- && set -- chrt -f 5 "$@"; exec "$@"';

/** WirePlumber 0.4 and 0.5, each in its own words: no devices of this machine. */
const policy = `
mkdir -p config/wireplumber/main.lua.d config/wireplumber/bluetooth.lua.d \
  config/wireplumber/wireplumber.conf.d
for monitor in alsa v4l2 libcamera; do
  echo "\${monitor}_monitor.enabled = false"
done > config/wireplumber/main.lua.d/80-no-devices.lua
echo "bluez_monitor.enabled = false" > config/wireplumber/bluetooth.lua.d/80-no-devices.lua
cat > config/wireplumber/wireplumber.conf.d/no-devices.conf <<END
wireplumber.profiles = { main = { hardware.audio = disabled, hardware.bluetooth = disabled,
  hardware.video-capture = disabled } }
END
`;

/** Starts the servers; dispose with `await using`. Resolves when both answer. */
export async function startPipeWire(options: PipeWireOptions = {}): Promise<PipeWireServer> {
  nativeProgram("release", "bin/pf_supervise");
  const server = new PipeWireServer(options);
  try {
    await server.start();
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

interface Server {
  readonly process: Supervised;
  readonly pid: Promise<number>;
}

export class PipeWireServer implements AsyncDisposable {
  /** The XDG_RUNTIME_DIR of its clients. */
  readonly runtimeDir: string;
  readonly socketPath: string;
  /** The whole environment of its clients. */
  readonly env: Readonly<Record<string, string>>;
  readonly #options: PipeWireOptions;
  readonly #clients = new Set<Supervised>();
  #bus: Supervised | undefined;
  #pipewire: Server | undefined;
  #wireplumber: Server | undefined;

  constructor(options: PipeWireOptions) {
    this.#options = options;
    this.runtimeDir = mkdtempSync(join(tmpdir(), "pf-pw-"));
    rmdirSync(this.runtimeDir); // the first server makes it, and removes it at its end
    this.socketPath = join(this.runtimeDir, "pipewire-0");
    this.env = {
      PATH: process.env["PATH"] ?? "/usr/bin:/bin",
      LANG: "C.UTF-8",
      HOME: this.runtimeDir,
      XDG_RUNTIME_DIR: this.runtimeDir,
      XDG_CONFIG_HOME: join(this.runtimeDir, "config"),
      XDG_STATE_HOME: join(this.runtimeDir, "state"),
      DBUS_SESSION_BUS_ADDRESS: options.bus ?? `unix:path=${this.runtimeDir}/bus`,
      DBUS_SYSTEM_BUS_ADDRESS: "unix:path=/dev/null",
    };
  }

  /** Starts what does not run; also after `kill`. */
  async start(): Promise<void> {
    this.#bus ??= await this.#startBus();
    this.#pipewire ??= this.#startServer("pipewire");
    await this.#answers(["pw-cli", "info", "0"], "name: ");
    if (this.#options.sessionManager === false) return;
    this.#wireplumber ??= this.#startServer("wireplumber");
    await this.#answers(["pw-metadata", "-n", "default"], 'Found "default"');
  }

  /** Kills both servers without a word to their clients, as a crash would. */
  async kill(): Promise<void> {
    const both = [this.#pipewire, this.#wireplumber].filter((one) => one !== undefined);
    this.#pipewire = this.#wireplumber = undefined;
    for (const { pid } of both) {
      try {
        process.kill(await pid, "SIGKILL");
      } catch {
        // WirePlumber may have gone with PipeWire.
      }
    }
    for (const { process: one } of both) {
      await one.exited;
      this.#clients.delete(one);
    }
  }

  /** Runs a client until the server is disposed of, if `stop` is not called before. */
  spawn(command: readonly string[], onLine?: (line: string) => void): Supervised {
    const client = this.#supervise({ command, ...(onLine === undefined ? {} : { onLine }) });
    this.#clients.add(client);
    return client;
  }

  /** Runs a client to its end and returns what it wrote to its standard output. */
  async run(command: readonly string[]): Promise<string> {
    const lines: string[] = [];
    await this.#supervise({ command, onLine: (line) => lines.push(line) }).exited;
    return lines.join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of [...this.#clients].reverse()) await client.stop();
    this.#clients.clear();
    this.#pipewire = this.#wireplumber = undefined;
    await this.#bus?.stop();
    this.#bus = undefined;
  }

  #supervise(
    more: Pick<ConstructorParameters<typeof Supervised>[0], "command" | "folder" | "onLine">,
  ) {
    const { user } = this.#options;
    return new Supervised({ env: this.env, ...(user === undefined ? {} : { user }), ...more });
  }

  #startServer(name: string): Server {
    const pid = Promise.withResolvers<number>();
    const how = this.#options.isUrgent === true ? urgently : 'exec "$@"';
    const command = ["sh", "-c", `echo $$; ${how}`, "sh", name];
    const started = this.spawn(command, (line) => pid.resolve(Number(line)));
    return { process: started, pid: pid.promise };
  }

  /** The bus, or what stands for it: it owns the folder. */
  async #startBus(): Promise<Supervised> {
    const ready = Promise.withResolvers<void>();
    const bus =
      this.#options.bus === undefined
        ? `exec dbus-daemon --session --nofork --nopidfile --address="$DBUS_SESSION_BUS_ADDRESS" --print-address`
        : "echo; exec sleep infinity";
    const started = this.#supervise({
      command: ["sh", "-ec", `cd "$XDG_RUNTIME_DIR"; ${policy} ${bus}`],
      folder: this.runtimeDir,
      onLine: () => ready.resolve(),
    });
    const failed = started.exited.then(() => {
      throw new Error(`The message bus ended: ${started.errorLines.join(" ")}`);
    });
    await Promise.race([ready.promise, failed]);
    failed.catch(() => {});
    return started;
  }

  async #answers(command: readonly string[], words: string): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (!(await this.run(command)).includes(words)) {
      if (performance.now() > deadline) {
        const servers = [this.#pipewire, this.#wireplumber];
        const errors = servers.flatMap((one) => one?.process.errorLines ?? []);
        throw new Error(`PipeWire does not answer: ${errors.join(" ")}`);
      }
      await Bun.sleep(10);
    }
  }
}
