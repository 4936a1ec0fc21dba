import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { until } from "../../src/harness/processes.ts";
import { enclose } from "./namespace.ts";
import { folderPackages } from "./packages.ts";

const command = [process.execPath, join(import.meta.dir, "main.ts")];

function run(words: readonly string[]) {
  const { exitCode, stderr } = Bun.spawnSync([...words], { stdout: "ignore", stderr: "pipe" });
  return { status: exitCode, told: stderr.toString() };
}

const enclosable = process.geteuid?.() === 0 && run(enclose(["true"])).status === 0;

describe("the command that tries desktops", () => {
  test("names the desktops that there are when another one is asked for", () => {
    const { status, told } = run([...command, "--only", "dwm"]);
    expect(status).toBe(2);
    expect(told).toBe(
      "There is no desktop dwm to try.\n" +
        "Usage: npm run test:desktops [-- [--only sway|mutter|kwin|weston] [--rebuild]]\n",
    );
  });

  const asNobody = ["setpriv", "--reuid", "65534", "--clear-groups"];
  const nobodyCan = run([...asNobody, "test", "-r", command[1] as string]).status === 0;

  test.skipIf(!nobodyCan)("says that it needs root", () => {
    const { status, told } = run([...asNobody, ...command]);
    expect(status).toBe(1);
    expect(told).toEndWith("Run it as root: sudo npm run test:desktops\n");
  });

  test("has what compiles the kernels and what it is tried with, each once", () => {
    const packages = folderPackages();
    expect(packages).toContainValues(["gcc", "libei-dev", "sway", "mutter", "kwin-wayland"]);
    expect(new Set(packages).size).toBe(packages.length);
  });
});

describe.skipIf(!enclosable)("an enclosed command", () => {
  /** A process that has changed its user is told nothing by its parent's death. */
  const sleeper = 'echo $$; exec setpriv --reuid 65534 --clear-groups sleep "$1"';

  /** Processes that have this word in their command line. */
  const withWord = (word: string) => run(["pgrep", "-f", `sleep ${word}`]).status === 0;

  test("takes everything with it when it is killed, and when its starter is", async () => {
    for (const [index, killed] of ["itself", "starter"].entries()) {
      const word = `${97_000 + index}.${process.pid}`;
      const inside = enclose(["sh", "-c", `sh -c '${sleeper}' sh ${word} & wait`]);
      const words = killed === "itself" ? inside : ["sh", "-c", '"$@" & wait', "sh", ...inside];
      const child = Bun.spawn(words, { stdout: "pipe", stderr: "ignore" });
      await child.stdout.getReader().read();
      await until(() => withWord(word), "the sleeper");
      child.kill("SIGKILL");
      await child.exited;
      await until(() => !withWord(word), "its end");
    }
  });
});
