/** The control plane over real QUIC when an end breaks the rules, floods, dies or says nothing. */
import { afterAll, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { SeededRandom } from "../base/random.ts";
import { connectControl } from "../client/control/connect.ts";
import { isDeviceProven } from "../host/trust/device.ts";
import { closeError } from "../transport/close-reason.ts";
import type { ControlConnection } from "../transport/connection.ts";
import { closeEndpoint, guard, loadQuic, transportParams } from "../transport/quic.ts";
import { alpn, type Message } from "../wire/control.ts";
import { encodeMessage } from "../wire/control-stream.ts";
import { limit } from "../wire/limits.ts";
import { reasons } from "../wire/reasons.ts";
import { Ends, errorOf, mode, rawClient, welcome } from "./control-ends.ts";

const ends = await Ends.open();
afterAll(() => ends.close());

const fileDescriptors = async () => (await readdir("/proc/self/fd")).length;

const framed = (message: Message) => encodeMessage(message);
const violations: [string, Uint8Array][] = [
  ["a message above the limit", new Uint8Array([0x70, 0x11, 0x01, 0x00])],
  ["bytes that are no message", new Uint8Array([3, 0, 0, 0, 0xc1, 0xc1, 0xc1])],
  ["another message than hello first", framed({ type: "ping", id: 1 })],
  ["a message of the host", framed({ type: "pong", id: 1 })],
  ["input before hello", framed({ type: "key", usage: 4, down: true })],
];
test.each(violations)("%s ends the connection with the reason protocol", async (_, bytes) => {
  await using host = await ends.host();
  const raw = await rawClient(host.port);
  await raw.write(bytes);
  const end = await raw.ended;
  expect(end).toMatchObject({ kind: "code", code: reasons.protocol[0] });
  await raw.close();
  expect(host.rejected[0]?.code).toBe("PF_PROTOCOL_VIOLATION");
  const { client } = await ends.session(host);
  await client.close("done");
});

test("input before welcome and a second hello end the connection", async () => {
  await using host = await ends.host();
  for (const extra of ["key", "hello"] as const) {
    const client = await ends.reach(host.port);
    const hello = ends.hello(client);
    client.send(hello);
    const { connection } = await host.next();
    client.send(extra === "hello" ? hello : { type: "key", usage: 4, down: true });
    expect(closeError(await connection.closed)?.code).toBe("PF_PROTOCOL_VIOLATION");
    expect(await client.closed).toMatchObject({ kind: "bye", by: "peer", reason: "protocol" });
  }
});

test("a handler that throws ends its own connection with the reason internal", async () => {
  await using host = await ends.host();
  const { client, server } = await ends.session(host);
  server.onMessage(() => {
    throw new Error("a defect");
  });
  client.send({ type: "start" });
  expect(closeError(await server.closed)?.message).toContain("a defect");
  expect(await client.closed).toMatchObject({ kind: "bye", by: "peer", reason: "internal" });
  const other = await ends.session(host);
  await other.client.close("done");
});

test("an answer that does not come in time ends the connection with the reason idle", async () => {
  await using host = await ends.host();
  const { client, server } = await ends.session(host);
  const error = await errorOf(client.receive(["reconfigured"], 50));
  expect(error.message).toContain("no reconfigured within 0.05 s");
  expect(await server.closed).toMatchObject({ reason: "idle" });
});

test("a peer that does not read is given up when the queue is full", async () => {
  const { listen } = await loadQuic();
  const keys = [ends.identity.privateKey];
  const certs = [Buffer.from(ends.identity.certificatePem)];
  const accept = (quic: Parameters<typeof guard>[0]) => {
    void guard(quic);
    quic.onstream = (stream) => void stream.closed.catch(() => {});
  };
  const stubborn = await listen(accept, {
    sni: { "*": { keys, certs } },
    alpn: [alpn],
    endpoint: { address: "127.0.0.1:0" },
    transportParams: { ...transportParams, initialMaxStreamDataBidiRemote: 10_000 },
  });
  const client = await ends.reach(stubborn.address?.port as number);
  const hello = { ...ends.hello(client), features: new Array(32).fill("f".repeat(64)) };
  let sent = 0;
  while (client.send(hello)) sent++;
  expect(sent * 2000).toBeGreaterThan(limit("control_queue_bytes_max") / 2);
  expect(sent * 2000).toBeLessThan(limit("control_queue_bytes_max") * 2);
  const startedMs = performance.now();
  expect(closeError(await client.closed)?.code).toBe("PF_PEER_LOST");
  expect(performance.now() - startedMs).toBeLessThan(1500);
  await closeEndpoint(stubborn);
});

test("20,000 stray packets do a host no harm", async () => {
  await using host = await ends.host();
  const { client, server } = await ends.session(host);
  const random = new SeededRandom(443);
  const socket = createSocket("udp4");
  for (let burst = 0; burst < 200; burst++) {
    for (let i = 0; i < 100; i++) {
      const bytes = random.bytes(1 + random.below(1300));
      // Half of them look like QUIC's long header, some like an Initial of version 1.
      if (random.chance(0.5)) bytes[0] = 0xc0 | (bytes[0] as number);
      if (bytes.length > 5 && random.chance(0.5)) bytes.set([0, 0, 0, 1], 1);
      socket.send(bytes, host.port, "127.0.0.1");
    }
    await Bun.sleep(0);
  }
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  const again = await ends.session(host);
  expect(server.isOpen).toBe(true);
  await Promise.all([client.close("done"), again.client.close("done")]);
});

test("a flood of connections that say nothing is bounded and shuts nobody out", async () => {
  await using host = await ends.host();
  const early = await ends.session(host);
  const flood = await Promise.all(Array.from({ length: 100 }, () => rawClient(host.port)));
  const givenUp = 100 - limit("connections_silent_per_address_max");
  while (host.listener.counters.flooded < givenUp) await Bun.sleep(5);
  const late = await ends.session(host);
  expect(early.server.isOpen).toBe(true);
  await Promise.all([early.client.close("done"), late.client.close("done")]);
  await Promise.all(flood.map((raw) => raw.close()));
});

test("200 sessions one after another leave no file descriptor behind", async () => {
  await using host = await ends.host();
  const cycle = async () => {
    const { client, server } = await ends.session(host);
    await client.close("done");
    await server.closed;
  };
  for (let i = 0; i < 5; i++) await cycle();
  const before = await fileDescriptors();
  for (let i = 0; i < 200; i++) await cycle();
  for (let i = 0; i < 100 && (await fileDescriptors()) > before + 2; i++) await Bun.sleep(10);
  expect(await fileDescriptors()).toBeLessThanOrEqual(before + 2);
});

/** These wait for the protocol's own times, beside each other. */
const slowMs = 20_000;

/** A program of its own that plays one end and is killed in the middle. */
async function spawnEnd(script: string, ...args: string[]) {
  const child = Bun.spawn([process.execPath, "-e", script, ...args], {
    cwd: import.meta.dir,
    stdout: "pipe",
    stderr: "inherit",
  });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  return { child, line: new TextDecoder().decode(value).trim() };
}

const hostScript = `
  const { ControlListener } = await import("../host/control/listener.ts");
  const { loadHostIdentity } = await import("../host/trust/identity.ts");
  const { certificatePem, privateKey } = await loadHostIdentity(process.argv[1]);
  const onConnection = (connection) => connection.send(JSON.parse(process.argv[2]));
  const listener = await ControlListener.open({ port: 0, certificatePem, privateKey, onConnection });
  console.log(listener.port);
`;

const clientScript = `
  const { connectControl } = await import("../client/control/connect.ts");
  const { loadDeviceKey } = await import("../client/trust/device.ts");
  const device = await loadDeviceKey(process.argv[1]);
  const connection = await connectControl({
    host: "127.0.0.1", port: Number(process.argv[2]), verify: async () => {},
  });
  const hello = JSON.parse(process.argv[3]);
  connection.send({ ...hello, device: device.prove(connection.exporter) });
  await connection.receive(["welcome"], 5000);
  console.log("welcomed");
`;

async function killAndWatch(child: Bun.Subprocess, watched: ControlConnection) {
  const killedMs = performance.now();
  child.kill("SIGKILL");
  const close = await watched.closed;
  await child.exited;
  expect(close.kind).toBe("lost");
  expect(closeError(close)?.code).toBe("PF_PEER_LOST");
  expect(performance.now() - killedMs).toBeLessThan(5000);
}

test.concurrent(
  "a client that is killed is noticed within 5 s",
  async () => {
    await using host = await ends.host();
    const greeted = host.next().then(({ connection }) => {
      connection.send(welcome);
      return connection;
    });
    const hello = {
      type: "hello",
      version: 1,
      name: "child",
      mode,
      codecs: ["h264"],
      features: [],
      purpose: null,
      waits: null,
    };
    const args = [join(ends.folder, "device.json"), String(host.port), JSON.stringify(hello)];
    const { child } = await spawnEnd(clientScript, ...args);
    await killAndWatch(child, await greeted);
  },
  slowMs,
);

test.concurrent(
  "a host that is killed is noticed within 5 s",
  async () => {
    const args = [join(ends.folder, "host.json"), JSON.stringify(welcome)];
    const { child, line } = await spawnEnd(hostScript, ...args);
    const client = await ends.reach(Number(line));
    client.send(ends.hello(client));
    await client.receive(["welcome"], 1000);
    await killAndWatch(child, client);
  },
  slowMs,
);

test.concurrent(
  "a connection that says nothing is closed after 5 s",
  async () => {
    await using host = await ends.host();
    const startedMs = performance.now();
    const client = await ends.reach(host.port);
    expect(await client.closed).toMatchObject({ kind: "bye", by: "peer", reason: "idle" });
    expect(performance.now() - startedMs).toBeGreaterThan(limit("hello_timeout_ms") - 200);
    expect(performance.now() - startedMs).toBeLessThan(limit("hello_timeout_ms") + 2000);
  },
  slowMs,
);

test.concurrent(
  "an idle session lives on by its heartbeat and knows its round trip",
  async () => {
    await using host = await ends.host();
    const { client, server } = await ends.session(host);
    await Bun.sleep(limit("heartbeat_timeout_ms") + 1000);
    expect(client.isOpen && server.isOpen).toBe(true);
    expect(client.roundTripMs).toBeGreaterThan(0);
    await client.close("done");
  },
  slowMs,
);

test.concurrent(
  "a person may take long to answer: the client connects anew",
  async () => {
    await using host = await ends.host();
    const verify = () => Bun.sleep(limit("hello_timeout_ms") / 2 + 100);
    const client = await connectControl({ host: "127.0.0.1", port: host.port, verify });
    client.send(ends.hello(client));
    const { connection, hello } = await host.next();
    expect(isDeviceProven(hello.device, connection.exporter)).toBe(true);
    await client.close("done");
  },
  slowMs,
);

test("clients that are gone before the host answers them keep nobody waiting", async () => {
  await using host = await ends.host();
  const { connect, QuicEndpoint } = await loadQuic();
  for (let round = 0; round < 10; round++) {
    const gone = Array.from({ length: 10 }, async () => {
      const endpoint = new QuicEndpoint({ address: "127.0.0.1:0" });
      endpoint.closed.catch(() => {});
      const options = { endpoint, alpn, servername: "x", verifyPeer: "manual" } as const;
      const quic = await connect(`127.0.0.1:${host.port}`, { ...options, transportParams });
      void guard(quic);
      await Bun.sleep(1);
      endpoint.destroy();
    });
    await Promise.all(gone);
    const startedMs = performance.now();
    const { client } = await ends.session(host);
    expect(performance.now() - startedMs).toBeLessThan(450);
    await client.close("done");
  }
});
