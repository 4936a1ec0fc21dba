/**
 * The Debian folder that desktops are tried in. It is made once, outside the checkout, and then only
 * brought up to date when the list of packages changes. Whatever interrupts it, the next run goes on.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { rename } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { identify } from "../setup/distribution.mjs";
import { packagesStep } from "../setup/packages.mjs";
import { type Progress, SetupError } from "../setup/progress.mjs";
import { enclose, installIn } from "./namespace.ts";
import { folderPackages } from "./packages.ts";

/** Debian 13: the newest compositors that stay what they are. */
const suite = "trixie";
const mirror = "http://deb.debian.org/debian";
/** The folder takes 2.5 GB and the kept packages half a gigabyte; the rest is for building. */
const freeBytesMin = 4e9;

export interface DesktopFolder {
  /** Where everything of it is. */
  readonly base: string;
  /** The root of Debian. */
  readonly folder: string;
  /** Packages that were fetched. */
  readonly archives: string;
  /** punktfunk's native kernels as compiled there. */
  readonly build: string;
  /** Pictures of the last run. */
  readonly pictures: string;
}

export function desktopFolder(): DesktopFolder {
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  const base = join(cache, "punktfunk/desktops");
  return {
    base,
    folder: join(base, suite),
    archives: join(base, "archives"),
    build: join(base, "build"),
    pictures: join(base, "pictures"),
  };
}

/** Makes the folder ready. Throws SetupError with a sentence. */
export async function prepareFolder(
  place: DesktopFolder,
  progress: Progress,
  { rebuild }: { readonly rebuild: boolean },
): Promise<void> {
  if (rebuild) {
    for (const path of [place.folder, place.build]) rmSync(path, { recursive: true, force: true });
  }
  const packages = folderPackages();
  const stamp = join(place.folder, "punktfunk-packages");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === packages.join("\n")) return;

  for (const path of [place.archives, place.build, place.pictures]) {
    mkdirSync(path, { recursive: true });
  }
  if (!existsSync(place.folder)) {
    checkSpace(place.base);
    progress.say(`Making a Debian of the tests' own in ${place.base}: once, some minutes, 2.5 GB`);
    await makeBase(place, progress);
  }
  await install(place, packages, progress);
  writeFileSync(stamp, packages.join("\n"));
}

function checkSpace(base: string): void {
  const { bavail, bsize } = statfsSync(base);
  const free = bavail * bsize;
  if (free >= freeBytesMin) return;
  throw new SetupError(
    `${base} has ${gigabytes(free)} of free space, and the desktops need ${gigabytes(freeBytesMin)}.\n` +
      "Make room, or name another place by XDG_CACHE_HOME.",
  );
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

async function makeBase(place: DesktopFolder, progress: Progress): Promise<void> {
  await installDebootstrap(progress);
  const fresh = `${place.folder}.new`;
  rmSync(fresh, { recursive: true, force: true });
  const words = ["debootstrap", "--variant=minbase", `--cache-dir=${place.archives}`];
  const { took } = await progress.must(
    `Debian ${suite}`,
    enclose([...words, suite, fresh, mirror]),
    { namespace: true },
  );
  // No service of a desktop's package is to start while it is installed.
  writeFileSync(join(fresh, "usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  for (const name of ["punktfunk", "pictures"]) mkdirSync(join(fresh, name));
  await rename(fresh, place.folder);
  progress.say(`  ✔ Debian ${suite} unpacked in ${took}`);
}

/** On Debian and its like it is installed; elsewhere the package is named. */
async function installDebootstrap(progress: Progress): Promise<void> {
  const system = identify(
    readFileSync("/etc/os-release", "utf8"),
    existsSync("/run/ostree-booted"),
  );
  const names = ["debootstrap"];
  const group = {
    purpose: "make a Debian folder",
    ...{ apt: names, dnf: names, pacman: names },
    probe: { programs: names },
  };
  const step = packagesStep(system, [group], progress);
  if ((await step.check()) !== undefined) progress.say(`  ✔ ${await step.mend()}`);
}

async function install(
  place: DesktopFolder,
  packages: readonly string[],
  progress: Progress,
): Promise<void> {
  const run = (what: string, ...words: string[]) =>
    progress.must(what, installIn(place, words), { namespace: true });
  const get = ["apt-get", "-q", "-y", "-o", "APT::Keep-Downloaded-Packages=true"];
  await run("an interrupted install", "dpkg", "--configure", "-a");
  await run("package lists", ...get, "update");
  const { took } = await run(
    "desktops",
    ...[...get, "install", "--no-install-recommends", ...packages],
  );
  progress.say(`  ✔ ${packages.length} packages and what they need installed in ${took}`);
  const user = "id punktfunk >/dev/null 2>&1 || useradd --create-home --shell /bin/sh punktfunk";
  await run("user", "sh", "-c", user);
  // Where file capabilities are refused, a program that has one can't be started at all.
  await run("capabilities", "sh", "-c", "setcap -r /usr/bin/kwin_wayland 2>/dev/null || true");
}
