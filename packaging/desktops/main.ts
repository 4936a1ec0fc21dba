/**
 * `npm run test:desktops [-- --only NAME] [--rebuild]`: the desktops of Debian 13 in a folder of
 * their own, streamed by this checkout. The folder is made at the first run (some minutes, 2.5 GB
 * under ~/.cache/punktfunk) and kept. Needs root, for chroot(2) and namespaces.
 * Exit status: bun test's; 2 usage, 130 interrupted.
 */
import { copyFileSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { lock } from "../setup/lock.mjs";
import { Interrupted, Progress, SetupError } from "../setup/progress.mjs";
import { type DesktopFolder, desktopFolder, prepareFolder } from "./folder.ts";
import { useIn } from "./namespace.ts";
import { type Desktop, desktops, ordinaryTests } from "./packages.ts";

const usage = `Usage: npm run test:desktops [-- [--only ${desktops.join("|")}] [--rebuild]]`;
const root = new URL("../..", import.meta.url).pathname;
const tests = "src/harness/desktops";
const pictures = join(root, "build/desktops");

const progress = new Progress(join(root, "build/desktops.log"));
process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  const wish = readArguments(args);
  if (wish === undefined) return 2;
  try {
    checkRoot();
    const place = desktopFolder();
    const release = await lock(join(place.base, "lock"), () =>
      progress.say("  waiting for another run of the desktops"),
    );
    try {
      progress.openLog();
      await prepareFolder(place, progress, wish);
      return await runTests(place, wish.only);
    } finally {
      release();
    }
  } catch (error) {
    if (!(error instanceof SetupError || error instanceof Interrupted)) throw error;
    progress.say(error.message);
    return error instanceof Interrupted ? error.status : 1;
  }
}

function readArguments(args: string[]) {
  try {
    const { values } = parseArgs({
      args,
      options: { only: { type: "string" }, rebuild: { type: "boolean", default: false } },
    });
    const only = desktops.find((name) => name === values.only);
    if (values.only !== undefined && only === undefined) {
      throw new Error(`There is no desktop ${values.only} to try.`);
    }
    return { only, rebuild: values.rebuild };
  } catch (error) {
    progress.say(`${(error as Error).message}\n${usage}`);
    return undefined;
  }
}

function checkRoot(): void {
  if (process.geteuid?.() === 0) return;
  throw new SetupError(
    "The desktops are tried in a Debian folder of their own, and making that needs root.\n" +
      "Run it as root: sudo npm run test:desktops",
  );
}

/** Compiles the native kernels in the folder and runs its tests; returns their exit status. */
async function runTests(place: DesktopFolder, only: Desktop | undefined): Promise<number> {
  const at = { ...place, checkout: root };
  const readable = await progress.run(
    "checkout",
    useIn(at, ["test", "-x", "node_modules/.bin/bun"]),
    {
      namespace: true,
    },
  );
  if (readable.status !== 0) {
    throw new SetupError(
      `${readable.tail}\nThe tests run as an ordinary user, who can't read this checkout.\n` +
        "Let others read it, then try again: chmod -R o+rX .",
    );
  }
  const make = ["nice", "make", "-s", "-C", "src/ffi"];
  const { took } = await progress.must("compiling", useIn(at, make), { namespace: true });
  progress.say(`  ✔ native kernels compiled for Debian's versions in ${took}`);

  for (const path of [place.pictures, pictures]) rmSync(path, { recursive: true, force: true });
  for (const path of [place.pictures, pictures]) mkdirSync(path, { recursive: true });
  const chosen = only === undefined ? desktops : [only];
  const paths = chosen.flatMap((name) => [`${tests}/${name}.desktops.ts`, ...ordinaryTests[name]]);
  const status = await attended(
    useIn(at, ["bun", "test", "--timeout", "60000", ...paths.map((path) => `./${path}`)]),
  );
  const names = readdirSync(place.pictures);
  for (const name of names) copyFileSync(join(place.pictures, name), join(pictures, name));
  if (names.length > 0) progress.say(`${names.length} pictures of the desktops: ${pictures}`);
  return status;
}

/** Runs a command in the terminal; it is killed when this process ends, as at Ctrl-C. */
async function attended(words: string[]): Promise<number> {
  return Bun.spawn(words, { stdio: ["ignore", "inherit", "inherit"] }).exited;
}
