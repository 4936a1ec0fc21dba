/** Commands that install what punktfunk lacks at run time, for the system that it runs on. */
import { readFileSync } from "node:fs";

export type PackageManager = "apt" | "dnf" | "pacman";

/** Packages by what they are for. What is needed to build is in packaging/setup/packages.json. */
const packages = {
  sway: { apt: ["sway", "foot"], dnf: ["sway", "foot"], pacman: ["sway", "foot"] },
  gamescope: { apt: ["gamescope"], dnf: ["gamescope"], pacman: ["gamescope"] },
  mutter: {
    apt: ["mutter", "dbus", "pipewire", "wireplumber"],
    dnf: ["mutter", "dbus-daemon", "pipewire", "wireplumber"],
    pacman: ["mutter", "dbus", "pipewire", "wireplumber"],
  },
  terminal: { apt: ["foot"], dnf: ["foot"], pacman: ["foot"] },
  pipewire: {
    apt: ["pipewire", "wireplumber", "pipewire-pulse"],
    dnf: ["pipewire", "wireplumber", "pipewire-pulseaudio"],
    pacman: ["pipewire", "wireplumber", "pipewire-pulse"],
  },
  rtkit: { apt: ["rtkit"], dnf: ["rtkit"], pacman: ["rtkit"] },
  dbus: { apt: ["dbus-user-session"], dnf: ["dbus-daemon"], pacman: ["dbus"] },
  portal: {
    apt: ["xdg-desktop-portal", "xdg-desktop-portal-gtk"],
    dnf: ["xdg-desktop-portal", "xdg-desktop-portal-gtk"],
    pacman: ["xdg-desktop-portal", "xdg-desktop-portal-gtk"],
  },
  portalGnome: {
    apt: ["xdg-desktop-portal-gnome"],
    dnf: ["xdg-desktop-portal-gnome"],
    pacman: ["xdg-desktop-portal-gnome"],
  },
  portalKde: {
    apt: ["xdg-desktop-portal-kde"],
    dnf: ["xdg-desktop-portal-kde"],
    pacman: ["xdg-desktop-portal-kde"],
  },
  portalWlr: {
    apt: ["xdg-desktop-portal-wlr"],
    dnf: ["xdg-desktop-portal-wlr"],
    pacman: ["xdg-desktop-portal-wlr"],
  },
  nvidia: {
    apt: ["nvidia-driver", "libnvidia-encode1"],
    dnf: ["akmod-nvidia", "xorg-x11-drv-nvidia-cuda"],
    pacman: ["nvidia", "nvidia-utils"],
  },
  vaapi: {
    apt: ["mesa-va-drivers", "intel-media-va-driver"],
    dnf: ["mesa-va-drivers", "libva-intel-media-driver"],
    pacman: ["mesa", "libva-mesa-driver", "intel-media-driver"],
  },
  x264: { apt: ["libavcodec-extra"], dnf: ["ffmpeg-libs"], pacman: ["ffmpeg", "x264"] },
} as const satisfies Record<string, Record<PackageManager, readonly string[]>>;
export type Installable = keyof typeof packages;

const managers: Readonly<Record<string, PackageManager>> = {
  debian: "apt",
  ubuntu: "apt",
  fedora: "dnf",
  rhel: "dnf",
  arch: "pacman",
};

/** The package manager by os-release(5); undefined for a system that is none of these. */
export function packageManagerOf(osRelease: string): PackageManager | undefined {
  const field = (name: string) =>
    new RegExp(`^${name}=["']?([^"'\n]*)`, "m").exec(osRelease)?.[1] ?? "";
  const ids = [field("ID"), ...field("ID_LIKE").split(/\s+/)];
  return ids.map((id) => managers[id]).find((manager) => manager !== undefined);
}

const verbs: Readonly<Record<PackageManager, string>> = {
  apt: "apt-get install -y",
  dnf: "dnf install -y",
  pacman: "pacman -S --needed",
};

/** What has to be known beside the packages' names. */
const notes: Partial<Record<Installable, Partial<Record<PackageManager, string>>>> = {
  gamescope: { apt: "Ubuntu has it; Debian 12 and 13 do not: build it from its sources" },
  nvidia: { apt: "from the component non-free", dnf: "from RPM Fusion" },
};

/** A shell line that installs something, as `manager`'s user types it. */
export function installLine(what: Installable, manager: PackageManager | undefined): string {
  if (manager === undefined) return `# install what holds ${packages[what].apt.join(", ")}`;
  const note = notes[what]?.[manager];
  const line = asRoot(`${verbs[manager]} ${packages[what][manager].join(" ")}`);
  return note === undefined ? line : `${line} # ${note}`;
}

/** The same for this machine. */
export const installHere = (what: Installable) => installLine(what, thisManager());

/** A command that only root may run, as this user types it. */
export const asRoot = (line: string) => (process.geteuid?.() === 0 ? line : `sudo ${line}`);

let found: { readonly manager: PackageManager | undefined } | undefined;

export function thisManager(): PackageManager | undefined {
  found ??= { manager: packageManagerOf(osRelease()) };
  return found.manager;
}

function osRelease(): string {
  for (const path of ["/etc/os-release", "/usr/lib/os-release"]) {
    try {
      return readFileSync(path, "utf8");
    } catch {}
  }
  return "";
}
