/** Trust over real connections: who gets in, who waits, and what a level allows. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { PfError } from "../base/errors.ts";
import { runClient } from "../client/client.ts";
import { DeviceKey, loadDeviceKey } from "../client/trust/device.ts";
import type { Host } from "../host/host.ts";
import { figuresBetween, type LiveSample } from "../host/management/live.ts";
import type { HostReport } from "../host/report.ts";
import type { MessageOf } from "../wire/control.ts";
import { parseMode } from "../wire/mode.ts";
import type { Level } from "../wire/pairing/level.ts";
import { collectingHooks, startTestHost, testClient } from "./loopback.ts";
import { until } from "./processes.ts";
import { TestDevice, withTrustHost } from "./trust-ends.ts";

const answered = 5000;
const small = parseMode("640x360@60");

test("a device that is not paired is refused, and told how to pair", async () => {
  await withTrustHost(async (host, reports) => {
    const { answer } = await new TestDevice().ask(host);
    expect(answer).toMatchObject({ type: "refuse", reason: "pairing-required" });
    expect((answer as MessageOf<"refuse">).message).toContain("punktfunk pair HOST");
    const refused = reports.find(({ type }) => type === "refused");
    expect(refused).toMatchObject({ reason: "PF_PAIRING_REQUIRED", address: "127.0.0.1" });
    expect(host.managed.status()).toMatchObject({ pair: "required", refusedTotal: 1 });
  });
});

test("a device waits, a person lets it in, and it needs no approval again", async () => {
  await withTrustHost(async (host, reports) => {
    const { trust } = host.managed;
    const device = new TestDevice();
    const name = "Living\u0007-room \u202eTV";
    const { connection, answer } = await device.ask(host, { waits: true, name });
    expect(answer).toMatchObject({ type: "approvalAwaited", id: device.id });
    const [request] = trust.pending();
    expect(request).toMatchObject({ id: device.id, name: "Living-room TV", address: "127.0.0.1" });
    expect(reports.findLast(({ type }) => type === "pending")).toMatchObject({ id: device.id });
    const paired = await trust.approve(device.id, { level: "play", expiresAt: null });
    expect(paired).toMatchObject({ id: device.id, level: "play", expired: false });
    const welcome = await connection.receive(["welcome"], answered);
    expect(welcome).toMatchObject({ pairing: "required", level: "play" });
    expect(trust.pending()).toEqual([]);
    expect(trust.devices()).toMatchObject([{ id: device.id, connected: true }]);
    const again = await device.ask(host);
    expect(again.answer).toMatchObject({ type: "welcome", level: "play" });
    await Promise.all([connection.close("done"), again.connection.close("done")]);
    await until(() => trust.devices()[0]?.connected === false, "the end of both");
  });
});

test("who is sent away is told so, and asks nobody again for a while", async () => {
  await withTrustHost(async (host) => {
    const device = new TestDevice();
    const { connection } = await device.ask(host, { waits: true });
    expect(host.managed.trust.deny(device.id)).toBe(true);
    expect(await connection.receive(["refuse"], answered)).toMatchObject({ reason: "denied" });
    const again = await device.ask(host, { waits: true });
    expect(again.answer).toMatchObject({ type: "refuse", reason: "denied" });
    expect(host.managed.trust.pending()).toEqual([]);
    expect(host.managed.trust.deny(device.id)).toBe(false);
    expect(await host.managed.trust.approve(device.id, full)).toBeUndefined();
  });
});

const full = { level: "full", expiresAt: null } as const;

test("a client that leaves waits no longer, and a later one of its device takes its place", async () => {
  await withTrustHost(async (host, reports) => {
    const device = new TestDevice();
    const first = await device.ask(host, { waits: true });
    const second = await device.ask(host, { waits: true });
    expect(await first.connection.receive(["refuse"], answered)).toMatchObject({
      reason: "replaced",
    });
    expect(host.managed.trust.pending()).toHaveLength(1);
    await second.connection.close("done");
    await until(() => host.managed.trust.pending().length === 0, "the withdrawal");
    const settled = reports.filter(({ type }) => type === "pending-settled");
    expect(settled).toMatchObject([{ id: device.id, how: "withdrawn" }]);
  });
});

test("a device that is paired by PIN elsewhere waits no longer either", async () => {
  await withTrustHost(async (host) => {
    const device = new TestDevice();
    const { connection } = await device.ask(host, { waits: true });
    const { window } = host.managed.trust.arm({ level: "view", durationMs: 60_000 });
    expect(await device.pairByPin(host, window?.pin as string)).toBe("paired");
    expect(await connection.receive(["welcome"], answered)).toMatchObject({ level: "view" });
    await connection.close("done");
  });
});

test("a host shows a PIN when it starts without devices, and takes one guess", async () => {
  await withTrustHost(async (host, reports) => {
    const armed = reports.find(({ type }) => type === "armed") as HostReport & { pin: string };
    expect(armed.pin).toMatch(/^\d{6}$/);
    const { trust } = host.managed;
    expect(trust.pairing().window).toMatchObject({ pin: armed.pin, level: "full" });
    const link = new URL(trust.pairing().uri as string);
    expect(Object.fromEntries(link.searchParams)).toMatchObject({
      port: String(host.port),
      fp: host.fingerprint,
      pin: armed.pin,
    });
    const wrong = armed.pin === "000000" ? "000001" : "000000";
    expect(await new TestDevice().pairByPin(host, wrong)).toBe("pairing-failed");
    expect(await new TestDevice().pairByPin(host, armed.pin)).toBe("pairing-failed");
    expect(trust.pairing()).toEqual({ window: null, ended: "burnt", uri: null });
    const device = new TestDevice();
    const { window } = trust.arm({ level: "full", durationMs: 60_000 });
    expect(await device.pairByPin(host, window?.pin as string, "a\u001b[31mb")).toBe("paired");
    expect(trust.devices()).toMatchObject([{ id: device.id, name: "a[31mb", level: "full" }]);
    expect((await device.ask(host)).answer.type).toBe("welcome");
    // The PINs of windows that were armed elsewhere are in nobody's log.
    expect(JSON.stringify(reports)).not.toContain(window?.pin as string);
  });
});

test("a second host of the same state refuses to start, and the first goes on", async () => {
  await withTrustHost(async (host) => {
    const state = { devices: `${process.env["PUNKTFUNK_HOME"]}/data/host-x/devices.json` };
    const options = { state: { ...state, settings: `${state.devices}.settings` } };
    const first = await startTestHost([], options);
    const error = await startTestHost([], options).then(
      () => undefined,
      (thrown: unknown) => thrown as PfError,
    );
    expect(error).toBeInstanceOf(PfError);
    expect(error?.code).toBe("PF_STATE_INVALID");
    expect(error?.sentence()).toMatch(/Another host uses the folder .*host-x.*PUNKTFUNK_HOME/s);
    expect((await new TestDevice().ask(first)).answer.type).toBe("welcome");
    await first.stop("shutting-down");
    const again = await startTestHost([], options);
    await again.stop("shutting-down");
    expect(host.managed.sessions()).toEqual([]);
  });
});

test("an open host serves everybody but lets nobody manage, and keeps the levels of the paired", async () => {
  await withTrustHost(
    async (host, reports) => {
      expect(reports.find(({ type }) => type === "note")).toMatchObject({ level: "warn" });
      expect(reports.some(({ type }) => type === "armed")).toBe(false);
      const stranger = await new TestDevice().ask(host);
      expect(stranger.answer).toMatchObject({ type: "welcome", pairing: "optional", level: null });
      const device = new TestDevice();
      const { window } = host.managed.trust.arm({ level: "view", durationMs: 60_000 });
      await device.pairByPin(host, window?.pin as string);
      const known = await device.ask(host);
      expect(known.answer).toMatchObject({ type: "welcome", level: "view" });
      await host.managed.trust.revoke(device.id);
      expect(await known.connection.closed).toMatchObject({ reason: "revoked" });
      expect(stranger.connection.isOpen).toBe(true);
      await stranger.connection.close("done");
    },
    { trust: "open" },
  );
});

/** Streams as a paired device; every part is over afterwards. */
async function streaming(
  host: Host,
  level: Level,
  body: (device: TestDevice, result: ReturnType<typeof runClient>) => Promise<void>,
): Promise<void> {
  const device = new TestDevice("127.0.0.1", await loadDeviceKey());
  expect(device.key).toBeInstanceOf(DeviceKey);
  await device.pairWith(host, level);
  const end = new AbortController();
  const { hooks } = collectingHooks({ interrupted: end.signal });
  const running = Promise.withResolvers<void>();
  const result = runClient(testClient(host, { mode: small, durationMs: undefined }), {
    ...hooks,
    started: () => running.resolve(),
  });
  try {
    await Promise.race([running.promise, result]);
    await until(() => host.managed.sessions()[0]?.sample() !== null, "the stream");
    await body(device, result);
  } finally {
    end.abort();
    await result;
  }
}

test("revoking a device ends its stream within a second", async () => {
  await withTrustHost(async (host, reports) => {
    await streaming(host, "full", async (device, result) => {
      const startedMs = performance.now();
      expect(await host.managed.trust.revoke(device.id)).toBe(true);
      const { error } = await result;
      expect(performance.now() - startedMs).toBeLessThan(1000);
      expect(error?.code).toBe("PF_PAIRING_REQUIRED");
      expect(error?.exitCode).toBe(5);
      await until(() => host.managed.sessions().length === 0, "the end of the session");
      expect(reports.findLast(({ type }) => type === "session-ended")).toMatchObject({
        reason: "revoked",
      });
      expect((await device.ask(host)).answer).toMatchObject({ reason: "pairing-required" });
      expect(await host.managed.trust.revoke(device.id)).toBe(false);
    });
  });
});

test("a stream ends when its device's time is over, and it waits anew for approval", async () => {
  await withTrustHost(async (host) => {
    await streaming(host, "play", async (device, result) => {
      const expiresAt = new Date(Date.now() + 700);
      await host.managed.trust.changeDevice(device.id, { expiresAt: expiresAt.toISOString() });
      await result;
      const lateMs = Date.now() - expiresAt.getTime();
      expect([lateMs >= 0, lateMs < 1000]).toEqual([true, true]);
      const refused = await device.ask(host);
      expect(refused.answer).toMatchObject({ reason: "pairing-required" });
      expect((refused.answer as MessageOf<"refuse">).message).toContain("time");
      expect(host.managed.trust.devices()).toMatchObject([{ id: device.id, expired: true }]);
      await device.pairWith(host, "view");
      expect((await device.ask(host)).answer).toMatchObject({ level: "view", type: "welcome" });
    });
  });
});

test("the operator sees a stream's figures, lowers its bitrate, tests its path and ends it", async () => {
  await withTrustHost(async (host, reports) => {
    await streaming(host, "play", async (device, result) => {
      const { managed } = host;
      const [session] = managed.sessions();
      const id = session?.id as number;
      expect(session).toMatchObject({
        purpose: "stream",
        device: { id: device.id, level: "play" },
      });
      await until(() => session?.sample()?.heard.stats !== null, "the client's first figures");
      const first = session?.sample();
      const figures = () => figuresBetween(first as LiveSample, sampleNow(), new Date());
      const sampleNow = () => session?.sample() as LiveSample;
      // The client tells its figures each second; two of them make a rate.
      await until(() => (figures().fps.decoded ?? 0) > 0, "the client's figures");
      expect(figures().fps.sent).toBeGreaterThan(20);
      expect(figures().latencyUs.encode?.p50).toBeGreaterThan(0);
      expect(sampleNow().stream).toMatchObject({ mode: "640x360@60", source: "synthetic" });
      const settings = await managed.changeSettings({ bitrateKbpsMax: 4000 });
      expect(settings).toMatchObject({ bitrateKbpsMax: 4000, bitrateKbpsDefault: 4000 });
      expect(session?.sample()?.stream.bitrateKbps).toBe(4000);
      const progress: number[] = [];
      const tested = await managed.testSpeed(
        { session: id, rateKbps: 10_000, durationMs: 500 },
        { progress: ({ throughputKbps }) => progress.push(throughputKbps) },
        new AbortController().signal,
      );
      expect(tested).toMatchObject({ targetKbps: 10_000, limitedBy: "rate", bursts: 1 });
      expect(tested.throughputKbps).toBeGreaterThan(8000);
      expect(progress.length).toBeGreaterThan(0);
      const stop = new AbortController();
      const stopped = managed.testSpeed(
        { session: id, rateKbps: null, durationMs: null },
        { progress: () => stop.abort() },
        stop.signal,
      );
      expect(await stopped.catch((error: PfError) => error.code)).toBe("PF_INTERRUPTED");
      expect(managed.kick(id)).toBe(true);
      expect((await result).error?.message).toContain("operator");
      await until(() => managed.sessions().length === 0, "the end of the session");
      expect(reports.findLast(({ type }) => type === "session-ended")).toMatchObject({
        reason: "kicked",
      });
      expect(managed.kick(id)).toBe(false);
      const gone = managed.testSpeed(
        { session: id, rateKbps: null, durationMs: null },
        { progress: () => {} },
        new AbortController().signal,
      );
      expect(await gone.catch((error: PfError) => error.code)).toBe("PF_USAGE");
      expect(managed.status()).toMatchObject({ sessionsTotal: 1 });
    });
  });
});

test("a client that may manage hears who waits, also from before it came, and answers", async () => {
  await withTrustHost(async (host) => {
    const [early, late, third] = [1, 2, 3].map((n) => new TestDevice(`127.0.2.${n}`));
    const manager = new TestDevice();
    await manager.pairWith(host, "full");
    const waiting = await early?.ask(host, { waits: true, name: "early" });
    const connection = await manager.greet(host, { purpose: null });
    await connection.receive(["welcome"], answered);
    connection.send({ type: "start" });
    const heard: MessageOf<"pendingRequest" | "pendingSettled">[] = [];
    connection.onMessage((message) => {
      if (message.type === "pendingRequest" || message.type === "pendingSettled") {
        heard.push(message);
      }
    });
    await until(() => heard.length === 1, "the request that waited");
    expect(heard[0]).toMatchObject({ name: "early", id: early?.id, address: "127.0.2.1" });
    connection.send({ type: "pendingAnswer", id: early?.id as string, level: "view" });
    expect(await waiting?.connection.receive(["welcome"], answered)).toMatchObject({
      level: "view",
    });
    const second = await late?.ask(host, { waits: true, name: "late" });
    await until(() => heard.length === 3, "the next request");
    expect(heard.slice(1)).toMatchObject([
      { type: "pendingSettled", id: early?.id, how: "approved" },
      { type: "pendingRequest", id: late?.id, name: "late" },
    ]);
    connection.send({ type: "pendingAnswer", id: late?.id as string, level: null });
    expect(await second?.connection.receive(["refuse"], answered)).toMatchObject({
      reason: "denied",
    });
    // Who may no longer manage hears nothing more, and decides nothing.
    await host.managed.trust.changeDevice(manager.id, { level: "play" });
    const last = await third?.ask(host, { waits: true });
    connection.send({ type: "pendingAnswer", id: third?.id as string, level: "full" });
    connection.send({ type: "requestKeyframe", frame: null, why: "start" });
    await Bun.sleep(200);
    expect(heard.filter(({ id }) => id === third?.id)).toEqual([]);
    expect(host.managed.trust.pending()).toMatchObject([{ id: third?.id }]);
    await host.managed.trust.changeDevice(manager.id, { level: "full" });
    await until(() => heard.some(({ id }) => id === third?.id), "the request, by right again");
    const ends = [connection, waiting?.connection, last?.connection];
    await Promise.all(ends.map((each) => each?.close("done")));
  });
});

test("what a level does not allow is dropped and counted, and a new level is in force at once", async () => {
  await withTrustHost(async (host, reports) => {
    const device = new TestDevice();
    await device.pairWith(host, "view");
    const connection = await device.greet(host, { purpose: null });
    const levels: Level[] = [];
    await connection.receive(["welcome"], answered);
    connection.onMessage((message) => {
      if (message.type === "levelChanged") levels.push(message.level);
    });
    connection.send({ type: "start" });
    const input = () => {
      connection.send({ type: "key", usage: 4, down: true });
      connection.send({ type: "button", button: 1, down: true });
      connection.send({ type: "motion", dx: 1, dy: 1 });
      connection.send({ type: "position", x: 1, y: 1 });
      connection.send({ type: "scroll", h: 0, v: 120 });
      connection.send({ type: "text", text: "x" });
    };
    input();
    connection.send({ type: "pendingAnswer", id: "0", level: "full" });
    connection.send({ type: "setFec", parityPermille: 300 });
    await until(
      () => host.managed.sessions()[0]?.sample()?.stream.parityPermille === 300,
      "parity",
    );
    await host.managed.trust.changeDevice(device.id, { level: "play" });
    await until(() => levels.length === 1, "the new level");
    input();
    await host.managed.trust.changeDevice(device.id, { name: "renamed" });
    await host.managed.trust.changeDevice(device.id, { level: "full" });
    await until(() => levels.length === 2, "the next level");
    expect(levels).toEqual(["play", "full"]);
    expect(host.managed.sessions()[0]?.device?.level).toBe("full");
    await connection.close("done");
    const isOver = ({ type }: HostReport) => type === "session-ended";
    await until(() => reports.some(isOver), "the end");
    expect(reports.find(isOver)).toMatchObject({ reason: "done", dropped: { level: 7 } });
  });
});

test("settings are in force at once and kept, unless the command line names others", async () => {
  await withTrustHost(
    async (host) => {
      const { managed } = host;
      const topics: string[] = [];
      managed.subscribe((topic) => topics.push(topic));
      expect(managed.settings()).toMatchObject({ sessionsMax: 4, compositor: "synthetic" });
      await managed.changeSettings({ sessionsMax: 1, bitrateKbpsDefault: 9000 });
      expect(topics).toEqual(["settings"]);
      const [first, second] = [new TestDevice(), new TestDevice()];
      await first.pairWith(host, "play");
      await second.pairWith(host, "play");
      await until(() => managed.sessions().length === 0, "free places");
      const held = await first.ask(host);
      expect((await second.ask(host)).answer).toMatchObject({ type: "refuse", reason: "busy" });
      await held.connection.close("done");
      expect(topics).toContain("sessions");
      expect(topics).toContain("devices");
      expect(topics).toContain("pending");
      const wrong = managed.changeSettings({ bitrateKbpsDefault: 9000, bitrateKbpsMax: 8000 });
      expect(await wrong.catch((error: PfError) => error.code)).toBe("PF_USAGE");
      await managed.changeSettings({ bitrateKbpsMax: 50_000 });
      const path = `${process.env["PUNKTFUNK_HOME"]}/data/kept/settings.json`;
      const state = { devices: path.replace("settings", "devices"), settings: path };
      const kept = await startTestHost([], { state, sessionsMax: undefined });
      expect(kept.managed.settings()).toMatchObject({ sessionsMax: 4 });
      await kept.managed.changeSettings({ sessionsMax: 2, bitrateKbpsMax: 30_000 });
      await kept.stop("shutting-down");
      const later = await startTestHost([], { state, sessionsMax: undefined });
      expect(later.managed.settings()).toMatchObject({ sessionsMax: 2, bitrateKbpsMax: 30_000 });
      await later.stop("shutting-down");
      const named = await startTestHost([], { state, sessionsMax: 7 });
      expect(named.managed.settings()).toMatchObject({ sessionsMax: 7, bitrateKbpsMax: 30_000 });
      await named.stop("shutting-down");
    },
    { sessionsMax: undefined },
  );
});

test("a pairing that can't be kept pairs nobody, and the operator learns why, not the client", async () => {
  await withTrustHost(async (host, reports) => {
    const { trust } = host.managed;
    const kept = new TestDevice();
    await kept.pairWith(host, "play");
    const [file] = await Array.fromAsync(
      new Bun.Glob("**/devices.json").scan({ cwd: process.env["PUNKTFUNK_HOME"] as string }),
    );
    const path = join(process.env["PUNKTFUNK_HOME"] as string, file as string);
    // Another program's change: the host writes nothing over it.
    await Bun.write(path, await Bun.file(path).text());
    const { window } = trust.arm({ level: "full", durationMs: 60_000 });
    const [byPin, byApproval] = [new TestDevice(), new TestDevice()];
    expect(await byPin.pairByPin(host, window?.pin as string)).toBe("internal");
    const { connection } = await byApproval.ask(host, { waits: true });
    const error = await trust.approve(byApproval.id, full).catch((thrown: PfError) => thrown);
    expect((error as PfError).code).toBe("PF_STATE_INVALID");
    const refusal = await connection.receive(["refuse"], answered);
    expect(refusal.message).not.toContain(path);
    expect(trust.devices().map(({ id }) => id)).toEqual([kept.id]);
    const notes = reports.filter(({ type }) => type === "note") as { message: string }[];
    expect(notes.some(({ message }) => message.includes(path))).toBe(true);
    expect((await kept.ask(host)).answer.type).toBe("welcome");
  });
});
