/** What is installed in the folder: Debian's names. */
import { readFileSync } from "node:fs";
import { packageNames, select } from "../setup/distribution.mjs";

export const desktops = ["sway", "mutter", "kwin", "weston"] as const;
export type Desktop = (typeof desktops)[number];

/** What the tests of each desktop start. */
const desktopPackages: Readonly<Record<Desktop, readonly string[]>> = {
  sway: ["sway", "foot"],
  mutter: ["mutter", "foot", "libei-dev"],
  kwin: ["kwin-wayland", "kwin-common", "kscreen", "foot", "libei-dev", "libsystemd-dev"],
  weston: ["weston"],
};

/** Ordinary tests that are tried on the desktop as well, besides its own `NAME.desktops.ts`. */
export const ordinaryTests: Readonly<Record<Desktop, readonly string[]>> = {
  sway: [
    "src/host/displays/sway.test.ts",
    "src/host/displays/capture.test.ts",
    "src/host/inject/desktop.test.ts",
  ],
  mutter: ["src/host/displays/mutter.test.ts", "src/harness/desktops/mutter-ei.desktops.ts"],
  kwin: [
    "src/harness/desktops/kwin-display.desktops.ts",
    "src/harness/desktops/kwin-ei.desktops.ts",
  ],
  // Not the desktop but its PipeWire, which the others have as well.
  weston: [
    "src/ffi/pipewire/pipewire.test.ts",
    "src/ffi/pipewire/server.test.ts",
    "src/ffi/audio/sound.test.ts",
  ],
};

/** Those that need a graphics device. */
export const graphicsTests: Readonly<Record<Desktop, readonly string[]>> = {
  sway: [],
  mutter: [],
  kwin: ["src/harness/desktops/kwin-graphics.desktops.ts"],
  weston: [],
};

/** What all of them need: sound and pictures by PipeWire, a session bus, a font, OpenGL. */
const sharedPackages: readonly string[] = [
  "pipewire",
  "pipewire-bin",
  "wireplumber",
  "gstreamer1.0-pipewire",
  "gstreamer1.0-tools",
  "gstreamer1.0-plugins-base",
  "dbus",
  "dbus-daemon",
  "libgl1-mesa-dri",
  "libegl1",
  "fonts-dejavu-core",
  "procps",
  "iproute2",
];

/** Every package of the folder, those that compile punktfunk among them. */
export function folderPackages(): string[] {
  const path = new URL("../setup/packages.json", import.meta.url);
  const groups = select(JSON.parse(readFileSync(path, "utf8")), {
    tests: false,
    machine: process.arch,
  });
  const names = [packageNames(groups, "apt"), sharedPackages, ...Object.values(desktopPackages)];
  return [...new Set(names.flat())].sort();
}
