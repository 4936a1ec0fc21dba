/**
 * Which distribution this is, which of its packages punktfunk needs, and the commands that install
 * them. Pure: texts and lists in, decisions out; setup.mjs does what they say.
 */

/** @typedef {"apt" | "dnf" | "pacman"} Manager */

/**
 * A row of packages.json.
 * @typedef {object} Group
 * @property {string} purpose what the packages are for, as "compile the native kernels"
 * @property {boolean} [tests] only the tests need it
 * @property {string[]} [machines] Node's `process.arch` values that have it; all when absent
 * @property {string[]} apt Debian and Ubuntu; `{clang}` stands for clang's major version
 * @property {string[]} dnf Fedora; may be capabilities such as `pkgconfig(sdl2)`
 * @property {string[]} pacman Arch
 * @property {Probe} probe what shows, where no package manager can tell, that it is there
 */

/**
 * @typedef {object} Probe
 * @property {string[]} [programs] names on PATH
 * @property {string[]} [modules] pkg-config modules
 * @property {string[]} [headers] C headers that the compiler finds
 */

/**
 * @typedef {object} Distribution
 * @property {string} name as people call it
 * @property {Manager | undefined} manager undefined: not one that set-up can install on
 * @property {boolean} imageBased the root file system is an image that packages are not simply
 *   added to
 */

/** os-release's ID or ID_LIKE to the package manager. @type {Map<string, Manager>} */
const managers = new Map([
  ["debian", "apt"],
  ["ubuntu", "apt"],
  ["fedora", "dnf"],
  ["rhel", "dnf"],
  ["arch", "pacman"],
]);

/**
 * Reads os-release(5).
 * @param {string} text of /etc/os-release; "" when there is none
 * @param {boolean} ostreeBooted /run/ostree-booted exists
 * @returns {Distribution}
 */
export function identify(text, ostreeBooted) {
  /** @type {Record<string, string>} */
  const fields = {};
  for (const line of text.split("\n")) {
    const match = /^([A-Z_]+)=(["']?)(.*)\2$/.exec(line.trim());
    if (match) fields[match[1] ?? ""] = match[3] ?? "";
  }
  const id = fields["ID"] ?? "";
  const ids = [id, ...(fields["ID_LIKE"] ?? "").split(/\s+/)];
  const known = ids.find((name) => managers.has(name));
  return {
    name: fields["PRETTY_NAME"] || fields["NAME"] || id || "an unknown system",
    manager: managers.get(known ?? ""),
    imageBased: ostreeBooted || id === "steamos",
  };
}

/**
 * The rows that this machine needs.
 * @param {Group[]} groups
 * @param {{ tests: boolean, machine: string }} options
 */
export function select(groups, { tests, machine }) {
  return groups.filter(
    (group) => (tests || !group.tests) && (group.machines?.includes(machine) ?? true),
  );
}

/**
 * The packages of the rows, each once.
 * @param {Group[]} groups
 * @param {Manager} manager
 */
export function packageNames(groups, manager) {
  return [...new Set(groups.flatMap((group) => group[manager]))];
}

const dpkgFormat = "${db:Status-Status}\\t${Package}\\t${Version}\\t${Provides}\\n";

/**
 * The quick command whose output `missingOf` reads.
 * @param {Manager} manager
 * @param {string[]} names
 */
export function installedQuery(manager, names) {
  switch (manager) {
    case "apt": // All that is installed, so that what a package provides counts as well.
      return ["dpkg-query", "-W", `-f=${dpkgFormat}`];
    case "dnf":
      return ["rpm", "-q", "--whatprovides", ...names];
    case "pacman":
      return ["pacman", "-T", ...names];
  }
}

/**
 * Which names are not installed, by the output of `installedQuery` in the C locale.
 * @param {Manager} manager
 * @param {string[]} names
 * @param {string} output
 */
export function missingOf(manager, names, output) {
  switch (manager) {
    case "apt":
      return missingOnDebian(names, installedOnDebian(output));
    case "dnf":
      return missingOnFedora(output);
    case "pacman": // It prints the names that nothing installed satisfies.
      return output.split("\n").filter((line) => names.includes(line));
  }
}

/**
 * Name to version of what is installed; a package that is only provided has the version "".
 * @param {string} listing what dpkg-query prints
 */
function installedOnDebian(listing) {
  /** @type {Map<string, string>} */
  const installed = new Map();
  for (const line of listing.split("\n")) {
    const [status, name, version, provides] = line.split("\t");
    if (status !== "installed" || name === undefined) continue;
    installed.set(name, version ?? "");
    for (const provided of (provides ?? "").split(",")) {
      const virtual = provided.trim().split(/[ :]/)[0];
      if (virtual && !installed.has(virtual)) installed.set(virtual, "");
    }
  }
  return installed;
}

/**
 * Which names are not installed. `{clang}` is filled in from the installed clang; where there is
 * none, such a name stays as it is, and is missing.
 * @param {string[]} names
 * @param {Map<string, string>} installed
 */
function missingOnDebian(names, installed) {
  const clang = majorVersion(installed.get("clang") ?? "");
  return names
    .map((name) => (clang === undefined ? name : name.replace("{clang}", clang)))
    .filter((name) => !installed.has(name));
}

/**
 * The names with clang's version in them; without it (apt knows no clang, its lists were never
 * fetched) those names are left out, for the next set-up to ask for.
 * @param {string[]} names
 * @param {string | undefined} clang
 */
export function fillIn(names, clang) {
  if (clang === undefined) return names.filter((name) => !name.includes("{clang}"));
  return names.map((name) => name.replace("{clang}", clang));
}

/**
 * The major version of a Debian package version, as "14" of "1:14.0-55.7~deb12u1".
 * @param {string} version
 */
export function majorVersion(version) {
  return /^(?:\d+:)?(\d+)/.exec(version)?.[1];
}

/**
 * Which names rpm does not have.
 * @param {string} output
 */
function missingOnFedora(output) {
  const absent = /^(?:no package provides |error: file )(.+?)(?:: No such file or directory)?$/gm;
  return [...output.matchAll(absent)].map((match) => match[1] ?? "");
}

/**
 * The commands, to be run as root in turn, that install `names`.
 * @param {Manager} manager
 * @param {string[]} names
 * @returns {string[][]}
 */
export function installCommands(manager, names) {
  switch (manager) {
    case "apt": {
      const install = "apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120";
      const environment = ["env", "DEBIAN_FRONTEND=noninteractive"];
      return [
        ["apt-get", "update"],
        [...environment, ...install.split(" "), ...names],
      ];
    }
    case "dnf":
      return [["dnf", "install", "-y", "--setopt=install_weak_deps=False", ...names]];
    case "pacman":
      return [["pacman", "-S", "--needed", "--noconfirm", ...names]];
  }
}

/**
 * The commands as a person types them.
 * @param {string[][]} commands
 */
export function shellLine(commands) {
  return commands.map((words) => `sudo ${words.map(quote).join(" ")}`).join(" && ");
}

/**
 * What a person has to do where set-up can't install by itself.
 * @param {Distribution} distribution
 * @param {Group[]} groups of what is missing
 * @param {string[]} names missing ones, where the package manager is known
 * @returns {string}
 */
export function instructions(distribution, groups, names) {
  const { manager, name, imageBased } = distribution;
  if (manager !== undefined && imageBased) {
    const image = manager === "dnf" ? "fedora" : "archlinux";
    const layering = [
      "Or add the packages to the image and start it again:",
      `  sudo rpm-ostree install ${names.map(quote).join(" ")} && systemctl reboot`,
    ];
    return [
      `${name} is image-based: set-up adds no packages to it. Missing: ${names.join(" ")}`,
      "Use a container that shares your home and your screen:",
      `  distrobox create --name punktfunk --image ${image}:latest`,
      "  distrobox enter punktfunk    # then, in this folder: npm run setup",
      ...(manager === "dnf" ? layering : []),
    ].join("\n");
  }
  if (manager !== undefined) {
    return [
      `These packages are missing: ${names.join(" ")}`,
      "Installing them needs root, and sudo does not give it here. Run this, then try again:",
      `  ${shellLine(installCommands(manager, names))}`,
    ].join("\n");
  }
  return [
    `Set-up can't install packages on ${name}: it knows Debian, Ubuntu, Fedora and Arch.`,
    "Install what provides these, then try again (the names are Debian's):",
    ...groups.map(
      ({ purpose, apt }) => `  to ${purpose}: ${apt.join(" ").replace("{clang}", "*")}`,
    ),
  ].join("\n");
}

/** @param {string} word as a shell takes it */
function quote(word) {
  return /^[\w./:=+-]+$/.test(word) ? word : `'${word}'`;
}
