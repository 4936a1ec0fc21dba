import { expect, test } from "bun:test";

const native = new URL("..", import.meta.url).pathname;
const program = new URL("../../../build/native/sanitize/test/present_test", import.meta.url)
  .pathname;

test("colours, scaling, mailbox and terminal hold under the sanitizers", async () => {
  await Bun.$`make -s -C ${native} VARIANT=sanitize ${"../../build/native/sanitize/test/present_test"}`.quiet();
  const { exitCode, stdout, stderr } = await Bun.$`${program}`.quiet().nothrow();
  expect(stderr.toString()).toBe("");
  expect(stdout.toString()).toBe("ok\n");
  expect(exitCode).toBe(0);
}, 60_000);
