import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { probeDisplays } from "../../host/readiness/probe.ts";
import type { Readiness } from "../../host/readiness/readiness.ts";
import { until } from "../processes.ts";
import { startKwin } from "./kwin.testing.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "pf-kwin-"));
});
afterAll(() => rm(home, { recursive: true }));

async function probe(env: Readonly<Record<string, string>>): Promise<Readiness> {
  const { found } = await probeDisplays(["kwin"], { env });
  return found[0] as Readiness;
}

describe("KWin 6.3", () => {
  test("is ready once its user has run what the probe names", async () => {
    await using session = await startKwin(home, { permits: false });
    const before = await probe(session.env);
    expect(before).toMatchObject({ ok: false, version: expect.stringMatching(/^6\.3\./) });
    const failed = before.checks.filter(({ ok }) => !ok);
    expect(failed.map(({ detail }) => detail)).toEqual([
      "It has no zkde_screencast_unstable_v1.",
      "It has no org_kde_kwin_fake_input.",
    ]);
    const [fix] = new Set(failed.map((check) => check.fix as string));
    await session.start("sh", "-c", fix as string).exited;
    await until(async () => (await probe(session.env)).ok, "the permission", 10_000);
  });
});
