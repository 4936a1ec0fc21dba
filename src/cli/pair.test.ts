/** Pairing and waiting for approval as a script meets them: real programs and a real host. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../harness/processes.ts";
import { Program } from "../harness/program.ts";
import { withTrustHost } from "../harness/trust-ends.ts";
import type { Host } from "../host/host.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "punktfunk-pair-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A command of one person, whose state is kept under their name. */
const start = (person: string, args: readonly string[]) =>
  new Program([args[0] as string, "--json", ...args.slice(1)], {
    home: join(folder, person),
    // In a test's environment less would be said.
    env: { CONSOLA_LEVEL: "3" },
  });

async function ended(program: Program) {
  const code = await program.exited;
  const last = program.lines.at(-1);
  return { code, last, error: last?.type === "error" ? last["code"] : undefined };
}

async function run(person: string, ...args: string[]) {
  const program = start(person, args);
  const end = await ended(program);
  const sentence = `${end.last?.["message"]} ${end.last?.["hint"]}`;
  return { ...end, sentence, words: await program.words };
}

const placeOf = (host: Host) => `127.0.0.1:${host.port}`;
const pinOf = (host: Host, level: "full" | "view" = "full") =>
  host.managed.trust.arm({ level, durationMs: 60_000 }).window?.pin as string;
const other = (pin: string) => (pin === "123456" ? "654321" : "123456");
const streams = (host: Host) => ["connect", placeOf(host), "--present", "none"];
const short = ["--mode", "320x180@30", "--duration", "0.3"];
const knownHosts = (person: string) => Bun.file(join(folder, person, "data", "known-hosts.json"));

describe("pair", () => {
  test("by the right PIN pairs, pins the certificate without a question, and connect streams", () =>
    withTrustHost(async (host) => {
      const pin = pinOf(host);
      const spaced = `${pin.slice(0, 3)} ${pin.slice(3)}`;
      const name = "Living-room TV";
      const paired = await run("right", "pair", placeOf(host), "--pin", spaced, "--name", name);
      expect(paired.code).toBe(0);
      const [device] = host.managed.trust.devices();
      expect(device).toMatchObject({ name, level: "full" });
      expect(paired.last).toEqual({
        type: "summary",
        host: "127.0.0.1",
        port: host.port,
        fingerprint: host.fingerprint,
        device: { id: device?.id, name, fingerprint: device?.fingerprint },
      });
      expect(paired.words).toContain(`Next: punktfunk connect ${placeOf(host)}`);
      const { code, last } = await run("right", ...streams(host), ...short);
      expect([code, last?.type]).toEqual([0, "summary"]);
    }));

  test("by a wrong PIN pairs nobody and burns it: the right one comes too late", () =>
    withTrustHost(async (host) => {
      const pin = pinOf(host);
      const wrong = await run("wrong", "pair", placeOf(host), "--pin", other(pin));
      expect([wrong.code, wrong.error]).toEqual([1, "PF_PAIRING_FAILED"]);
      expect(wrong.sentence).toContain("PIN is wrong");
      expect(wrong.sentence).toContain("punktfunk host arm");
      const late = await run("wrong", "pair", placeOf(host), "--pin", pin);
      expect([late.code, late.error]).toEqual([1, "PF_PAIRING_FAILED"]);
      expect(late.sentence).toContain("used up by a wrong guess");
      expect(host.managed.trust.devices()).toEqual([]);
      expect(await knownHosts("wrong").exists()).toBe(false);
    }));

  test("takes a PIN once", () =>
    withTrustHost(async (host) => {
      const pin = pinOf(host);
      expect((await run("first", "pair", placeOf(host), "--pin", pin)).code).toBe(0);
      const second = await run("second", "pair", placeOf(host), "--pin", pin);
      expect([second.code, second.error]).toEqual([1, "PF_PAIRING_FAILED"]);
      expect(second.sentence).toContain("used already");
      expect(host.managed.trust.devices()).toHaveLength(1);
    }));

  test("keeps from a host that shows another certificate than it did, unless that is named", () =>
    withTrustHost(async (host) => {
      const hostKey = placeOf(host);
      const seen = "2026-11-01T00:00:00.000Z";
      const entry = {
        host: hostKey,
        fingerprint: "ab".repeat(32),
        firstSeen: seen,
        lastSeen: seen,
      };
      await Bun.write(knownHosts("changed"), JSON.stringify({ version: 1, hosts: [entry] }));
      const pin = pinOf(host);
      const args = ["pair", hostKey, "--pin", pin];
      const changed = await run("changed", ...args);
      expect([changed.code, changed.error]).toEqual([4, "PF_FINGERPRINT_MISMATCH"]);
      const misnamed = await run("changed", ...args, "--fingerprint", "cd".repeat(32));
      expect([misnamed.code, misnamed.error]).toEqual([4, "PF_FINGERPRINT_MISMATCH"]);
      expect(await knownHosts("changed").json()).toMatchObject({ hosts: [entry] });
      // No guess was made: the PIN is as good as it was.
      const named = await run("changed", ...args, "--fingerprint", host.fingerprint);
      expect(named.code).toBe(0);
      const { hosts } = await knownHosts("changed").json();
      expect(hosts).toMatchObject([{ host: hostKey, fingerprint: host.fingerprint }]);
    }));

  test.each([
    [["--pin", "12345"], "PF_USAGE", "6 digits"],
    [["--pin", "1234567"], "PF_USAGE", "6 digits"],
    [["--pin", "١٢٣٤٥٦"], "PF_USAGE", "6 digits"],
    [["--pin="], "PF_USAGE", "6 digits"],
    [["--pin"], "PF_USAGE", "--pin needs a value"],
    [[], "PF_USAGE", "--pin"],
    [["--pin", "123456", "--name", "\u0007"], "PF_USAGE", "name"],
    [["--pin", "123456", "--name", "x".repeat(10_000)], "PF_USAGE", "name"],
    [["--pin", "123456", "--fingerprint", "12:34"], "PF_USAGE", "64 hex digits"],
  ] as const)("%j is wrong use", (args, code, words) =>
    withTrustHost(async (host) => {
      const end = await run("misused", "pair", placeOf(host), ...args);
      expect([end.code, end.error]).toEqual([2, code]);
      expect(end.sentence).toContain(words);
    }),
  );

  test("without an answer is a host that can't be reached, and help tells the rest", async () => {
    const nobody = await run("alone", "pair", "127.0.0.1:1", "--pin", "123456");
    expect([nobody.code, nobody.error]).toEqual([3, "PF_HOST_UNREACHABLE"]);
    const help = start("alone", ["pair", "--help"]);
    expect(await help.exited).toBe(0);
  });
});

describe("a device that is not paired", () => {
  test("is refused by connect and by speed-test, with what to do next", () =>
    withTrustHost(async (host) => {
      const trusting = ["--fingerprint", host.fingerprint];
      for (const args of [
        [...streams(host), "--no-wait"],
        ["speed-test", placeOf(host)],
      ]) {
        const { code, error, sentence } = await run("stranger", ...args, ...trusting);
        expect([code, error]).toEqual([5, "PF_PAIRING_REQUIRED"]);
        expect(sentence).toContain("punktfunk pair");
      }
      expect(host.managed.trust.pending()).toEqual([]);
    }));

  const waitsAt = (host: Host, person: string, ...args: string[]) =>
    start(person, [...streams(host), "--fingerprint", host.fingerprint, "--wait", ...args]);

  test("waits where it is told to, and streams when it is let in", () =>
    withTrustHost(async (host) => {
      const program = waitsAt(host, "patient", ...short);
      const awaited = await program.line("approval-awaited");
      const [request] = host.managed.trust.pending();
      const { id, fingerprint, name } = request as NonNullable<typeof request>;
      expect(awaited).toMatchObject({ id, fingerprint, name });
      expect(awaited?.["timeoutMs"]).toBeGreaterThan(170_000);
      await host.managed.trust.approve(id, { level: "play", expiresAt: null });
      expect((await ended(program)).code).toBe(0);
      expect(await program.words).toContain(`punktfunk host approve ${id}`);
    }));

  test("is told when it was sent away", () =>
    withTrustHost(async (host) => {
      const program = waitsAt(host, "unwanted");
      const id = (await program.line("approval-awaited"))?.["id"] as string;
      host.managed.trust.deny(id);
      const { code, error } = await ended(program);
      expect([code, error]).toEqual([5, "PF_PAIRING_REQUIRED"]);
      const again = await ended(waitsAt(host, "unwanted"));
      expect([again.code, again.error]).toEqual([5, "PF_PAIRING_REQUIRED"]);
    }));

  test("stops waiting within a second when it is interrupted, and the host knows", () =>
    withTrustHost(async (host) => {
      const program = waitsAt(host, "hasty");
      await program.line("approval-awaited");
      const startedMs = performance.now();
      expect(await program.end()).toBe(130);
      expect(performance.now() - startedMs).toBeLessThan(1000);
      await until(() => host.managed.trust.pending().length === 0, "the withdrawal");
    }));
});

describe("without a terminal", () => {
  test("a manager gets records of who waits, and the command that decides", () =>
    withTrustHost(async (host) => {
      await run("manager", "pair", placeOf(host), "--pin", pinOf(host));
      const manager = start("manager", [...streams(host), "--mode", "320x180@30"]);
      await manager.line("stats");
      const guest = start("guest", [
        ...[...streams(host), "--fingerprint", host.fingerprint, "--wait"],
      ]);
      const { id, name, fingerprint } = (await guest.line("approval-awaited")) as never;
      expect(await manager.line("pending-request")).toMatchObject({
        ...{ id, name, fingerprint, address: "127.0.0.1" },
      });
      expect(await guest.end()).toBe(130);
      expect(await manager.line("pending-settled")).toMatchObject({ id, how: "withdrawn" });
      expect(await manager.end()).toBe(130);
      const words = await manager.words;
      expect(words).toContain(`Allow "${name}" (fp `);
      expect(words).toContain(`punktfunk host approve ${id}`);
    }));

  test("a viewer is told that its input is not sent, and when that changes", () =>
    withTrustHost(async (host) => {
      await run("viewer", "pair", placeOf(host), "--pin", pinOf(host, "view"));
      const typing = ["--type", "hello", "--mode", "320x180@30"];
      const viewer = start("viewer", [...streams(host), ...typing]);
      expect(await viewer.line("welcome")).toMatchObject({ level: "view" });
      await viewer.line("stats");
      const [device] = host.managed.trust.devices();
      const id = device?.id as string;
      await host.managed.trust.changeDevice(id, { level: "play" });
      await host.managed.trust.changeDevice(id, { level: "view" });
      await host.managed.trust.revoke(id);
      const { code, error } = await ended(viewer);
      expect([code, error]).toEqual([5, "PF_PAIRING_REQUIRED"]);
      const words = await viewer.words;
      expect(words.match(/may only watch/g)).toHaveLength(2);
      expect(words.match(/takes keyboard and pointer/g)).toHaveLength(1);
    }));
});
