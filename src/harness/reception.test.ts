/** The host's reception by a clock that the test turns forward. */
import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { Reception } from "../host/reception.ts";
import type { HostReport } from "../host/report.ts";
import { HostSettings } from "../host/settings.ts";
import { DeviceStore } from "../host/trust/devices.ts";
import { Trust, type TrustEvent } from "../host/trust/trust.ts";
import { limit } from "../wire/limits.ts";
import { Ends } from "./control-ends.ts";

const ends = await Ends.open();
afterAll(() => ends.close());

/** A reception whose clock goes `skip` milliseconds ahead. */
async function openReception(name: string) {
  let skippedMs = 0;
  const devices = await DeviceStore.open(join(ends.folder, name, "devices.json"));
  const trust = new Trust({
    mode: "required",
    devices,
    fingerprint: ends.identity.fingerprint,
    reachedAt: () => ({ host: "192.0.2.7", port: 9777 }),
    nowMs: () => performance.now() + skippedMs,
  });
  const events: TrustEvent[] = [];
  trust.subscribe((event) => events.push(event));
  const reports: HostReport[] = [];
  const ending = new AbortController();
  const onReport = (report: HostReport) => void reports.push(report);
  return {
    trust,
    events,
    reports,
    ending,
    reception: new Reception({ trust, onReport, ending: ending.signal }),
    skip: (ms: number) => {
      skippedMs += ms;
    },
    async [Symbol.asyncDispose]() {
      trust.close();
      await devices.close();
    },
  };
}

test("a device that nobody answers for three minutes is told so, and so is the operator", async () => {
  await using host = await ends.host();
  await using at = await openReception("silence");
  const client = await ends.reach(host.port);
  client.send({ ...ends.hello(client), waits: true });
  const { connection, hello } = await host.next();
  const admitted = at.reception.admit(connection, hello);
  const awaited = await client.receive(["approvalAwaited"], 1000);
  expect(awaited.timeoutMs).toBeGreaterThan(limit("pending_ms") - 1000);
  at.skip(limit("pending_ms") - 5000);
  expect(at.trust.pending()).toHaveLength(1);
  at.skip(5000);
  expect(at.trust.pending()).toEqual([]);
  const refusal = await client.receive(["refuse"], 1000);
  expect(refusal.reason).toBe("approval-timeout");
  expect(refusal.message).toContain("within 3 minutes");
  expect(await admitted).toBeUndefined();
  expect(at.events.at(-1)).toMatchObject({ topic: "waiting", event: { how: "expired" } });
  expect(at.reports).toMatchObject([{ type: "refused", reason: "PF_PAIRING_REQUIRED" }]);
});

test("a host that ends lets nobody wait for it", async () => {
  await using host = await ends.host();
  await using at = await openReception("ending");
  const client = await ends.reach(host.port);
  client.send({ ...ends.hello(client), waits: true });
  const { connection, hello } = await host.next();
  const admitted = at.reception.admit(connection, hello);
  await client.receive(["approvalAwaited"], 1000);
  at.ending.abort();
  expect(await admitted).toBeUndefined();
  expect(at.trust.pending()).toEqual([]);
  expect(at.reports).toEqual([]);
  await client.close("done");
});

test("a PIN's link has all that a device needs, and ends with the PIN", async () => {
  await using at = await openReception("link");
  expect(at.trust.pairing()).toEqual({ window: null, ended: null, uri: null });
  const { window, uri } = at.trust.arm({ level: "view", durationMs: 20_000 });
  const { fingerprint } = ends.identity;
  expect(uri).toBe(
    `punktfunk://pair?host=192.0.2.7&port=9777&fp=${fingerprint}&pin=${window?.pin}`,
  );
  expect(window?.remainingMs).toBeGreaterThan(19_000);
  at.skip(20_000);
  expect(at.trust.pairing()).toEqual({ window: null, ended: "expired", uri: null });
  at.trust.arm();
  at.trust.disarm();
  expect(at.trust.pairing().ended).toBe("disarmed");
});

test("a device can't be let in until a time that is over", async () => {
  await using at = await openReception("past");
  const over = { level: "full", expiresAt: new Date(Date.now() - 1000).toISOString() } as const;
  const refused = at.trust.approve("0123456789abcdef", over);
  expect(await refused.catch(({ code }) => code)).toBe("PF_USAGE");
});

test("settings that are damaged stop the start, those of a later version are kept", async () => {
  const path = join(ends.folder, "settings.json");
  await Bun.write(path, '{"version":1,"sessionsMax":"many"}');
  expect(await HostSettings.open({}, path).catch(({ code }) => code)).toBe("PF_STATE_INVALID");
  await Bun.write(path, '{"version":1,"sessionsMax":3,"later":[1]}');
  const settings = await HostSettings.open({ compositor: "synthetic" }, path);
  expect(settings.current).toMatchObject({ sessionsMax: 3, compositor: "synthetic" });
  await settings.change({ bitrateKbpsMax: 5000 });
  expect(await Bun.file(path).json()).toEqual({
    version: 1,
    sessionsMax: 3,
    later: [1],
    bitrateKbpsMax: 5000,
    bitrateKbpsDefault: 5000,
  });
});
