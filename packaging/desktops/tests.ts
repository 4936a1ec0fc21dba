/**
 * Runs the tests in the Debian folder, on this machine's kernel, and those that need a graphics
 * device there in the kernel test machine, which has one.
 */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { imageMissing } from "../../src/harness/vm/image.ts";
import { runInGuest } from "../../src/harness/vm/machine.ts";
import { type Progress, SetupError } from "../setup/progress.mjs";
import type { DesktopFolder } from "./folder.ts";
import { enterWords, useIn } from "./namespace.ts";
import { type Desktop, desktops, graphicsTests, ordinaryTests } from "./packages.ts";

const root = new URL("../..", import.meta.url).pathname;
const tests = "src/harness/desktops";
const pictures = join(root, "build/desktops");
/** An emulated processor is some 20 times slower. */
const guestSecondsMax = 600;
const quietUpdateMs = 20_000;

/** Compiles the native kernels in the folder and runs the tests; returns an exit status. */
export async function runTests(
  place: DesktopFolder,
  only: Desktop | undefined,
  progress: Progress,
): Promise<number> {
  const at = { ...place, checkout: root };
  const readable = await progress.run("checkout", useIn(at, ["test", "-x", bun]), {
    namespace: true,
  });
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
  const here = await attended(useIn(at, testWords(paths, { report: "here", timeoutMs: 60_000 })));
  const graphics = chosen.flatMap((name) => graphicsTests[name]);
  const there = graphics.length === 0 ? 0 : await runWithGraphics(place, graphics, progress);

  const names = readdirSync(place.pictures).filter((name) => name.endsWith(".png"));
  for (const name of names) copyFileSync(join(place.pictures, name), join(pictures, name));
  if (names.length > 0) progress.say(`${names.length} pictures of the desktops: ${pictures}`);
  if (graphics.length > 0) tellSum(place);
  return here || there;
}

const bun = "node_modules/.bin/bun";

interface TestOptions {
  /** Name of the file among the pictures that tells the counts. */
  readonly report: string;
  readonly timeoutMs: number;
}

function testWords(paths: readonly string[], { report, timeoutMs }: TestOptions): string[] {
  return [
    ...[bun, "test", "--timeout", String(timeoutMs)],
    ...["--reporter=junit", `--reporter-outfile=/pictures/${report}.xml`],
    ...paths.map((path) => `./${path}`),
  ];
}

/** Runs a command in the terminal; it is killed when this process ends, as at Ctrl-C. */
async function attended(words: string[]): Promise<number> {
  return Bun.spawn(words, { stdio: ["ignore", "inherit", "inherit"] }).exited;
}

async function runWithGraphics(
  place: DesktopFolder,
  paths: readonly string[],
  progress: Progress,
): Promise<number> {
  const missing = imageMissing();
  if (missing !== undefined) {
    progress.say(`SKIPPED: what needs a graphics device, as ${missing}.`);
    return 0;
  }
  progress.say("In a machine that has a graphics device, which takes minutes:");
  const test = testWords(paths, { report: "there", timeoutMs: guestSecondsMax * 1000 });
  const plain = ["env", "NO_COLOR=1", "FORCE_COLOR=0", ...test];
  const words = enterWords({ ...place, checkout: root }, plain);
  const all = ["sh", "-c", 'chmod 666 /dev/dri/* && exec "$@"', "sh", ...words];
  const startedAt = performance.now();
  const ticker = setInterval(() => {
    progress.say(`  it runs for ${Math.round((performance.now() - startedAt) / 1000)} s`);
  }, quietUpdateMs);
  const { status, output } = await runInGuest(all, {
    cwd: "/",
    shared: place.pictures,
    hasGraphics: true,
    memory: 3072,
    timeoutMs: guestSecondsMax * 1000,
  }).finally(() => clearInterval(ticker));
  process.stderr.write(output);
  return status;
}

/** The counts of both runs together, as bun tells those of one. */
function tellSum({ pictures }: DesktopFolder): void {
  const reports = ["here", "there"]
    .map((name) => join(pictures, `${name}.xml`))
    .filter((path) => existsSync(path))
    .map((path) => readFileSync(path, "utf8"));
  const sum = (name: string) =>
    reports
      .map((text) =>
        Number(new RegExp(`<testsuites [^>]*\\b${name}="(\\d+)"`).exec(text)?.[1] ?? 0),
      )
      .reduce((total, count) => total + count, 0);
  const [all, failed, skipped] = [sum("tests"), sum("failures"), sum("skipped")];
  console.error(`\n ${all - failed - skipped} pass\n ${skipped} skip\n ${failed} fail`);
  console.error(`Ran ${all} tests with and without a graphics device.`);
}
