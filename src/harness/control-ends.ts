/**
 * Both ends of the control plane in one process, for tests: hosts that hand out their connections,
 * clients that are trusted, and a client of plain QUIC that keeps to no rule.
 */
import { expect } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PfError } from "../base/errors.ts";
import { milliHz } from "../base/units.ts";
import { connectControl } from "../client/control/connect.ts";
import { type DeviceKey, loadDeviceKey } from "../client/trust/device.ts";
import { ControlListener } from "../host/control/listener.ts";
import { type HostIdentity, loadHostIdentity } from "../host/trust/identity.ts";
import type { ControlConnection } from "../transport/connection.ts";
import { closeEndpoint, guard, loadQuic, transportParams } from "../transport/quic.ts";
import { alpn, type MessageOf } from "../wire/control.ts";
import { limit } from "../wire/limits.ts";
import type { Mode } from "../wire/mode.ts";

export const mode: Mode = { width: 1280, height: 720, refreshMilliHz: milliHz(60_000) };

export const welcome: MessageOf<"welcome"> = {
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
  displays: null,
  pairing: "optional",
  level: null,
  keyboardLayout: null,
  audio: null,
  microphone: null,
};

interface Greeted {
  readonly connection: ControlConnection;
  readonly hello: MessageOf<"hello">;
}

/** A host that hands its connections out one by one. */
export class TestHost {
  readonly rejected: PfError[] = [];
  readonly #waiting: Greeted[] = [];
  readonly #takers: ((greeted: Greeted) => void)[] = [];
  #listener: ControlListener | undefined;

  async open(identity: HostIdentity, port: number): Promise<void> {
    this.#listener = await ControlListener.open({
      port,
      certificatePem: identity.certificatePem,
      privateKey: identity.privateKey,
      onConnection: (connection, hello) => {
        const taker = this.#takers.shift();
        if (taker === undefined) this.#waiting.push({ connection, hello });
        else taker({ connection, hello });
      },
      onRejected: (why) => this.rejected.push(why),
    });
  }

  get listener(): ControlListener {
    if (this.#listener === undefined) throw new Error("the host is not open");
    return this.#listener;
  }

  get port(): number {
    return this.listener.port;
  }

  /** The next connection that says hello. */
  async next(): Promise<Greeted> {
    const waiting = this.#waiting.shift();
    return waiting ?? new Promise((resolve) => this.#takers.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.listener.close();
  }
}

/** An identity, a device, and what they do with each other. */
export class Ends {
  readonly folder: string;
  readonly identity: HostIdentity;
  readonly #device: DeviceKey;

  private constructor(folder: string, identity: HostIdentity, device: DeviceKey) {
    this.folder = folder;
    this.identity = identity;
    this.#device = device;
  }

  static async open(): Promise<Ends> {
    const folder = await mkdtemp(join(tmpdir(), "punktfunk-control-"));
    const identity = await loadHostIdentity(join(folder, "host.json"));
    return new Ends(folder, identity, await loadDeviceKey(join(folder, "device.json")));
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true });
  }

  async host(port = 0): Promise<TestHost> {
    const host = new TestHost();
    await host.open(this.identity, port);
    return host;
  }

  readonly verify = async (fingerprint: string): Promise<void> => {
    expect(fingerprint).toBe(this.identity.fingerprint);
  };

  reach(port: number, host = "127.0.0.1"): Promise<ControlConnection> {
    return connectControl({ host, port, verify: this.verify });
  }

  hello(connection: ControlConnection): MessageOf<"hello"> {
    return {
      type: "hello",
      version: 1,
      name: "test",
      device: this.#device.prove(connection.exporter),
      mode,
      codecs: ["h264"],
      bitrateKbps: null,
      fecPermille: null,
      features: [],
      purpose: null,
      compositor: null,
      waits: null,
      keyboardLayout: null,
      audio: null,
      microphone: null,
    };
  }

  /** Both ends of a connection after Welcome. */
  async session(host: TestHost) {
    const client = await this.reach(host.port);
    client.send(this.hello(client));
    const { connection, hello } = await host.next();
    connection.send(welcome);
    await client.receive(["welcome"], 1000);
    return { client, server: connection, hello };
  }
}

/** The PfError that a promise must be rejected with. */
export async function errorOf(promise: Promise<unknown>): Promise<PfError> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(PfError);
  return thrown as PfError;
}

/** A client of plain QUIC. */
export async function rawClient(port: number, protocol: string = alpn) {
  const { connect, QuicEndpoint } = await loadQuic();
  const endpoint = new QuicEndpoint({ address: "127.0.0.1:0" });
  endpoint.closed.catch(() => {});
  const quic = await connect(`127.0.0.1:${port}`, {
    endpoint,
    alpn: protocol,
    servername: "x",
    verifyPeer: "manual",
    transportParams,
  });
  return {
    ended: guard(quic),
    write: async (bytes: Uint8Array) => {
      const stream = await quic.createBidirectionalStream();
      stream.onerror = () => {};
      stream.closed.catch(() => {});
      stream.writer.writeSync(bytes);
    },
    close: async () => {
      if (!quic.destroyed) quic.destroy();
      await closeEndpoint(endpoint);
    },
  };
}
