import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program } from "../../src/harness/program.ts";
import { units } from "../../src/host/doctor/service.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "pf-units-"));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const pathOf = (unit: string) => join(import.meta.dir, unit);

/** Values of a key, in their order. */
async function values(unit: string, key: string): Promise<string[]> {
  const text = await readFile(pathOf(unit), "utf8");
  return [...text.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].map((match) => match[1] as string);
}

/** The words behind punktfunk, which systemd finds by the unit's PATH. */
async function argumentsOf(unit: string, key: string): Promise<string[]> {
  const lines = await values(unit, key);
  expect(lines).toHaveLength(1);
  const [line] = lines as [string];
  expect(line).toStartWith("/usr/bin/env punktfunk ");
  return line.split(" ").slice(2);
}

describe.each([...units])("%s", (unit) => {
  test.skipIf(Bun.which("systemd-analyze") === null)("is a unit that systemd takes", () => {
    const verify = Bun.spawnSync(["systemd-analyze", "--user", "verify", pathOf(unit)], {
      env: { ...process.env, XDG_RUNTIME_DIR: home },
    });
    // Keys of newer versions are skipped by older ones.
    const lines = verify.stderr.toString().split("\n");
    const known = /Unknown key (?:name )?'(RestartSteps|RestartMaxDelaySec)'/;
    expect(lines.filter((line) => line !== "" && !known.test(line))).toEqual([]);
    expect(verify.exitCode).toBe(0);
  });

  test("waits for a desktop by a command that there is", async () => {
    const words = await argumentsOf(unit, "ExecStartPre");
    const soon = words.map((word, i) => (words[i - 1] === "--wait" ? "500ms" : word));
    const program = new Program([...soon, "--json"], { home });
    expect([0, 1]).toContain(await program.exited);
    expect(program.lines.at(-1)).toMatchObject({ type: "summary" });
  });

  test("serves by a command that there is, and ends as systemd ends it", async () => {
    const words = await argumentsOf(unit, "ExecStart");
    const free = ["--port", "0", "--mgmt-port", "0", "--no-advertise", "--json"];
    const program = new Program([...words, ...free], { home: join(home, unit) });
    expect(await program.line("ready")).toMatchObject({ type: "ready" });
    const status = await program.end("SIGTERM");
    expect(await values(unit, "SuccessExitStatus")).toEqual([String(status)]);
  });

  test("does not start again what a mistyped option ended", async () => {
    const words = await argumentsOf(unit, "ExecStart");
    const program = new Program([...words, "--no-such-option"], { home });
    expect(await values(unit, "RestartPreventExitStatus")).toEqual([String(await program.exited)]);
  });
});
