/** Run in the kernel test machine: whether it is what the tests in it need. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

test("the machine has what gamepads are made with", () => {
  for (const path of ["/dev/uhid", "/dev/uinput"]) expect(existsSync(path)).toBe(true);
  const modules = readFileSync("/proc/modules", "utf8");
  for (const name of ["hid_playstation", "hid_nintendo", "evdev"]) expect(modules).toContain(name);
});

test("what it writes stays in it", () => {
  writeFileSync(`${import.meta.dir}/written`, "by the guest");
  expect(readdirSync(import.meta.dir)).toContain("written");
});
