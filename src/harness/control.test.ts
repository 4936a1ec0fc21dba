/** The control plane over real QUIC on the loopback interface: what is meant to happen. */
import { afterAll, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { connectControl, dialFirst } from "../client/control/connect.ts";
import { judgeHost } from "../client/trust/known-hosts.ts";
import { isDeviceProven } from "../host/trust/device.ts";
import { closeError } from "../transport/close-reason.ts";
import { closeEndpoint, guard, loadQuic } from "../transport/quic.ts";
import type { Message } from "../wire/control.ts";
import { mediaKeys } from "../wire/exporter.ts";
import { limit } from "../wire/limits.ts";
import { Ends, errorOf, rawClient } from "./control-ends.ts";

const ends = await Ends.open();
afterAll(() => ends.close());

test("hello and welcome cross, and both ends derive the same keys", async () => {
  await using host = await ends.host();
  const { client, server, hello } = await ends.session(host);
  expect(hello).toEqual(ends.hello(client));
  expect(server.peer.address).toBe("127.0.0.1");
  expect(client.peerFingerprint).toBe(ends.identity.fingerprint);
  const [ofClient, ofHost] = [client, server].map((end) => mediaKeys(end.exporter, 7));
  expect(ofClient).toEqual(ofHost as never);
  expect(ofClient?.hostToClient).not.toEqual(ofClient?.clientToHost as never);
  expect(isDeviceProven(hello.device, server.exporter)).toBe(true);
  await client.close("done");
});

test("a device's proof is good for its own connection alone", async () => {
  await using host = await ends.host();
  const first = await ends.session(host);
  const second = await ends.session(host);
  expect(isDeviceProven(first.hello.device, second.server.exporter)).toBe(false);
  const forged = { ...second.hello.device, publicKey: new Uint8Array(32).fill(9) };
  expect(isDeviceProven(forged, second.server.exporter)).toBe(false);
  await Promise.all([first.client.close("done"), second.client.close("done")]);
});

test.each(["127.0.0.1", "::1", "[::1]", "localhost"])("a host is reached at %s", async (name) => {
  await using host = await ends.host();
  const client = await ends.reach(host.port, name);
  client.send(ends.hello(client));
  const { connection } = await host.next();
  expect(["127.0.0.1", "::1"]).toContain(connection.peer.address);
  await client.close("done");
});

test("a goodbye of either end reaches the other with its reason and sentence", async () => {
  await using host = await ends.host();
  const first = await ends.session(host);
  const ours = await first.client.close("interrupted", "Ctrl-C was pressed.");
  expect(ours).toMatchObject({ kind: "bye", by: "us", reason: "interrupted" });
  const seen = await first.server.closed;
  const words = { reason: "interrupted", message: "Ctrl-C was pressed." };
  expect(seen).toEqual({ kind: "bye", by: "peer", ...words });
  expect(closeError(seen)).toBeNull();
  const second = await ends.session(host);
  await second.server.close("shutting-down", "The host was stopped.");
  expect(closeError(await second.client.closed)?.message).toBe("The host was stopped.");
  expect(second.client.send({ type: "start" })).toBe(false);
});

test("a goodbye of both ends at once is settled at once", async () => {
  await using host = await ends.host();
  const { client, server } = await ends.session(host);
  const startedMs = performance.now();
  await Promise.all([client.close("done"), server.close("shutting-down")]);
  expect(performance.now() - startedMs).toBeLessThan(limit("close_timeout_ms"));
});

test("a refusal is read although a goodbye follows at once", async () => {
  await using host = await ends.host();
  const client = await ends.reach(host.port);
  client.send(ends.hello(client));
  const { connection } = await host.next();
  const refusal = { type: "refuse", reason: "busy", message: "Full.", detail: null } as const;
  connection.send(refusal);
  await connection.close("busy", "Full.");
  expect(await client.receive(["welcome", "refuse"], 1000)).toEqual(refusal);
  expect((await errorOf(client.receive(["welcome"], 1000))).code).toBe("PF_HOST_BUSY");
});

test("a peer of another protocol is told apart from one that is not there", async () => {
  const { listen } = await loadQuic();
  const keys = [ends.identity.privateKey];
  const certs = [Buffer.from(ends.identity.certificatePem)];
  const sni = { "*": { keys, certs } };
  const accept = (quic: Parameters<typeof guard>[0]) => void guard(quic);
  const other = await listen(accept, { sni, alpn: ["h3"], endpoint: { address: "127.0.0.1:0" } });
  const error = await errorOf(ends.reach(other.address?.port as number));
  expect(error.code).toBe("PF_PROTOCOL_VERSION");
  await closeEndpoint(other);
});

test("a client of another protocol is refused and the host lives", async () => {
  await using host = await ends.host();
  const raw = await rawClient(host.port, "h3");
  expect((await raw.ended).kind).toBe("failed");
  await raw.close();
  const { client } = await ends.session(host);
  await client.close("done");
});

test("a closed port is named at once, a silent one after the time-out", async () => {
  const silent = createSocket("udp4");
  const port = await new Promise<number>((resolve) => {
    silent.bind(0, "127.0.0.1", () => resolve(silent.address().port));
  });
  const waiting = connectControl({ host: "127.0.0.1", port, timeoutMs: 300, verify: ends.verify });
  const late = await errorOf(waiting);
  expect(late.code).toBe("PF_HOST_UNREACHABLE");
  expect(late.message).toContain("within 0.3 s");
  await new Promise<void>((resolve) => silent.close(resolve));
  const startedMs = performance.now();
  const closed = await errorOf(ends.reach(port));
  expect(closed.code).toBe("PF_HOST_UNREACHABLE");
  expect(closed.message).toContain("nothing listens");
  expect(performance.now() - startedMs).toBeLessThan(1000);
});

test("an address that is silent does not hold up the next one of the same host", async () => {
  await using host = await ends.host();
  // Nothing is sent to the broadcast address: the system wants to be asked for that.
  const silent = "255.255.255.255";
  const target = { host: "test", port: host.port, timeoutMs: 2000 };
  const startedMs = performance.now();
  const dialed = await dialFirst([silent, "127.0.0.1"], target);
  expect(dialed.fingerprint).toBe(ends.identity.fingerprint);
  expect(performance.now() - startedMs).toBeLessThan(1000);
  await dialed.abandon("done");
  const error = await errorOf(dialFirst([silent, "127.0.0.1"], { ...target, port: 9 }));
  expect(error.code).toBe("PF_HOST_UNREACHABLE");
});

test("a name that nobody has is unknown, not unreachable", async () => {
  expect((await errorOf(ends.reach(9777, "no-such-host.invalid"))).code).toBe("PF_HOST_UNKNOWN");
  expect((await errorOf(ends.reach(9777, ""))).code).toBe("PF_HOST_UNKNOWN");
});

test("a port that can't be and an address that QUIC can't name are refused at once", async () => {
  for (const port of [0, -1, 70_000, 1.5]) {
    expect((await errorOf(ends.reach(port))).code).toBe("PF_USAGE");
  }
  expect((await errorOf(ends.reach(9777, "fe80::1%eth0"))).code).toBe("PF_HOST_UNREACHABLE");
});

test("a host with a wrong fingerprint is left before anything is sent to it", async () => {
  await using host = await ends.host();
  const pinned = "ab".repeat(32);
  const refused = connectControl({
    host: "127.0.0.1",
    port: host.port,
    verify: async (fingerprint) => {
      const question = { host: "127.0.0.1", port: host.port, fingerprint, pinned };
      const answer = judgeHost({ ...question, known: [], own: undefined, canAsk: false });
      if (answer.kind === "refused") throw answer.error;
    },
  });
  const error = await errorOf(refused);
  expect(error.code).toBe("PF_FINGERPRINT_MISMATCH");
  expect(error.exitCode).toBe(4);
  expect(error.message).toContain(pinned);
  expect(error.message).toContain(ends.identity.fingerprint);
  while (host.rejected.length === 0) await Bun.sleep(5);
  expect(host.rejected[0]?.message).toContain("does not trust");
  expect(host.listener.counters.accepted).toBe(0);
});

test("a taken port is refused by name, and two hosts run beside each other", async () => {
  await using first = await ends.host();
  await using second = await ends.host();
  expect(second.port).not.toBe(first.port);
  const error = await errorOf(ends.host(first.port));
  expect(error.code).toBe("PF_PORT_TAKEN");
  expect(error.message).toContain(String(first.port));
  const onIpv4 = createSocket("udp4");
  const port = await new Promise<number>((resolve) => {
    onIpv4.bind(0, "0.0.0.0", () => resolve(onIpv4.address().port));
  });
  expect((await errorOf(ends.host(port))).code).toBe("PF_PORT_TAKEN");
  await new Promise<void>((resolve) => onIpv4.close(resolve));
});

test("a port is free again when its listener has closed", async () => {
  const first = await ends.host();
  const { client } = await ends.session(first);
  await client.close("done");
  await first.listener.close();
  await using again = await ends.host(first.port);
  expect(again.port).toBe(first.port);
});

test("four megabytes of messages arrive whole and in order", async () => {
  await using host = await ends.host();
  const { client, server } = await ends.session(host);
  const count = 1000;
  const received: Message[] = [];
  const { promise: all, resolve } = Promise.withResolvers<void>();
  server.onMessage((message) => {
    if (message.type === "text" && received.push(message) === count) resolve();
  });
  const textOf = (index: number) => `${index} `.padEnd(limit("text_bytes_max"), "x");
  for (let index = 0; index < count; index++) {
    while (client.queuedBytes > 500_000) await Bun.sleep(1);
    expect(client.send({ type: "text", text: textOf(index) })).toBe(true);
  }
  await all;
  const wrong = received.findIndex((each, i) => (each as { text: string }).text !== textOf(i));
  expect(wrong).toBe(-1);
  await client.close("done");
});

test("datagrams go both ways, also from within the callback of another one", async () => {
  await using host = await ends.host();
  const { client, server } = await ends.session(host);
  server.onDatagram((bytes) => server.sendDatagram(bytes));
  const count = 200;
  const seen = new Set<number>();
  const { promise: all, resolve } = Promise.withResolvers<void>();
  client.onDatagram((bytes) => {
    expect(bytes.length).toBe(limit("datagram_bytes_max"));
    seen.add(bytes[0] as number);
    if (seen.size === count) resolve();
  });
  for (let index = 0; index < count; index++) {
    const bytes = new Uint8Array(limit("datagram_bytes_max"));
    bytes[0] = index;
    expect(client.sendDatagram(bytes)).toBe(true);
    if (index % 16 === 0) await Bun.sleep(1);
  }
  await all;
  expect(client.sendDatagram(new Uint8Array(limit("datagram_bytes_max") + 1))).toBe(false);
  await client.close("done");
});
