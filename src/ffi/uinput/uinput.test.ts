import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { nativeProgram } from "../build.ts";
import { UinputDevices } from "./uinput.ts";

test("the kernel's devices get what evdev says, and text the keys of its layout", () => {
  const program = Bun.spawnSync([nativeProgram("sanitize", "test/uinput_test")]);
  expect(program.stderr.toString()).toBe("");
  expect(program.exitCode).toBe(0);
});

test.skipIf(existsSync("/dev/uinput"))("without uinput a sentence says how to get it", () => {
  expect(() => new UinputDevices()).toThrow(
    "Keyboard and mouse can't be given to the desktop: /dev/uinput is not there: load the " +
      "kernel's module uinput.",
  );
});
