/**
 * Debian's avahi, as another implementation of multicast DNS to judge ours by: a daemon and a
 * message bus of its own, in a network namespace.
 */
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { until } from "./processes.ts";

/** Why it can't be run on this machine; undefined = it can. */
export function avahiMissing(): string | undefined {
  for (const tool of [
    "avahi-daemon",
    "avahi-browse",
    "avahi-publish",
    "dbus-daemon",
    "unshare",
    "setpriv",
  ]) {
    if (Bun.which(tool) === null) return `avahi needs ${tool}`;
  }
  return undefined;
}

/** A service as avahi-browse resolves it. */
export interface AvahiService {
  readonly network: string;
  readonly family: string;
  readonly name: string;
  readonly target: string;
  readonly address: string;
  readonly port: number;
  readonly text: readonly string[];
}

const busSettings = (socket: string) => `<!DOCTYPE busconfig PUBLIC
  "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path=${socket}</listen>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
`;

const daemonSettings = "[server]\nuse-ipv4=yes\nuse-ipv6=yes\n[publish]\npublish-workstation=no\n";

/** Runs avahi-daemon until it is disposed of. */
export class Avahi implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();
  readonly #prefix: readonly string[];
  readonly #env: Record<string, string | undefined>;

  private constructor(prefix: readonly string[], bus: string) {
    this.#prefix = prefix;
    this.#env = { ...process.env, LC_ALL: "C", DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${bus}` };
  }

  /** `folder` is the caller's, who removes it; `prefix` runs a command in a namespace. */
  static async start(prefix: readonly string[], folder: string): Promise<Avahi> {
    await mkdir(folder, { recursive: true });
    const bus = join(folder, "bus");
    await writeFile(join(folder, "bus.conf"), busSettings(bus));
    await writeFile(join(folder, "avahi.conf"), daemonSettings);
    const avahi = new Avahi(prefix, bus);
    avahi.#spawn(["dbus-daemon", `--config-file=${join(folder, "bus.conf")}`, "--nofork"]);
    await until(() => existsSync(bus), "a message bus");
    // Its socket and its process id go to /run, where this machine's own daemon has its.
    const script =
      `mount -t tmpfs tmpfs /run && mkdir /run/avahi-daemon && exec avahi-daemon ` +
      `-f ${join(folder, "avahi.conf")} --no-drop-root --no-chroot --no-rlimits`;
    avahi.#spawn(["unshare", "--mount", "sh", "-c", script]);
    return avahi;
  }

  /** What it resolves of a service type, as "_punktfunk._udp". */
  async services(type: string): Promise<AvahiService[]> {
    const lines = (await this.#browse("-rt", type)) ?? "";
    return lines.split("\n").flatMap((line) => {
      const [kind, network, family, name, , , target, address, port, text = ""] = line.split(";");
      if (kind !== "=") return [];
      return {
        network: network as string,
        family: family as string,
        name: plainName(name as string),
        target: target as string,
        address: address as string,
        port: Number(port),
        text: [...text.matchAll(/"([^"]*)"/g)].map((match) => match[1] as string),
      };
    });
  }

  /** Has it advertise a service of its own. */
  publish(name: string, type: string, port: number): void {
    this.#spawn(["avahi-publish", "--service", name, type, String(port)]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }

  #spawn(command: readonly string[]): void {
    const child = Bun.spawn([...this.#prefix, "setpriv", "--pdeathsig", "KILL", ...command], {
      env: this.#env,
      stdin: "ignore",
      stdout: "ignore",
      stderr: "ignore",
    });
    this.#stack.defer(async () => {
      child.kill("SIGTERM");
      await child.exited;
    });
  }

  /** Its words; undefined when it fails. */
  async #browse(...args: readonly string[]): Promise<string | undefined> {
    const child = Bun.spawn([...this.#prefix, "avahi-browse", "--parsable", ...args], {
      env: this.#env,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "ignore",
    });
    const words = await new Response(child.stdout).text();
    return (await child.exited) === 0 ? words : undefined;
  }
}

/** avahi writes what is not a letter or a digit as \DDD, in decimal bytes. */
function plainName(name: string): string {
  const bytes = name.replace(/\\(\d{3})|\\(.)|([^\\]+)/g, (_, code, escaped, plain) =>
    code === undefined
      ? Buffer.from(escaped ?? plain).toString("latin1")
      : String.fromCharCode(Number(code)),
  );
  return Buffer.from(bytes, "latin1").toString();
}
