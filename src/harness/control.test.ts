import { afterAll, beforeAll, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PfError } from "../base/errors.ts";
import { SeededRandom } from "../base/random.ts";
import { connectControl, dialFirst } from "../client/control/connect.ts";
import { type DeviceKey, loadDeviceKey } from "../client/trust/device.ts";
import { judgeHost } from "../client/trust/known-hosts.ts";
import { ControlListener } from "../host/control/listener.ts";
import { isDeviceProven } from "../host/trust/device.ts";
import { type HostIdentity, loadHostIdentity } from "../host/trust/identity.ts";
import { closeError } from "../transport/close-reason.ts";
import type { ControlConnection } from "../transport/connection.ts";
import { closeEndpoint, guard, loadQuic, transportParams } from "../transport/quic.ts";
import { alpn, type Message, type MessageOf } from "../wire/control.ts";
import { encodeMessage } from "../wire/control-stream.ts";
import { mediaKeys } from "../wire/exporter.ts";
import { limit } from "../wire/limits.ts";
import { reasons } from "../wire/reasons.ts";

/** The control plane over real QUIC on the loopback interface. */

let folder: string;
let identity: HostIdentity;
let device: DeviceKey;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "punktfunk-control-"));
  identity = await loadHostIdentity(join(folder, "host.json"));
  device = await loadDeviceKey(join(folder, "device.json"));
});
afterAll(() => rm(folder, { recursive: true }));

type Greeted = { connection: ControlConnection; hello: MessageOf<"hello"> };

/** A host that hands its connections out one by one. */
class Host {
  readonly rejected: PfError[] = [];
  readonly #waiting: Greeted[] = [];
  readonly #takers: ((greeted: Greeted) => void)[] = [];
  listener!: ControlListener;

  static async open(port = 0): Promise<Host> {
    const host = new Host();
    host.listener = await ControlListener.open({
      port,
      certificatePem: identity.certificatePem,
      privateKey: identity.privateKey,
      onConnection: (connection, hello) => {
        const taker = host.#takers.shift();
        if (taker === undefined) host.#waiting.push({ connection, hello });
        else taker({ connection, hello });
      },
      onRejected: (why) => host.rejected.push(why),
    });
    return host;
  }

  get port(): number {
    return this.listener.port;
  }

  async next(): Promise<Greeted> {
    const waiting = this.#waiting.shift();
    return waiting ?? new Promise((resolve) => this.#takers.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.close();
  }
}

const trust = async (fingerprint: string) => expect(fingerprint).toBe(identity.fingerprint);
const reach = (port: number, host = "127.0.0.1") => connectControl({ host, port, verify: trust });

const mode = { width: 1280, height: 720, refreshMilliHz: 60_000 } as MessageOf<"hello">["mode"];

function helloOf(connection: ControlConnection): MessageOf<"hello"> {
  return {
    type: "hello",
    version: 1,
    name: "test",
    device: device.prove(connection.exporter),
    mode,
    codecs: ["h264"],
    bitrateKbps: null,
    fecPermille: null,
    features: [],
  };
}

const welcome: MessageOf<"welcome"> = {
  type: "welcome",
  session: 0x01020304,
  mediaPort: 9778,
  hostName: "host",
  hostId: "0123456789abcdef",
  codec: "h264",
  encoder: "libx264",
  mode,
  bitrateKbps: 20_000,
  parityPermille: 200,
  frameBytesMax: limit("frame_bytes_max"),
  framesInFlightMax: 16,
  shardBytesMax: 1408,
  lossWindowMs: 120,
  stallMs: 8,
  source: "synthetic",
  sourceWhy: "asked for",
  pairing: "optional",
};

/** Both ends of a connection after Welcome. */
async function session(host: Host) {
  const client = await reach(host.port);
  client.send(helloOf(client));
  const { connection, hello } = await host.next();
  connection.send(welcome);
  await client.receive(["welcome"], 1000);
  return { client, server: connection, hello };
}

/** What a promise that must be rejected with a PfError is rejected with. */
async function errorOf(promise: Promise<unknown>): Promise<PfError> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(PfError);
  return thrown as PfError;
}

/** A client of plain QUIC, which keeps to no rule. */
async function rawClient(port: number, protocol: string = alpn) {
  const { connect, QuicEndpoint } = await loadQuic();
  const endpoint = new QuicEndpoint({ address: "127.0.0.1:0" });
  endpoint.closed.catch(() => {});
  const options = { endpoint, alpn: protocol, servername: "x", verifyPeer: "manual" } as const;
  const params = { ...transportParams, initialMaxStreamsBidi: 9 };
  const quic = await connect(`127.0.0.1:${port}`, { ...options, transportParams: params });
  const ended = guard(quic);
  const close = async () => {
    if (!quic.destroyed) quic.destroy();
    await closeEndpoint(endpoint);
  };
  const write = async (bytes: Uint8Array) => {
    const stream = await quic.createBidirectionalStream();
    stream.onerror = () => {};
    stream.closed.catch(() => {});
    stream.writer.writeSync(bytes);
  };
  return { quic, ended, close, write };
}

const fileDescriptors = async () => (await readdir("/proc/self/fd")).length;

test("hello and welcome cross, and both ends derive the same keys", async () => {
  await using host = await Host.open();
  const { client, server, hello } = await session(host);
  expect(hello).toEqual(helloOf(client));
  expect(server.peer.address).toBe("127.0.0.1");
  expect(client.peerFingerprint).toBe(identity.fingerprint);
  const [ofClient, ofHost] = [client, server].map((end) => mediaKeys(end.exporter, 7));
  expect(ofClient).toEqual(ofHost as never);
  expect(ofClient?.hostToClient).not.toEqual(ofClient?.clientToHost as never);
  expect(isDeviceProven(hello.device, server.exporter)).toBe(true);
  await client.close("done");
});

test("a device's proof is good for its own connection alone", async () => {
  await using host = await Host.open();
  const first = await session(host);
  const second = await session(host);
  expect(isDeviceProven(first.hello.device, second.server.exporter)).toBe(false);
  const forged = { ...second.hello.device, publicKey: new Uint8Array(32).fill(9) };
  expect(isDeviceProven(forged, second.server.exporter)).toBe(false);
  await Promise.all([first.client.close("done"), second.client.close("done")]);
});

test.each(["127.0.0.1", "::1", "[::1]", "localhost"])("a host is reached at %s", async (name) => {
  await using host = await Host.open();
  const client = await reach(host.port, name);
  client.send(helloOf(client));
  const { connection } = await host.next();
  expect(["127.0.0.1", "::1"]).toContain(connection.peer.address);
  await client.close("done");
});

test("a goodbye of either end reaches the other with its reason and sentence", async () => {
  await using host = await Host.open();
  const first = await session(host);
  const ours = await first.client.close("interrupted", "Ctrl-C was pressed.");
  expect(ours).toMatchObject({ kind: "bye", by: "us", reason: "interrupted" });
  const seen = await first.server.closed;
  const words = { reason: "interrupted", message: "Ctrl-C was pressed." };
  expect(seen).toEqual({ kind: "bye", by: "peer", ...words });
  expect(closeError(seen)).toBeNull();
  const second = await session(host);
  await second.server.close("shutting-down", "The host was stopped.");
  expect(closeError(await second.client.closed)?.message).toBe("The host was stopped.");
  expect(second.client.send({ type: "start" })).toBe(false);
});

test("a goodbye of both ends at once is settled at once", async () => {
  await using host = await Host.open();
  const { client, server } = await session(host);
  const startedMs = performance.now();
  await Promise.all([client.close("done"), server.close("shutting-down")]);
  expect(performance.now() - startedMs).toBeLessThan(limit("close_timeout_ms"));
});

test("a refusal is read although a goodbye follows at once", async () => {
  await using host = await Host.open();
  const client = await reach(host.port);
  client.send(helloOf(client));
  const { connection } = await host.next();
  const refusal = { type: "refuse", reason: "busy", message: "Full.", detail: null } as const;
  connection.send(refusal);
  await connection.close("busy", "Full.");
  expect(await client.receive(["welcome", "refuse"], 1000)).toEqual(refusal);
  expect((await errorOf(client.receive(["welcome"], 1000))).code).toBe("PF_HOST_BUSY");
});

test("a peer of another protocol is told apart from one that is not there", async () => {
  const { listen } = await loadQuic();
  const keys = [identity.privateKey];
  const certs = [Buffer.from(identity.certificatePem)];
  const sni = { "*": { keys, certs } };
  const accept = (quic: Parameters<typeof guard>[0]) => void guard(quic);
  const other = await listen(accept, { sni, alpn: ["h3"], endpoint: { address: "127.0.0.1:0" } });
  const error = await errorOf(reach(other.address?.port as number));
  expect(error.code).toBe("PF_PROTOCOL_VERSION");
  await closeEndpoint(other);
});

test("a client of another protocol is refused and the host lives", async () => {
  await using host = await Host.open();
  const raw = await rawClient(host.port, "h3");
  expect((await raw.ended).kind).toBe("failed");
  await raw.close();
  const { client } = await session(host);
  await client.close("done");
});

test("a closed port is named at once, a silent one after the time-out", async () => {
  const silent = createSocket("udp4");
  const port = await new Promise<number>((resolve) => {
    silent.bind(0, "127.0.0.1", () => resolve(silent.address().port));
  });
  const waiting = connectControl({ host: "127.0.0.1", port, timeoutMs: 300, verify: trust });
  const late = await errorOf(waiting);
  expect(late.code).toBe("PF_HOST_UNREACHABLE");
  expect(late.message).toContain("within 0.3 s");
  await new Promise<void>((resolve) => silent.close(resolve));
  const startedMs = performance.now();
  const closed = await errorOf(reach(port));
  expect(closed.code).toBe("PF_HOST_UNREACHABLE");
  expect(closed.message).toContain("nothing listens");
  expect(performance.now() - startedMs).toBeLessThan(1000);
});

test("an address that is silent does not hold up the next one of the same host", async () => {
  await using host = await Host.open();
  // Nothing is sent to the broadcast address: the system wants to be asked for that.
  const silent = "255.255.255.255";
  const target = { host: "test", port: host.port, timeoutMs: 2000 };
  const startedMs = performance.now();
  const dialed = await dialFirst([silent, "127.0.0.1"], target);
  expect(dialed.fingerprint).toBe(identity.fingerprint);
  expect(performance.now() - startedMs).toBeLessThan(1000);
  await dialed.abandon("done");
  const error = await errorOf(dialFirst([silent, "127.0.0.1"], { ...target, port: 9 }));
  expect(error.code).toBe("PF_HOST_UNREACHABLE");
});

test("a name that nobody has is unknown, not unreachable", async () => {
  expect((await errorOf(reach(9777, "no-such-host.invalid"))).code).toBe("PF_HOST_UNKNOWN");
  expect((await errorOf(reach(9777, ""))).code).toBe("PF_HOST_UNKNOWN");
});

test("a port that can't be and an address that QUIC can't name are refused at once", async () => {
  for (const port of [0, -1, 70_000, 1.5]) {
    expect((await errorOf(reach(port))).code).toBe("PF_USAGE");
  }
  expect((await errorOf(reach(9777, "fe80::1%eth0"))).code).toBe("PF_HOST_UNREACHABLE");
});

test("a host with a wrong fingerprint is left before anything is sent to it", async () => {
  await using host = await Host.open();
  const pinned = "ab".repeat(32);
  const refused = connectControl({
    host: "127.0.0.1",
    port: host.port,
    verify: async (fingerprint) => {
      const question = { host: "127.0.0.1", port: host.port, fingerprint, pinned };
      const answer = judgeHost({ ...question, known: [], canAsk: false });
      if (answer.kind === "refused") throw answer.error;
    },
  });
  const error = await errorOf(refused);
  expect(error.code).toBe("PF_FINGERPRINT_MISMATCH");
  expect(error.exitCode).toBe(4);
  expect(error.message).toContain(pinned);
  expect(error.message).toContain(identity.fingerprint);
  while (host.rejected.length === 0) await Bun.sleep(5);
  expect(host.rejected[0]?.message).toContain("does not trust");
  expect(host.listener.counters.accepted).toBe(0);
});

test("a taken port is refused by name, and two hosts run beside each other", async () => {
  await using first = await Host.open();
  await using second = await Host.open();
  expect(second.port).not.toBe(first.port);
  const error = await errorOf(Host.open(first.port));
  expect(error.code).toBe("PF_PORT_TAKEN");
  expect(error.message).toContain(String(first.port));
  const onIpv4 = createSocket("udp4");
  const port = await new Promise<number>((resolve) => {
    onIpv4.bind(0, "0.0.0.0", () => resolve(onIpv4.address().port));
  });
  expect((await errorOf(Host.open(port))).code).toBe("PF_PORT_TAKEN");
  await new Promise<void>((resolve) => onIpv4.close(resolve));
});

test("a port is free again when its listener has closed", async () => {
  const first = await Host.open();
  const { client } = await session(first);
  await client.close("done");
  await first.listener.close();
  await using again = await Host.open(first.port);
  expect(again.port).toBe(first.port);
});

test("four megabytes of messages arrive whole and in order", async () => {
  await using host = await Host.open();
  const { client, server } = await session(host);
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
  await using host = await Host.open();
  const { client, server } = await session(host);
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

const framed = (message: Message) => encodeMessage(message);
const violations: [string, Uint8Array][] = [
  ["a message above the limit", new Uint8Array([0x70, 0x11, 0x01, 0x00])],
  ["bytes that are no message", new Uint8Array([3, 0, 0, 0, 0xc1, 0xc1, 0xc1])],
  ["another message than hello first", framed({ type: "ping", id: 1 })],
  ["a message of the host", framed({ type: "pong", id: 1 })],
  ["input before hello", framed({ type: "key", usage: 4, down: true })],
];
test.each(violations)("%s ends the connection with the reason protocol", async (_, bytes) => {
  await using host = await Host.open();
  const raw = await rawClient(host.port);
  await raw.write(bytes);
  const end = await raw.ended;
  expect(end).toMatchObject({ kind: "code", code: reasons.protocol[0] });
  await raw.close();
  expect(host.rejected[0]?.code).toBe("PF_PROTOCOL_VIOLATION");
  const { client } = await session(host);
  await client.close("done");
});

test("input before welcome and a second hello end the connection", async () => {
  await using host = await Host.open();
  for (const extra of ["key", "hello"] as const) {
    const client = await reach(host.port);
    const hello = helloOf(client);
    client.send(hello);
    const { connection } = await host.next();
    client.send(extra === "hello" ? hello : { type: "key", usage: 4, down: true });
    expect(closeError(await connection.closed)?.code).toBe("PF_PROTOCOL_VIOLATION");
    expect(await client.closed).toMatchObject({ kind: "bye", by: "peer", reason: "protocol" });
  }
});

test("a handler that throws ends its own connection with the reason internal", async () => {
  await using host = await Host.open();
  const { client, server } = await session(host);
  server.onMessage(() => {
    throw new Error("a defect");
  });
  client.send({ type: "start" });
  expect(closeError(await server.closed)?.message).toContain("a defect");
  expect(await client.closed).toMatchObject({ kind: "bye", by: "peer", reason: "internal" });
  const other = await session(host);
  await other.client.close("done");
});

test("an answer that does not come in time ends the connection with the reason idle", async () => {
  await using host = await Host.open();
  const { client, server } = await session(host);
  const error = await errorOf(client.receive(["reconfigured"], 50));
  expect(error.message).toContain("no reconfigured within 0.05 s");
  expect(await server.closed).toMatchObject({ reason: "idle" });
});

test("a peer that does not read is given up when the queue is full", async () => {
  const { listen } = await loadQuic();
  const keys = [identity.privateKey];
  const certs = [Buffer.from(identity.certificatePem)];
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
  const client = await reach(stubborn.address?.port as number);
  const hello = { ...helloOf(client), features: new Array(32).fill("f".repeat(64)) };
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
  await using host = await Host.open();
  const { client, server } = await session(host);
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
  const again = await session(host);
  expect(server.isOpen).toBe(true);
  await Promise.all([client.close("done"), again.client.close("done")]);
});

test("a flood of connections that say nothing is bounded and shuts nobody out", async () => {
  await using host = await Host.open();
  const early = await session(host);
  const flood = await Promise.all(Array.from({ length: 100 }, () => rawClient(host.port)));
  const givenUp = 100 - limit("connections_silent_per_address_max");
  while (host.listener.counters.flooded < givenUp) await Bun.sleep(5);
  const late = await session(host);
  expect(early.server.isOpen).toBe(true);
  await Promise.all([early.client.close("done"), late.client.close("done")]);
  await Promise.all(flood.map((raw) => raw.close()));
});

test("200 sessions one after another leave no file descriptor behind", async () => {
  await using host = await Host.open();
  const cycle = async () => {
    const { client, server } = await session(host);
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
    await using host = await Host.open();
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
    };
    const args = [join(folder, "device.json"), String(host.port), JSON.stringify(hello)];
    const { child } = await spawnEnd(clientScript, ...args);
    await killAndWatch(child, await greeted);
  },
  slowMs,
);

test.concurrent(
  "a host that is killed is noticed within 5 s",
  async () => {
    const args = [join(folder, "host.json"), JSON.stringify(welcome)];
    const { child, line } = await spawnEnd(hostScript, ...args);
    const client = await reach(Number(line));
    client.send(helloOf(client));
    await client.receive(["welcome"], 1000);
    await killAndWatch(child, client);
  },
  slowMs,
);

test.concurrent(
  "a connection that says nothing is closed after 5 s",
  async () => {
    await using host = await Host.open();
    const startedMs = performance.now();
    const client = await reach(host.port);
    expect(await client.closed).toMatchObject({ kind: "bye", by: "peer", reason: "idle" });
    expect(performance.now() - startedMs).toBeGreaterThan(limit("hello_timeout_ms") - 200);
    expect(performance.now() - startedMs).toBeLessThan(limit("hello_timeout_ms") + 2000);
  },
  slowMs,
);

test.concurrent(
  "an idle session lives on by its heartbeat and knows its round trip",
  async () => {
    await using host = await Host.open();
    const { client, server } = await session(host);
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
    await using host = await Host.open();
    const verify = () => Bun.sleep(limit("hello_timeout_ms") / 2 + 100);
    const client = await connectControl({ host: "127.0.0.1", port: host.port, verify });
    client.send(helloOf(client));
    const { connection, hello } = await host.next();
    expect(isDeviceProven(hello.device, connection.exporter)).toBe(true);
    await client.close("done");
  },
  slowMs,
);
