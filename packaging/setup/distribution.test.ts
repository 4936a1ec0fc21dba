import { describe, expect, test } from "bun:test";
import {
  fillIn,
  type Group,
  identify,
  installCommands,
  instructions,
  missingOf,
  packageNames,
  select,
  shellLine,
} from "./distribution.mjs";
import groups from "./packages.json";

const bookworm = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n';
const ubuntu = "PRETTY_NAME='Ubuntu 24.04 LTS'\nID=ubuntu\nID_LIKE=debian\n";
const mint = 'NAME="Linux Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\n';
const fedora = 'NAME="Fedora Linux"\nID=fedora\n';
const bazzite = 'PRETTY_NAME="Bazzite"\nID=bazzite\nID_LIKE="fedora"\n';
const arch = 'NAME="Arch Linux"\nID=arch\n';
const manjaro = 'NAME="Manjaro Linux"\nID=manjaro\nID_LIKE=arch\n';
const steam = 'NAME="SteamOS"\nID=steamos\nID_LIKE=arch\n';
const alpine = 'PRETTY_NAME="Alpine Linux v3.22"\nID=alpine\n';

describe("the distribution", () => {
  test("is told by ID, and by ID_LIKE where ID is a derivative", () => {
    const manager = (text: string) => identify(text, false).manager;
    expect([bookworm, ubuntu, mint].map(manager)).toEqual(["apt", "apt", "apt"]);
    expect([fedora, bazzite].map(manager)).toEqual(["dnf", "dnf"]);
    expect([arch, manjaro].map(manager)).toEqual(["pacman", "pacman"]);
    expect([alpine, "", "garbage\0=", "ID=constructor"].map(manager)).toEqual(
      Array(4).fill(undefined),
    );
  });

  test("has the name that people know, or says that it has none", () => {
    expect(identify(bookworm, false).name).toBe("Debian GNU/Linux 12 (bookworm)");
    expect(identify(ubuntu, false).name).toBe("Ubuntu 24.04 LTS");
    expect(identify("", false).name).toBe("an unknown system");
  });

  test("is image-based when OSTree booted it, and when it is SteamOS", () => {
    expect(identify(bazzite, true).imageBased).toBe(true);
    expect(identify(fedora, false).imageBased).toBe(false);
    expect(identify(steam, false).imageBased).toBe(true);
  });
});

describe("the package lists", () => {
  test("leave out what only tests need, and what this machine's architecture lacks", () => {
    const names = (tests: boolean, machine: string) =>
      packageNames(select(groups, { tests, machine }), "apt");
    expect(names(false, "x64")).toContain("libipsec-mb-dev");
    expect(names(false, "arm64")).not.toContain("libipsec-mb-dev");
    expect(names(false, "x64")).not.toContain("clang");
    expect(names(true, "x64")).toContain("clang");
  });

  test("name each package once", () => {
    const names = packageNames(select(groups, { tests: true, machine: "x64" }), "pacman");
    expect(names.filter((name) => name === "ffmpeg")).toEqual(["ffmpeg"]);
  });

  test("have, in every row, names for every package manager and a way to probe", () => {
    for (const group of groups as Group[]) {
      expect(group.purpose).not.toBe("");
      for (const manager of ["apt", "dnf", "pacman"] as const) {
        expect(group[manager].length).toBeGreaterThan(0);
      }
      expect(Object.values(group.probe).flat().length).toBeGreaterThan(0);
    }
  });
});

describe("on Debian", () => {
  const listing = [
    "installed\tmake\t4.3-4.1\t",
    "installed\tclang\t1:14.0-55.7~deb12u1\t",
    "installed\tpkgconf\t1.8.1-1\tpkg-config (= 1.8.1-1), pkgconf-bin:amd64",
    "config-files\tsway\t1.7-6\t",
    "not-installed\tfoot\t\t",
    "",
  ].join("\n");
  test("a package counts when it is installed or provided, not when only its settings remain", () => {
    const names = ["make", "pkg-config", "pkgconf-bin", "sway", "foot", "tmux"];
    expect(missingOf("apt", names, listing)).toEqual(["sway", "foot", "tmux"]);
  });

  test("clang's runtime is asked for in the version of the installed clang", () => {
    expect(missingOf("apt", ["libclang-rt-{clang}-dev"], listing)).toEqual(["libclang-rt-14-dev"]);
    expect(missingOf("apt", ["libclang-rt-{clang}-dev"], "")).toEqual(["libclang-rt-{clang}-dev"]);
    expect(fillIn(["make", "libclang-rt-{clang}-dev"], "19")).toEqual([
      "make",
      "libclang-rt-19-dev",
    ]);
    expect(fillIn(["make", "libclang-rt-{clang}-dev"], undefined)).toEqual(["make"]);
  });
});

test("on Fedora, missing are the packages, capabilities and files that rpm does not find", () => {
  const output = [
    "make-4.4.1-8.fc42.x86_64",
    "no package provides sway",
    "no package provides pkgconfig(sdl2)",
    "error: file /usr/bin/ffmpeg: No such file or directory",
    "",
  ].join("\n");
  const names = ["make", "sway", "pkgconfig(sdl2)", "/usr/bin/ffmpeg"];
  expect(missingOf("dnf", names, output)).toEqual(names.slice(1));
});

test("on Arch, missing are the names that pacman prints", () => {
  expect(missingOf("pacman", ["make", "sway", "foot"], "sway\nfoot\n")).toEqual(["sway", "foot"]);
  expect(missingOf("pacman", ["make"], "")).toEqual([]);
});

test("a command to type quotes what a shell would misread", () => {
  expect(shellLine(installCommands("dnf", ["make", "pkgconfig(sdl2)"]))).toBe(
    "sudo dnf install -y --setopt=install_weak_deps=False make 'pkgconfig(sdl2)'",
  );
  expect(shellLine(installCommands("apt", ["make"]))).toStartWith(
    "sudo apt-get update && sudo env",
  );
  expect(shellLine(installCommands("pacman", ["make"]))).toBe(
    "sudo pacman -S --needed --noconfirm make",
  );
});

describe("where set-up can't install", () => {
  const tell = (text: string, ostreeBooted: boolean) =>
    instructions(identify(text, ostreeBooted), groups, ["sway", "pkgconfig(sdl2)"]);

  test("an image-based system is told of a container and of layering", () => {
    expect(tell(bazzite, true)).toContain("distrobox create --name punktfunk --image fedora");
    expect(tell(bazzite, true)).toContain("rpm-ostree install sway 'pkgconfig(sdl2)'");
    expect(tell(steam, false)).toContain("--image archlinux");
    expect(tell(steam, false)).not.toContain("rpm-ostree");
  });

  test("a known one without root gets the command to run", () => {
    expect(tell(arch, false)).toContain("sudo pacman -S --needed --noconfirm sway");
  });

  test("an unknown one gets what to install, with what it is for", () => {
    expect(tell(alpine, false)).toContain("can't install packages on Alpine Linux v3.22");
    expect(tell(alpine, false)).toContain("to run a desktop of its own to stream: sway foot");
  });
});
