#!/usr/bin/env node
/**
 * Makes a fresh machine ready: system packages, npm packages (Bun among them), native kernels.
 * `npm start` and `npm test` call it first. Plain Node 18, since nothing is installed yet.
 * Options: --tests  also what only the tests need.
 * Exit status: 0 ready, 1 not, 2 usage, 130 interrupted.
 *
 * Each step checks and mends. When every check is content nothing is written and nothing locked,
 * so a second set-up costs a fraction of a second and works offline.
 */
import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { identify, select } from "./distribution.mjs";
import { lock } from "./lock.mjs";
import { modulesDifference } from "./modules.mjs";
import { packagesStep } from "./packages.mjs";
import { ask, Interrupted, Progress, SetupError } from "./progress.mjs";

/** @typedef {import("./step.mjs").Step} Step */

const root = fileURLToPath(new URL("../..", import.meta.url));
const progress = new Progress(join(root, "build/setup.log"));

/** @type {Step} */
const modulesStep = {
  async check() {
    return modulesDifference(
      readJson("package-lock.json"),
      existsSync(join(root, "node_modules/.package-lock.json"))
        ? readJson("node_modules/.package-lock.json")
        : undefined,
      (path) => existsSync(join(root, path)),
    );
  },
  async mend() {
    // Not `npm ci`: npm 11 refuses a lock that lacks optional packages of other platforms, which a
    // registry need not have. What is in the lock is installed as it says. What the environment
    // would leave out (NODE_ENV=production, omit=optional, a silent npm run) is needed here.
    const words = "npm install --no-save --include=dev --include=optional --no-audit --no-fund";
    const quiet = ["--loglevel=notice", "--no-progress"];
    const { took } = await progress.must("npm packages", [...words.split(" "), ...quiet], {
      cwd: root,
    });
    return `npm packages installed in ${took}`;
  },
};

/** npm may be told not to run install scripts; Bun's puts the right binary into its place. @type {Step} */
const bunStep = {
  async check() {
    const wanted = readJson("package-lock.json").packages["node_modules/bun"].version;
    const found = await bunVersion(join(root, "node_modules/.bin/bun"));
    return found === wanted ? undefined : `Bun ${wanted} does not run`;
  },
  async mend() {
    const folder = join(root, "node_modules/@oven");
    const builds = existsSync(folder) ? readdirSync(folder) : [];
    for (const build of builds) {
      const binary = join(folder, build, "bin/bun");
      const version = await bunVersion(binary);
      if (version === undefined) continue;
      const place = join(root, "node_modules/bun/bin/bun.exe");
      copyFileSync(binary, `${place}.new`);
      renameSync(`${place}.new`, place);
      return `Bun ${version} put into place (${build})`;
    }
    throw new SetupError(
      `No build of Bun in ${folder} runs on this machine (found: ${builds.join(" ") || "none"}).\n` +
        "Remove node_modules and try again; Bun needs Linux on x64 or arm64.",
    );
  },
};

const make = ["make", "-s", "-C", join(root, "src/ffi")];
/** @type {Step} */
const nativeStep = {
  async check() {
    return (await ask([...make, "-q"])).status === 0 ? undefined : "native kernels are not built";
  },
  async mend() {
    const { took } = await progress.must("compiling", [...make, `-j${cpus().length}`]);
    return `native kernels compiled in ${took}`;
  },
};

process.exitCode = await main(process.argv.slice(2));

/** @param {string[]} args */
async function main(args) {
  const unknown = args.find((argument) => argument !== "--tests");
  if (unknown !== undefined) {
    progress.say(`setup: unknown option ${unknown}. Usage: npm run setup [-- --tests]`);
    return 2;
  }
  try {
    await setUp(args.includes("--tests"));
    return 0;
  } catch (error) {
    if (error instanceof Interrupted) {
      progress.say(error.message);
      return error.status;
    }
    progress.say(sentence(error));
    return 1;
  }
}

/**
 * An expected failure in words; others are thrown on.
 * @param {unknown} error
 */
function sentence(error) {
  if (error instanceof SetupError) return error.message;
  if (
    error instanceof Error &&
    "code" in error &&
    /^E(ACCES|PERM|ROFS|NOSPC)$/.test(`${error.code}`)
  ) {
    return `${error.message}\nSet-up writes into ${root}: it needs to be yours, and to have room.`;
  }
  throw error;
}

/** @param {boolean} tests */
async function setUp(tests) {
  const system = identify(
    existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "",
    existsSync("/run/ostree-booted"),
  );
  const groups = select(readJson("packaging/setup/packages.json"), {
    tests,
    machine: process.arch,
  });
  const steps = [packagesStep(system, groups, progress), modulesStep, bunStep, nativeStep];
  const found = await Promise.all(steps.map((step) => step.check()));
  if (found.every((difference) => difference === undefined)) {
    progress.say(`punktfunk is set up (${progress.elapsed})`);
    return;
  }
  progress.say(`Setting up punktfunk on ${system.name}`);
  const release = await lock(join(root, "build/setup.lock"), () =>
    progress.say("  waiting for another set-up of this folder"),
  );
  try {
    progress.openLog();
    for (const step of steps) await settle(step);
  } finally {
    release();
  }
  progress.say(`punktfunk is set up (${progress.elapsed})`);
}

/** @param {Step} step */
async function settle(step) {
  if ((await step.check()) === undefined) return;
  progress.say(`  ✔ ${await step.mend()}`);
  const difference = await step.check();
  if (difference !== undefined) throw new SetupError(`Set-up went through, but ${difference}.`);
}

/** @param {string} binary */
async function bunVersion(binary) {
  const { status, output } = await ask([binary, "--version"]);
  return status === 0 ? output.trim() : undefined;
}

/** @param {string} path below the root */
function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), "utf8"));
}
