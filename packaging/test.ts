/**
 * Runs the tests: those that its arguments name (as `bun test` takes them), or all of them. All
 * means two halves side by side, since most of the first half's time goes by in waiting for
 * timeouts, desktops and browsers of its own. The second half's output comes when it is complete.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const command = [process.execPath, "test", "--timeout", "60000"];
const options = { cwd: root, stdin: "inherit", stdout: "inherit", stderr: "inherit" } as const;

/** Real programs, each other's host and client. */
const programs = ["packaging", "src/cli", "src/harness"];

function rest(): string[] {
  const folders = readdirSync(join(root, "src"), { withFileTypes: true });
  const names = folders.filter((entry) => entry.isDirectory()).map(({ name }) => `src/${name}`);
  return [...names, "tools"].filter((name) => !programs.includes(name));
}

async function runAll(): Promise<number> {
  const folders = (names: readonly string[]) => names.map((name) => `./${name}/`);
  const first = Bun.spawn([...command, ...folders(programs)], options);
  // What the first half streams in real time comes first.
  const second = Bun.spawn(["nice", "-n", "10", ...command, ...folders(rest())], {
    ...options,
    stdout: "pipe",
    stderr: "pipe",
  });
  const said = Promise.all([
    new Response(second.stdout).text(),
    new Response(second.stderr).text(),
  ]);
  const statuses = await Promise.all([first.exited, second.exited]);
  await Bun.write(Bun.stderr, (await said).join(""));
  return Math.max(...statuses);
}

const named = process.argv.slice(2);
const status =
  named.length > 0 ? await Bun.spawn([...command, ...named], options).exited : await runAll();
process.exit(status);
