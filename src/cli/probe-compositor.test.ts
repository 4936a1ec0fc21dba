import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { Program } from "../harness/program.ts";
import { displayKinds } from "../host/readiness/readiness.ts";
import { runtimeFolder, startSway } from "../host/readiness/sway.fixture.ts";

const line = z.strictObject({
  type: z.literal("probe"),
  kind: z.enum(displayKinds),
  name: z.string().min(1),
  ok: z.boolean(),
  version: z.string().nullable(),
  checks: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        ok: z.boolean(),
        detail: z.string().min(1),
        fix: z.string().min(1).nullable(),
      }),
    )
    .min(1),
});

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "pf-probe-"));
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** As systemd would start it: nothing of a desktop in its environment. */
function start(folder: string, args: readonly string[], env: Record<string, string> = {}) {
  const clear = { WAYLAND_DISPLAY: undefined, DISPLAY: undefined, SWAYSOCK: undefined };
  const bus = { DBUS_SESSION_BUS_ADDRESS: undefined, XDG_RUNTIME_DIR: folder };
  return new Program(["probe-compositor", ...args], { home, env: { ...clear, ...bus, ...env } });
}

async function probe(folder: string, args: readonly string[], env: Record<string, string> = {}) {
  const program = start(folder, ["--json", ...args], env);
  const code = await program.exited;
  const found = program.lines.filter(({ type }) => type === "probe").map((one) => line.parse(one));
  const check = (name: string) => found[0]?.checks.find((one) => one.name === name);
  return { code, found, check, lines: program.lines, words: await program.words };
}

describe("without a desktop", () => {
  test("every kind has its line, and what lacks says what to do", async () => {
    const { found, lines } = await probe(home, []);
    expect(found.map(({ kind }) => kind)).toEqual([...displayKinds]);
    for (const { ok, checks } of found) {
      expect(ok).toBe(checks.every((check) => check.ok));
      for (const check of checks) expect(check.fix === null).toBe(check.ok);
    }
    expect(lines.at(-1)).toMatchObject({ type: "summary", imported: [] });
  });

  test("nothing runs, whatever the host could start", async () => {
    const { code, found } = await probe(home, ["--running"]);
    expect(code).toBe(1);
    const running = displayKinds.filter((kind) => !["sway", "gamescope"].includes(kind));
    expect(found.map(({ kind, ok }) => [kind, ok])).toEqual(running.map((kind) => [kind, false]));
  });

  test("a desktop that nobody knows is a mistake", async () => {
    for (const args of [
      ["windows"],
      ["sway", "mutter"],
      ["sway", "--running"],
      ["--wait", "soon"],
      ["--wait"],
    ]) {
      const { code, lines } = await probe(home, args);
      expect([args, code, lines.at(-1)?.["code"]]).toEqual([args, 2, "PF_USAGE"]);
    }
  });

  test("a socket that nobody listens on says so", async () => {
    await Bun.write(join(home, "wayland-7"), "");
    const { code, check } = await probe(home, ["wlroots"], { WAYLAND_DISPLAY: "wayland-7" });
    expect(code).toBe(1);
    expect(check("roundtrip")?.detail).toContain("nobody listens");
    await rm(join(home, "wayland-7"));
  });

  test("Ctrl-C ends the waiting", async () => {
    const waiting = start(home, ["wlroots", "--wait", "1h"]);
    await Bun.sleep(300);
    expect(await waiting.end()).toBe(130);
  });
});

describe("with sway", () => {
  test("the desktop is found without its environment, and is ready", async () => {
    await using sway = await startSway(await runtimeFolder());
    const { code, found, check, lines } = await probe(sway.runtimeFolder, ["wlroots"]);
    expect([code, found[0]?.name, found[0]?.ok]).toEqual([0, "sway", true]);
    expect(check("process")?.detail).toContain(`process ${sway.pid}`);
    expect(check("capture")?.detail).toContain("zwlr_screencopy_manager_v1 in version 3");
    const imported = lines.at(-1)?.["imported"] as { name: string; from: string }[];
    expect(imported.map(({ name }) => name)).toEqual(["WAYLAND_DISPLAY", "SWAYSOCK"]);
    expect(imported[0]?.from).toBe(join(sway.runtimeFolder, "wayland-1"));
  });

  test("a compositor that hangs is told in bounded time, with how to wake it", async () => {
    await using sway = await startSway(await runtimeFolder());
    process.kill(sway.pid, "SIGSTOP");
    const beganAt = performance.now();
    const { code, check } = await probe(sway.runtimeFolder, ["wlroots"]);
    expect(code).toBe(1);
    expect(performance.now() - beganAt).toBeLessThan(5000);
    expect(check("process")?.fix).toBe(`kill -CONT ${sway.pid}`);
    expect(check("roundtrip")?.detail).toContain("did not answer");
  });

  test("a service that starts before its desktop waits for it", async () => {
    const folder = await runtimeFolder();
    const waiting = start(folder, ["wlroots", "--wait", "20s", "--json"]);
    await Bun.sleep(200);
    await using _sway = await startSway(folder);
    expect(await waiting.exited).toBe(0);
    expect(waiting.lines.at(-1)).toMatchObject({ ok: true, ready: ["wlroots"] });
  });
});
