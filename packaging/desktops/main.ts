/**
 * `npm run test:desktops [-- --only NAME] [--rebuild]`: the desktops of Debian 13 in a folder of
 * their own, streamed by this checkout. The folder is made at the first run (some minutes, 2.5 GB
 * under ~/.cache/punktfunk) and kept. Needs root, for chroot(2) and namespaces.
 * Exit status: bun test's; 2 usage, 130 interrupted.
 */
import { join } from "node:path";
import { parseArgs } from "node:util";
import { lock } from "../setup/lock.mjs";
import { Interrupted, Progress, SetupError } from "../setup/progress.mjs";
import { desktopFolder, prepareFolder } from "./folder.ts";
import { desktops } from "./packages.ts";
import { runTests } from "./tests.ts";

const usage = `Usage: npm run test:desktops [-- [--only ${desktops.join("|")}] [--rebuild]]`;
const root = new URL("../..", import.meta.url).pathname;

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
      return await runTests(place, wish.only, progress);
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
