/** Trust where many come at once, or one that breaks the rules or says nothing more. */
import { expect, test } from "bun:test";
import { encodeMessage } from "../wire/control-stream.ts";
import { limit } from "../wire/limits.ts";
import { reasons } from "../wire/reasons.ts";
import { rawClient } from "./control-ends.ts";
import { until } from "./processes.ts";
import { TestDevice, withTrustHost } from "./trust-ends.ts";

const answered = 5000;
const full = { level: "full", expiresAt: null } as const;

test("clients that stall in the middle of pairing make place for those that do not", async () => {
  await withTrustHost(async (host) => {
    const stalling = await Promise.all(
      Array.from({ length: limit("pair_connections_max") + 8 }, (_, i) =>
        new TestDevice(`127.0.1.${i}`).greet(host, { purpose: "pair" }),
      ),
    );
    const { window } = host.managed.trust.arm({ level: "full", durationMs: 60_000 });
    expect(await new TestDevice().pairByPin(host, window?.pin as string)).toBe("paired");
    const open = () => stalling.filter(({ isOpen }) => isOpen).length;
    await until(() => open() <= limit("pair_connections_max"), "the oldest to be given up");
    await Promise.all(stalling.map((connection) => connection.close("done")));
  });
});

test("hundreds of connections that wait push nobody out and take no session's place", async () => {
  await withTrustHost(
    async (host) => {
      const { trust } = host.managed;
      const paired = new TestDevice();
      await paired.pairWith(host, "play");
      const real = new TestDevice("127.0.0.2");
      const { connection } = await real.ask(host, { waits: true });
      const flood: Awaited<ReturnType<TestDevice["ask"]>>[] = [];
      for (let round = 0; round < 10; round++) {
        const devices = Array.from({ length: 30 }, (_, i) => new TestDevice(`127.1.${round}.${i}`));
        flood.push(...(await Promise.all(devices.map((one) => one.ask(host, { waits: true })))));
      }
      const waiting = flood.filter(({ answer }) => answer.type === "approvalAwaited");
      expect(trust.pending()).toHaveLength(limit("pending_max"));
      expect(waiting).toHaveLength(limit("pending_max") - 1);
      expect(trust.pending().some(({ id }) => id === real.id)).toBe(true);
      const session = await paired.ask(host);
      expect(session.answer.type).toBe("welcome");
      expect(host.managed.sessions()).toHaveLength(1);
      await session.connection.close("done");
      await until(() => host.managed.sessions().length === 0, "the end of the session");
      await trust.approve(real.id, full);
      await connection.receive(["welcome"], answered);
      await connection.close("done");
      await Promise.all(waiting.map((each) => each.connection.close("done")));
      await until(() => trust.pending().length === 0, "the withdrawals");
    },
    { sessionsMax: 1 },
  );
}, 30_000);

test("a flood of refusals is counted, and told in a few lines", async () => {
  await withTrustHost(async (host, reports) => {
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 10 }, () => new TestDevice().ask(host)));
    }
    expect(host.managed.status().refusedTotal).toBe(100);
    expect(reports.filter(({ type }) => type === "refused").length).toBeLessThan(40);
  });
});

test("a name of 10 kB breaks the rules, and costs its own connection alone", async () => {
  await withTrustHost(async (host) => {
    const connection = await new TestDevice().greet(host, {
      waits: true,
      name: "x".repeat(10_240),
    });
    expect(await connection.closed).toMatchObject({ kind: "bye", reason: "protocol" });
    const raw = await rawClient(host.port);
    await raw.write(encodeMessage({ type: "pairConfirm", confirmation: new Uint8Array(32) }));
    expect(await raw.ended).toMatchObject({ code: reasons.protocol[0] });
    await raw.close();
    expect(host.managed.trust.pending()).toEqual([]);
  });
});

test("a client that waits is kept, and one that falls silent is not", async () => {
  await withTrustHost(async (host) => {
    const [patient, silent] = [new TestDevice(), new TestDevice("127.0.0.3")];
    const { connection } = await patient.ask(host, { waits: true });
    const child = Bun.spawn([process.execPath, "-e", silentClient, String(host.port)], {
      cwd: import.meta.dir,
      stdout: "pipe",
      stderr: "inherit",
    });
    await until(() => host.managed.trust.pending().length === 2, "both", 10_000);
    child.kill("SIGKILL");
    const killedMs = performance.now();
    await until(() => host.managed.trust.pending().length === 1, "the silent one's end", 8000);
    expect(performance.now() - killedMs).toBeGreaterThan(limit("heartbeat_timeout_ms") - 1500);
    expect(silent.id).not.toBe(patient.id);
    expect(host.managed.trust.pending()).toMatchObject([{ id: patient.id }]);
    expect(connection.isOpen).toBe(true);
    await host.managed.trust.approve(patient.id, full);
    await connection.receive(["welcome"], answered);
    await connection.close("done");
  });
}, 30_000);

const silentClient = `
  const { TestDevice } = await import("./trust-ends.ts");
  await new TestDevice("127.0.0.3").ask({ port: Number(process.argv[1]) }, { waits: true });
`;
