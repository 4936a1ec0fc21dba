import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { LatencySummary } from "../client/latency.ts";
import type { SoakVerdict } from "../client/policy/soak.ts";
import { familyOf, type ProcessMark, stillRunning, until } from "../harness/processes.ts";
import { Program } from "../harness/program.ts";

let home: string;
/** The probe makes its folder here, so that a forgotten one is seen. */
let temporary: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "punktfunk-probetest-"));
  temporary = await mkdtemp(join(home, "tmp-"));
});

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

const probe = (...args: string[]) =>
  new Program(["latency-probe", ...args, "--json"], { home, env: { TMPDIR: temporary } });
const small = ["--mode", "320x240@30", "--bitrate", "2M"];

async function nothingStays(family: readonly ProcessMark[]): Promise<void> {
  await until(() => stillRunning(family).length === 0, "the end of the probe");
  expect(readdirSync(temporary)).toEqual([]);
}

test("a probe of this machine ends with what pixels, stages and clocks say", async () => {
  const program = probe("loopback", ...small, "--input", "--duration", "1");
  await program.line("stats");
  const family = familyOf(program.process.pid);
  expect(family.length).toBeGreaterThan(1);
  expect(await program.exited).toBe(0);
  const summary = program.lines.at(-1) as unknown as LatencySummary;
  expect(summary.type).toBe("summary");
  const { pixelLatencyUs, stagesUs, stagesSumUs, differenceUs, clock } = summary;
  for (const stage of [stagesUs.queue, stagesUs.encode, stagesUs.network, stagesUs.decode]) {
    expect(stage?.p50).toBeGreaterThanOrEqual(0);
  }
  expect(stagesUs.encode?.p50).toBeGreaterThan(0);
  expect(differenceUs).toBe((pixelLatencyUs?.p50 ?? 0) - (stagesSumUs ?? 0));
  // One refresh of 30 Hz.
  expect(Math.abs(differenceUs ?? Number.NaN)).toBeLessThan(33_333);
  expect(clock).toMatchObject({ offsetNs: 0, errorNs: 0, suspect: false, skewCorrected: true });
  expect(summary.inputs?.answered).toBeGreaterThan(0);
  expect(summary.inputLatencyUs?.p50).toBeGreaterThan(0);
  await nothingStays(family);
});

test("a soak that is interrupted tells what it saw, and nothing of it stays", async () => {
  const program = probe("soak", ...small);
  await program.line("stats");
  const family = familyOf(program.process.pid);
  expect(await program.end()).toBe(130);
  const summary = program.lines.at(-1) as unknown as { type: string; soak: SoakVerdict[] };
  expect(summary.type).toBe("summary");
  expect(summary.soak).toMatchObject([{ what: "samples", ok: false }]);
  await nothingStays(family);
});

test("what can't be measured is told of before anything is started", async () => {
  const wrong: [string[], number, string][] = [
    [["soak", "--for", "5s"], 2, "A soak takes"],
    [["loopback", "--fingerprint", "ab"], 2, "no --fingerprint to check"],
    [["loopback", "--busy", "1001"], 2, "not a number for busy time"],
    [["punktfunk.invalid"], 3, "punktfunk.invalid"],
  ];
  await Promise.all(
    wrong.map(async ([args, code, said]) => {
      const program = probe(...args);
      expect({ args, code: await program.exited }).toEqual({ args, code });
      expect(await program.words).toContain(said);
      expect(program.lines).toMatchObject([{ type: "error", exitCode: code }]);
    }),
  );
  expect(readdirSync(temporary)).toEqual([]);
});
