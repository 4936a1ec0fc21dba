/**
 * A machine with a stock kernel, for what the kernel of this one may not have: uhid, uinput, their
 * drivers, graphics. It is emulated (TCG), sees this machine's files at their own paths, read only,
 * and keeps what it writes in its memory. A test file takes some seconds in it.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Image, prepareImage } from "./image.ts";

export interface GuestRun {
  /** Of the command. */
  readonly status: number;
  /** What it wrote, to both of its outputs. */
  readonly output: string;
}

export interface GuestOptions {
  /** Where the command runs. */
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** For the whole life of the machine; default 120 s. */
  readonly timeoutMs?: number;
  /** A folder of this machine that the command may write to. */
  readonly shared?: string;
  /** Gives it a virtio graphics card. */
  readonly hasGraphics?: boolean;
  /** Mebibytes; default 1,536. */
  readonly memory?: number;
  /** Ends the machine. */
  readonly signal?: AbortSignal;
}

/** Runs a command as root in a machine of its own. Throws when the machine itself fails twice. */
export async function runInGuest(
  command: readonly string[],
  options: GuestOptions,
): Promise<GuestRun> {
  const image = await prepareImage();
  const first = await boot(image, command, options);
  if (first.status !== null) return { ...first, status: first.status };
  options.signal?.throwIfAborted();
  const second = await boot(image, command, options);
  if (second.status !== null) return { ...second, status: second.status };
  const words = [second.console, second.output].join("\n").trim().slice(-2000);
  throw new Error(`The kernel test machine ended without a status, twice:\n${words}`);
}

async function boot(image: Image, command: readonly string[], options: GuestOptions) {
  const folder = await mkdtemp(join(tmpdir(), "punktfunk-vm-"));
  const at = (name: string) => join(folder, name);
  try {
    await Bun.write(at("script"), guestScript(command, options));
    const emulator = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64"];
    const machine = Bun.spawn([...emulator, ...machineOptions(image, at, options)], {
      stdin: "ignore",
      stdout: "ignore",
      stderr: Bun.file(at("words")),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      timeout: options.timeoutMs ?? 120_000,
      killSignal: "SIGKILL",
    });
    await machine.exited;
    const read = async (name: string) =>
      (await Bun.file(at(name)).exists()) ? await Bun.file(at(name)).text() : "";
    const said = await read("output");
    const [output = "", status] = said.split(/\npunktfunk-status (\d+)/);
    return {
      status: status === undefined ? null : Number(status),
      output,
      console: (await read("words")) + (await read("console")),
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function machineOptions(image: Image, at: (name: string) => string, options: GuestOptions) {
  const kernel = [
    ...["console=ttyS0", "quiet", "panic=-1", "rdinit=/init", "mitigations=off", "nokaslr"],
    ...["tsc=reliable", "no_timer_check", "random.trust_cpu=on"],
    `punktfunk.script=${at("script")}`,
  ];
  return [
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"],
    ...["-m", String(options.memory ?? 1536)],
    ...["-kernel", image.kernel, "-initrd", image.root, "-append", kernel.join(" ")],
    ...["-serial", `file:${at("console")}`, "-serial", `file:${at("output")}`],
    ...["-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap"],
    ...["-device", "virtio-9p-pci,fsdev=root,mount_tag=root"],
    ...sharedFolder(options.shared),
    ...(options.hasGraphics === true ? ["-device", "virtio-gpu-pci"] : []),
  ];
}

function sharedFolder(path: string | undefined): string[] {
  if (path === undefined) return [];
  const folder = `local,id=shared,path=${path},security_model=none`;
  return ["-fsdev", folder, "-device", "virtio-9p-pci,fsdev=shared,mount_tag=shared"];
}

/** A shell script; the values are quoted. */
function guestScript(command: readonly string[], { cwd, env = {}, shared }: GuestOptions): string {
  const quote = (word: string) => `'${word.replaceAll("'", "'\\''")}'`;
  const own = { HOME: "/root", PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin" };
  const settings = Object.entries({ ...own, TERM: "dumb", NO_COLOR: "1", ...env });
  const mount = "mount -t 9p -o trans=virtio,version=9p2000.L,msize=524288 shared";
  return [
    ...(shared === undefined ? [] : [`${mount} ${quote(shared)} || exit 1`]),
    `cd ${quote(cwd)} || exit 1`,
    `exec env -i ${settings.map(([name, value]) => quote(`${name}=${value}`)).join(" ")} \\`,
    `  ${command.map(quote).join(" ")}`,
    "",
  ].join("\n");
}
