/**
 * A real host that trusts nobody yet, and devices that speak to it from addresses of their own
 * (all of 127.0.0.0/8 is this machine), for tests and benchmarks of trust.
 */
import { generateKeyPairSync } from "node:crypto";
import { DeviceKey } from "../client/trust/device.ts";
import type { Host, HostOptions } from "../host/host.ts";
import type { HostReport } from "../host/report.ts";
import { ControlConnection } from "../transport/connection.ts";
import { closeEndpoint, guard, loadQuic, transportParams } from "../transport/quic.ts";
import { alpn, type MessageOf } from "../wire/control.ts";
import { exporterSecretOf } from "../wire/exporter.ts";
import { fingerprintOf } from "../wire/fingerprint.ts";
import { limit } from "../wire/limits.ts";
import { parseMode } from "../wire/mode.ts";
import {
  pairingBinding,
  pairingIdentities,
  startPairing,
  stepClient,
} from "../wire/pairing/ceremony.ts";
import { deviceId } from "../wire/pairing/device-id.ts";
import type { Level } from "../wire/pairing/level.ts";
import { pinScalar } from "../wire/pairing/pin.ts";
import { startTestHost, withState } from "./loopback.ts";

/** Runs `body` with a host that requires pairing; both are gone afterwards. */
export function withTrustHost<Result>(
  body: (host: Host, reports: readonly HostReport[]) => Promise<Result>,
  options: Partial<HostOptions> = {},
): Promise<Result> {
  return withState(async () => {
    const reports: HostReport[] = [];
    const host = await startTestHost(reports, { trust: "required", ...options });
    try {
      return await body(host, reports);
    } finally {
      await host.stop("shutting-down");
    }
  });
}

/** A connection to a host of this machine from an IPv4 address of this machine; trusts any host. */
export async function dialFrom(address: string, port: number): Promise<ControlConnection> {
  const { connect, QuicEndpoint } = await loadQuic();
  const endpoint = new QuicEndpoint({ address: `${address}:0` });
  endpoint.closed.catch(() => {});
  let secret: ReturnType<typeof exporterSecretOf>;
  const session = await connect(`127.0.0.1:${port}`, {
    endpoint,
    alpn,
    servername: "punktfunk",
    verifyPeer: "manual",
    keylog: true,
    onkeylog: (line) => {
      secret ??= exporterSecretOf(line);
    },
    handshakeTimeout: limit("connect_timeout_ms"),
    transportParams,
  });
  const ended = guard(session);
  void ended.then(() => closeEndpoint(endpoint));
  await session.opened;
  const stream = await session.createBidirectionalStream();
  stream.onerror = () => {};
  stream.closed.catch(() => {});
  if (secret === undefined || session.peerCertificate === undefined) {
    throw new Error("no exporter secret, or no certificate");
  }
  return new ControlConnection({
    role: "client",
    session,
    ended,
    stream,
    peer: { address: "127.0.0.1", port },
    peerFingerprint: fingerprintOf(session.peerCertificate.raw),
    exporterSecret: secret,
  });
}

type Wish = Partial<Pick<MessageOf<"hello">, "name" | "purpose" | "waits">>;

const answerMsMax = 10_000;

/** A device with a key of its own. */
export class TestDevice {
  readonly key: DeviceKey;
  readonly id: string;
  readonly #address: string;

  constructor(address = "127.0.0.1", key = newKey()) {
    this.key = key;
    this.id = deviceId(key.publicKey);
    this.#address = address;
  }

  /** Connects and says hello; a speed test, which needs no desktop, unless told otherwise. */
  async greet({ port }: { readonly port: number }, wish: Wish = {}): Promise<ControlConnection> {
    const connection = await dialFrom(this.#address, port);
    connection.send({
      type: "hello",
      version: limit("protocol_version"),
      name: "test",
      device: this.key.prove(connection.exporter),
      mode: parseMode("640x360@60"),
      codecs: ["h264"],
      bitrateKbps: null,
      fecPermille: null,
      features: [],
      purpose: "probe",
      compositor: null,
      waits: null,
      keyboardLayout: null,
      audio: null,
      microphone: null,
      ...wish,
    });
    return connection;
  }

  /** What the host answers to a hello, and the connection. */
  async ask(host: { readonly port: number }, wish: Wish = {}) {
    const connection = await this.greet(host, wish);
    const types = ["welcome", "refuse", "approvalAwaited"] as const;
    const answer = await connection.receive(types, answerMsMax);
    return { connection, answer };
  }

  /** Has itself paired by approval. */
  async pairWith(host: Host, level: Level, expiresAt: Date | null = null): Promise<void> {
    const { connection } = await this.ask(host, { waits: true });
    const expiry = expiresAt?.toISOString() ?? null;
    await host.managed.trust.approve(this.id, { level, expiresAt: expiry });
    await connection.receive(["welcome"], answerMsMax);
    await connection.close("done");
  }

  /** The client's side of the PIN ceremony; what the host says in the end. */
  async pairByPin(host: { readonly port: number }, pin: string, name = "test"): Promise<string> {
    const connection = await this.greet(host, { purpose: "pair", name });
    const identities = pairingIdentities(this.key.publicKey, connection.peerFingerprint ?? "");
    const binding = pairingBinding(connection.exporter);
    const randomBytes = (count: number) => crypto.getRandomValues(new Uint8Array(count));
    const w = await pinScalar(pin, identities);
    let { state, send } = startPairing({ identities, binding, w, randomBytes }) as ReturnType<
      typeof stepClient
    >;
    while (send !== undefined) {
      connection.send(send);
      const types = ["pairShare", "pairConfirm", "refuse"] as const;
      const answer = await connection.receive(types, answerMsMax);
      if (answer.type === "refuse") return answer.reason;
      ({ state, send } = stepClient(state, answer) as ReturnType<typeof stepClient>);
    }
    await connection.closed;
    return state.kind;
  }
}

const newKey = () => new DeviceKey(generateKeyPairSync("ed25519").privateKey);
