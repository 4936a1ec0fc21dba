import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lock } from "./lock.mjs";

const setup = join(import.meta.dir, "setup.mjs");
let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "punktfunk-setup-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a program and gives back its status and what it told people. */
async function run(words: string[]) {
  const child = Bun.spawn(words, { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const told = await new Response(child.stderr).text();
  return { status: await child.exited, told };
}

test("a second set-up finds nothing to do and takes less than two seconds", async () => {
  expect(await run(["node", setup])).toMatchObject({ status: 0 });
  const started = performance.now();
  const { status, told } = await run(["node", setup]);
  expect(performance.now() - started).toBeLessThan(2000);
  expect(status).toBe(0);
  expect(told).toMatch(/^punktfunk is set up \(\d+\.\d s\)\n$/);
});

test("an unknown option is refused as a usage error", async () => {
  const { status, told } = await run(["node", setup, "--frobnicate"]);
  expect(status).toBe(2);
  expect(told).toContain("--frobnicate");
});

test("two set-ups of one folder take turns", async () => {
  const path = join(folder, "deep/lock");
  const order: string[] = [];
  const release = await lock(path, () => order.push("first waited"));
  const { promise: waited, resolve: sayWaited } = Promise.withResolvers<void>();
  const second = lock(path, sayWaited).then((releaseSecond) => {
    order.push("second has it");
    releaseSecond();
  });
  await waited;
  order.push("first done");
  release();
  await second;
  expect(order).toEqual(["first done", "second has it"]);
});

test("a set-up that is killed leaves no lock behind", async () => {
  const path = join(folder, "lock");
  const script =
    `import { lock } from ${JSON.stringify(join(import.meta.dir, "lock.mjs"))};` +
    `await lock(${JSON.stringify(path)}, () => {}); console.log("held"); setInterval(() => {}, 1e6);`;
  const child = Bun.spawn(["node", "--input-type=module", "-e", script], { stdout: "pipe" });
  const { value } = await child.stdout.getReader().read();
  expect(new TextDecoder().decode(value)).toBe("held\n");
  child.kill("SIGKILL");
  await child.exited;
  (await lock(path, () => {}))();
});

/** Starts a program of one command under Progress and waits until that command runs. */
async function startProgress(command: string) {
  const progress = JSON.stringify(join(import.meta.dir, "progress.mjs"));
  const script =
    `import { Progress } from ${progress};` +
    `const p = new Progress(${JSON.stringify(join(folder, "log"))}); p.openLog();` +
    `try { await p.must("working", ["sh", "-c", ${JSON.stringify(command)}]); }` +
    "catch (error) { console.error(error.message); process.exitCode = error.status ?? 1; }";
  return Bun.spawn(["node", "--input-type=module", "-e", script], { stderr: "pipe" });
}

test("a failing command shows its last lines, its status and where all of its output is", async () => {
  const child = await startProgress("seq 100; echo why >&2; exit 3");
  const told = await new Response(child.stderr).text();
  expect(await child.exited).toBe(1);
  expect(told).toContain("  | why\n");
  expect(told).not.toContain("  | 50\n");
  expect(told).toContain("failed with status 3");
  const log = await Bun.file(join(folder, "log")).text();
  expect(log).toContain("\n50\n");
});

test("an interrupt lets the running command end, and ends with status 130", async () => {
  const started = join(folder, "started");
  const ended = join(folder, "ended");
  const child = await startProgress(
    `trap 'echo done > ${ended}; exit 0' INT; mkfifo ${started}.wait; echo > ${started}; read x < ${started}.wait`,
  );
  while (!(await Bun.file(started).exists())) await Bun.sleep(5);
  child.kill("SIGINT");
  expect(await child.exited).toBe(130);
  expect(await Bun.file(ended).text()).toBe("done\n");
  expect(await new Response(child.stderr).text()).toContain("Interrupted");
});
