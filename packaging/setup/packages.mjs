/** The step of set-up that installs system packages. */
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import {
  fillIn,
  installCommands,
  installedQuery,
  instructions,
  majorVersion,
  missingOf,
  packageNames,
} from "./distribution.mjs";
import { ask, SetupError } from "./progress.mjs";

/** @typedef {import("./distribution.mjs").Group} Group */
/** @typedef {import("./distribution.mjs").Distribution} Distribution */
/** @typedef {import("./distribution.mjs").Manager} Manager */
/** @typedef {import("./progress.mjs").Progress} Progress */

const lockRetryMs = 2000;
const lockPatienceMs = 120_000;

/**
 * @param {Distribution} distribution
 * @param {Group[]} groups what is needed
 * @param {Progress} progress
 * @returns {import("./step.mjs").Step}
 */
export function packagesStep(distribution, groups, progress) {
  const { manager, imageBased } = distribution;

  /** Missing packages; what was put there by hand counts only where set-up can't install. */
  async function missing() {
    const names = manager === undefined ? [] : await missingPackages(manager, groups);
    const canInstall = manager !== undefined && !imageBased;
    if (canInstall && (names.length === 0 || (await rootPrefix()) !== undefined)) {
      return { names, groups: [] };
    }
    const absent = await unprovided(groups);
    return { names: absent.length === 0 ? [] : names, groups: absent };
  }

  return {
    async check() {
      const { names, groups: absent } = await missing();
      if (names.length > 0) return `these packages are missing: ${names.join(" ")}`;
      if (absent.length > 0) return `${absent.length} things that it needs are missing`;
      return undefined;
    },

    async mend() {
      const { names, groups: absent } = await missing();
      const prefix = await rootPrefix();
      if (manager === undefined || imageBased || prefix === undefined) {
        const known = manager === "apt" ? await fillInClang(names) : names;
        throw new SetupError(instructions(distribution, absent, known));
      }
      const shown = names.join(" ").replace("{clang}", "*");
      progress.say(`  Packages to install (${names.length}): ${shown}`);
      await install(manager, names, prefix, progress);
      return `${names.length} packages installed with ${manager}`;
    },
  };
}

/**
 * @param {Manager} manager
 * @param {string[]} names
 * @param {string[]} prefix what makes a command run as root
 * @param {Progress} progress
 */
async function install(manager, names, prefix, progress) {
  const terminal = prefix.length > 0;
  /** @param {string[]} words */
  const asRoot = (words) => [...prefix, ...words];
  /** @param {string} what @param {string[]} words */
  const run = (what, words) => progress.run(what, asRoot(words), { terminal });

  if (manager !== "apt") {
    for (const words of installCommands(manager, names)) {
      const result = await run(manager, words);
      if (result.status === 0) continue;
      const hint = manager === "pacman" ? "\nStale package lists? Run sudo pacman -Syu first." : "";
      const failure = progress.failure(asRoot(words), result);
      throw new SetupError(failure.message + hint);
    }
    return;
  }
  const [update = []] = installCommands(manager, names);
  const giveUp = performance.now() + lockPatienceMs;
  let updated = await run("package lists", update);
  // The lock of the lists is the one that apt-get does not wait for by itself.
  while (/Could not get lock/.test(updated.tail) && performance.now() < giveUp) {
    await new Promise((resolve) => setTimeout(resolve, lockRetryMs));
    updated = await run("package lists (another program has the lock)", update);
  }
  if (updated.status !== 0)
    progress.say("  The package lists can't be updated; going on with old ones.");

  const [, words = []] = installCommands(manager, await fillInClang(names));
  let result = await run("packages", words);
  if (/dpkg was interrupted/.test(result.tail)) {
    await progress.must("finishing an interrupted install", asRoot(["dpkg", "--configure", "-a"]));
    result = await run("packages", words);
  }
  if (result.status !== 0) throw progress.failure(asRoot(words), result);
}

/**
 * @param {Manager} manager
 * @param {Group[]} groups
 */
async function missingPackages(manager, groups) {
  const names = packageNames(groups, manager);
  const { status, output } = await ask(installedQuery(manager, names));
  return status === -1 ? names : missingOf(manager, names, output);
}

/**
 * Names with the version of the clang that apt would install.
 * @param {string[]} names
 */
async function fillInClang(names) {
  const { output } = await ask(["apt-cache", "show", "--no-all-versions", "clang"]);
  return fillIn(names, majorVersion(/^Version: (.+)$/m.exec(output)?.[1] ?? ""));
}

/**
 * The groups that nothing on this machine provides, whoever put it there.
 * @param {Group[]} groups
 */
async function unprovided(groups) {
  const provided = await Promise.all(
    groups.map(async ({ probe: { programs = [], modules = [], headers = [] } }) => {
      if (!programs.every(onPath)) return false;
      const questions = [
        ...modules.map((module) => ["pkg-config", "--exists", module]),
        ...headers.map((header) => ["cc", "-E", "-include", header, "-x", "c", "/dev/null"]),
      ];
      const answers = await Promise.all(questions.map((words) => ask(words)));
      return answers.every(({ status }) => status === 0);
    }),
  );
  return groups.filter((_, index) => !provided[index]);
}

/**
 * Whether a program is there; those of the administrator (nft) are not on everyone's PATH.
 * @param {string} program
 */
function onPath(program) {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** What makes a command run as root; undefined when nothing does. */
async function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  if (!onPath("sudo")) return undefined;
  if ((await ask(["sudo", "-n", "true"])).status === 0) return ["sudo", "-n"];
  return process.stdin.isTTY && process.stderr.isTTY ? ["sudo"] : undefined;
}
