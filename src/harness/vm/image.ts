/**
 * What the kernel test machine boots: Debian's stock kernel and a small first root that holds the
 * modules for it. Both are made once and kept, by the kernel's version.
 *
 * The kernel is started uncompressed (PVH), since unpacking it in an emulated machine takes longer
 * than everything else. Its package is fetched and never installed.
 */
import { existsSync } from "node:fs";
import { chmod, cp, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, join } from "node:path";

export interface Image {
  readonly kernel: string;
  readonly root: string;
}

/** What is loaded, in this order, after what each depends on. */
const modules = {
  always: ["virtio_pci", "9pnet_virtio", "9p", "overlay"],
  input: [
    ...["uhid", "hid-generic", "hid-playstation", "hid-nintendo", "uinput", "evdev", "joydev"],
    "mousedev",
  ],
  // vgem gives compositors a render node, on which they draw by the processor.
  graphics: ["virtio-gpu", "vgem"],
} as const;

const tools = ["qemu-system-x86_64", "busybox", "depmod", "xz", "dpkg-deb", "apt-get", "apt-cache"];

/** Why there can be no such machine here; undefined = there can. */
export function imageMissing(): string | undefined {
  if (process.arch !== "x64") return "the kernel test machine is made for x86-64";
  const missing = tools.find((tool) => which(tool) === null);
  return missing === undefined ? undefined : `the kernel test machine needs ${missing}`;
}

const which = (tool: string) =>
  Bun.which(tool, { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` });

/** The image, from the cache or made anew; takes some 15 s then. Throws with a sentence. */
export async function prepareImage(): Promise<Image> {
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "punktfunk/vm");
  await mkdir(cache, { recursive: true });
  const name = (await newestKernel()) ?? (await keptKernel(cache));
  if (name === undefined) {
    throw new Error("apt-cache knows no kernel: run apt-get update, as root.");
  }
  const own = Bun.hash((await guestScript()) + JSON.stringify(modules)).toString(36);
  const folder = join(cache, `${name}-${own}`);
  const image = { kernel: join(folder, "vmlinux"), root: join(folder, "root.cpio") };
  if (existsSync(image.root)) return image;
  const draft = await mkdtemp(join(cache, "making-"));
  try {
    await makeImage(name, draft);
    // Another process may have been faster; its image is as good.
    await rename(draft, folder).catch(() => {});
    await removeOthers(cache, folder);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  return image;
}

const guestScript = () => Bun.file(join(import.meta.dir, "guest.sh")).text();

/** The kernel that Debian's meta package leads to; undefined where the package lists are empty. */
async function newestKernel(): Promise<string | undefined> {
  const words = await run(["apt-cache", "depends", "linux-image-amd64"]).catch(() => "");
  return /linux-image-[0-9][^\s>]*-amd64/.exec(words)?.[0];
}

/** One that was prepared while the package lists were there. */
async function keptKernel(cache: string): Promise<string | undefined> {
  const kept = (await readdir(cache)).filter((name) => name.startsWith("linux-image-"));
  return kept
    .sort()
    .at(-1)
    ?.replace(/-[^-]*$/, "");
}

/** Images of other kernels, or of another first script. */
async function removeOthers(cache: string, kept: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const path = join(cache, name);
    if (path === kept || !name.startsWith("linux-image-")) continue;
    await rm(path, { recursive: true, force: true });
  }
}

async function makeImage(kernel: string, folder: string): Promise<void> {
  await run(["apt-get", "-q", "download", kernel], folder);
  const archive = (await readdir(folder)).find((name) => name.endsWith(".deb"));
  if (archive === undefined) throw new Error(`apt-get fetched no package of ${kernel}.`);
  await run(["dpkg-deb", "-x", archive, "tree"], folder);
  const [version] = await readdir(join(folder, "tree/lib/modules"));
  if (version === undefined) throw new Error(`${kernel} holds no modules.`);
  await unpackKernel(join(folder, `tree/boot/vmlinuz-${version}`), join(folder, "vmlinux"));
  await run([which("depmod") ?? "depmod", "-b", join(folder, "tree"), version], folder);
  await makeRoot(join(folder, "tree/lib/modules", version), folder);
  for (const name of [archive, "tree", "first"]) {
    await rm(join(folder, name), { recursive: true, force: true });
  }
}

/** A bzImage holds the ELF kernel as an xz stream (Documentation/arch/x86/boot.rst, payload). */
async function unpackKernel(packed: string, target: string): Promise<void> {
  const bytes = Buffer.from(await Bun.file(packed).arrayBuffer());
  const setupSectors = bytes[0x1f1] ?? 0;
  const offset = bytes.readUInt32LE(0x248);
  const length = bytes.readUInt32LE(0x24c);
  const start = (setupSectors + 1) * 512 + offset;
  // The last four bytes are the unpacked size, which is none of xz's.
  const payload = bytes.subarray(start, start + length - 4);
  const unpacking = Bun.spawn(["xz", "-dc", "--single-stream"], {
    stdin: payload,
    stdout: Bun.file(target),
    stderr: "pipe",
  });
  const words = await new Response(unpacking.stderr).text();
  if ((await unpacking.exited) !== 0) throw new Error(`The kernel can't be unpacked: ${words}`);
}

async function makeRoot(source: string, folder: string): Promise<void> {
  const first = join(folder, "first");
  for (const name of ["bin", "modules"]) await mkdir(join(first, name), { recursive: true });
  await cp(which("busybox") as string, join(first, "bin/busybox"), { dereference: true });
  const wanted = [...modules.always, ...modules.input, ...modules.graphics];
  const order = loadOrder(await Bun.file(join(source, "modules.dep")).text(), wanted);
  for (const [index, path] of order.entries()) {
    const name = `${String(index).padStart(3, "0")}-${basename(path)}`;
    await cp(join(source, path), join(first, "modules", name));
  }
  await Bun.write(join(first, "init"), await guestScript());
  await chmod(join(first, "init"), 0o755);
  await run(["sh", "-c", "find . | busybox cpio -o -H newc > ../root.cpio"], first);
}

/**
 * Paths of modules, each behind what it depends on, from depmod's list. One that the kernel has
 * built in is not in that list, and needs no loading.
 */
export function loadOrder(dependencies: string, wanted: readonly string[]): string[] {
  const known = new Map<string, readonly string[]>();
  for (const line of dependencies.split("\n")) {
    const [path, words] = line.split(":");
    if (path === undefined || words === undefined) continue;
    const needs = words.trim().split(" ").filter(Boolean);
    known.set(basename(path).replace(/\.ko.*$/, ""), [...needs.reverse(), path]);
  }
  return [...new Set(wanted.flatMap((name) => known.get(name) ?? []))];
}

async function run(command: readonly string[], cwd?: string): Promise<string> {
  const child = Bun.spawn([...command], {
    ...(cwd === undefined ? {} : { cwd }),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, words] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: ${words.trim()}`);
  return out;
}
