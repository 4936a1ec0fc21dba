import { expect, test } from "bun:test";
import { nativeProgram } from "../build.ts";

test.each(["sanitize", "thread"] as const)(
  "the bus's buffers and descriptors hold a flood, an end and a close (%s)",
  (variant) => {
    const ran = Bun.spawnSync([nativeProgram(variant, "test/bus_test")]);
    expect(ran.stderr.toString()).toBe("");
    expect(ran.exitCode).toBe(0);
  },
);
