import { expect, test } from "bun:test";
import { nativeProgram } from "../build.ts";

test("whatever a producer says of its pointer and its damage stays within bounds", async () => {
  const fuzzer = nativeProgram("fuzz", "fuzz/meta_fuzz");
  const options = [
    "-runs=40000",
    "-max_total_time=3",
    "-max_len=4096",
    "-exact_artifact_path=/dev/null",
  ];
  const run = await Bun.$`${fuzzer} ${options}`.quiet().nothrow();
  expect(run.exitCode, run.stderr.toString()).toBe(0);
}, 60_000);
