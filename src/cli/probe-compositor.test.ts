import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { Program } from "../harness/program.ts";
import { swayInstalled } from "../host/displays/desktop.fixture.ts";
import { sessionBusInstalled, startSessionBus } from "../host/displays/session-bus.fixture.ts";
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
  const of = (kind: string, name: string) =>
    found.find((one) => one.kind === kind)?.checks.find((check) => check.name === name);
  return { code, found, of, lines: program.lines };
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
    const { code, of } = await probe(home, ["wlroots"], { WAYLAND_DISPLAY: "wayland-7" });
    expect(code).toBe(1);
    expect(of("wlroots", "roundtrip")?.detail).toContain("nobody listens");
    await rm(join(home, "wayland-7"));
  });

  test("Ctrl-C ends the waiting", async () => {
    const waiting = start(home, ["wlroots", "--wait", "1h"]);
    await Bun.sleep(300);
    expect(await waiting.end()).toBe(130);
  });
});

describe.skipIf(!swayInstalled || !sessionBusInstalled)("with sway", () => {
  test("the desktop is found without its environment, and is ready", async () => {
    await using sway = await startSway(await runtimeFolder());
    const { code, found, of, lines } = await probe(sway.runtimeFolder, ["wlroots"]);
    expect([code, found[0]?.name, found[0]?.ok]).toEqual([0, "sway", true]);
    expect(of("wlroots", "process")?.detail).toContain(`process ${sway.pid}`);
    expect(of("wlroots", "capture")?.detail).toContain("zwlr_screencopy_manager_v1 in version 3");
    const imported = lines.at(-1)?.["imported"] as { name: string; from: string }[];
    expect(imported.map(({ name }) => name)).toEqual(["WAYLAND_DISPLAY", "SWAYSOCK"]);
    expect(imported[0]?.from).toBe(join(sway.runtimeFolder, "wayland-1"));
  });

  test("a compositor and a bus that hang are told in bounded time, with how to wake them", async () => {
    await using sway = await startSway(await runtimeFolder());
    await using bus = await startSessionBus();
    const env = { DBUS_SESSION_BUS_ADDRESS: bus.address };
    process.kill(sway.pid, "SIGSTOP");
    process.kill(bus.pid, "SIGSTOP");
    const beganAt = performance.now();
    const { of } = await probe(sway.runtimeFolder, ["--running"], env);
    process.kill(bus.pid, "SIGCONT");
    expect(performance.now() - beganAt).toBeLessThan(5000);
    expect(of("wlroots", "process")?.fix).toBe(`kill -CONT ${sway.pid}`);
    expect(of("wlroots", "roundtrip")?.detail).toContain("did not answer");
    expect(of("mutter", "session bus")?.detail).toContain("did not answer");
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

test.skipIf(!sessionBusInstalled)("a desktop that is not on the session bus is told", async () => {
  await using bus = await startSessionBus();
  const { code, of } = await probe(home, ["mutter", "--running"], {
    DBUS_SESSION_BUS_ADDRESS: bus.address,
  });
  expect(code).toBe(1);
  expect(of("mutter", "session bus")?.ok).toBe(true);
  expect(of("mutter", "org.gnome.Mutter.ScreenCast")?.detail).toStartWith("Nobody has");
});
