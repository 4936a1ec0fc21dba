import { expect, test } from "bun:test";
import { nativeProgram } from "../build.ts";

test("colours, scaling, mailbox and terminal hold under the sanitizers", async () => {
  const program = nativeProgram("sanitize", "test/present_test");
  const { exitCode, stdout, stderr } = await Bun.$`${program}`.quiet().nothrow();
  expect(stderr.toString()).toBe("");
  expect(stdout.toString()).toBe("ok\n");
  expect(exitCode).toBe(0);
}, 60_000);
