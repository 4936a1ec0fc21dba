import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { imageMissing, loadOrder } from "./image.ts";
import { runInGuest } from "./machine.ts";

const missing = imageMissing();
if (missing !== undefined) console.warn(`SKIPPED: what needs another kernel, as ${missing}.`);
const isSkipped = missing !== undefined && process.env["CI"] === undefined;
const here = import.meta.dir;

test("modules are loaded behind what they depend on, each once", () => {
  const list = "a/x.ko: b/y.ko c/z.ko\nb/y.ko: c/z.ko\nc/z.ko:\nd/w.ko: c/z.ko\n";
  expect(loadOrder(list, ["x", "w", "built-in"])).toEqual(["c/z.ko", "b/y.ko", "a/x.ko", "d/w.ko"]);
});

test.skipIf(isSkipped)(
  "tests run in a machine with another kernel, and write nothing here",
  async () => {
    const command = [process.execPath, "test", "./kernel.vm.ts", "./uinput.vm.ts"];
    const { status, output } = await runInGuest(command, { cwd: here });
    expect([status, output]).toEqual([0, expect.stringContaining(" 6 pass\n 0 fail")]);
    expect(existsSync(join(here, "written"))).toBe(false);
  },
  120_000,
);

test.skipIf(isSkipped)(
  "a command's status and words come back",
  async () => {
    const { status, output } = await runInGuest(["sh", "-c", "echo 'it''s'; exit 7"], { cwd: "/" });
    expect([status, output.trim()]).toEqual([7, "its"]);
  },
  120_000,
);
