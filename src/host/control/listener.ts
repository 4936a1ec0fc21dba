/** The host's QUIC socket: accepts connections and hands on those that have said hello. */
import type { KeyObject } from "node:crypto";
import { isIPv6 } from "node:net";
import { PfError, toPfError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import { ignoreUnreachable } from "../../ffi/core/core.ts";
import { ControlConnection, type PeerAddress } from "../../transport/connection.ts";
import {
  closeEndpoint,
  guard,
  loadQuic,
  type QuicEndpoint,
  type QuicSession,
  type QuicStream,
  type SessionEnd,
  transportParams,
} from "../../transport/quic.ts";
import { alpn, type MessageOf } from "../../wire/control.ts";
import { exporterSecretOf } from "../../wire/exporter.ts";
import { limit } from "../../wire/limits.ts";
import { type Reason, reasonOfNumber, reasons } from "../../wire/reasons.ts";
import { Admission } from "./admission.ts";

export interface ControlListenerOptions {
  /** Address to listen at; undefined = all. */
  readonly address?: string | undefined;
  /** UDP port; 0 = any free one. */
  readonly port: number;
  readonly certificatePem: string;
  readonly privateKey: KeyObject;
  /** A connection that has said hello; the callee answers it with welcome or refuse. */
  readonly onConnection: (connection: ControlConnection, hello: MessageOf<"hello">) => void;
  /** A connection that ended before its hello, for the log. */
  readonly onRejected?: (why: PfError) => void;
}

export interface ListenerCounters {
  readonly accepted: number;
  /** Given up before their hello to make place for newer ones. */
  readonly flooded: number;
  /** Ended before a valid hello. */
  readonly rejected: number;
}

export class ControlListener {
  readonly port: number;
  readonly #endpoint: QuicEndpoint;
  readonly #acceptor: Acceptor;

  private constructor(endpoint: QuicEndpoint, acceptor: Acceptor) {
    this.#endpoint = endpoint;
    this.#acceptor = acceptor;
    this.port = endpoint.address?.port ?? 0;
  }

  /** Throws PF_PORT_TAKEN when the port can't be had. */
  static async open(options: ControlListenerOptions): Promise<ControlListener> {
    const acceptor = new Acceptor(options);
    const endpoint = await bind(options, (session) => acceptor.accept(session));
    try {
      ignoreUnreachable(endpoint.address?.port ?? 0);
    } catch (error) {
      await closeEndpoint(endpoint);
      throw error;
    }
    return new ControlListener(endpoint, acceptor);
  }

  get counters(): ListenerCounters {
    return { ...this.#acceptor.counters };
  }

  /** Stops listening. Connections are to be closed before: those that are left are cut off. */
  async close(): Promise<void> {
    await closeEndpoint(this.#endpoint);
  }
}

/** Linux: the address family is not there, or has no address. */
const noIpv6 = [97, 99];

async function bind(options: ControlListenerOptions, accept: (session: QuicSession) => void) {
  const { address = "::", port } = options;
  const literal = isIPv6(address) ? `[${address}]` : address;
  const first = await tryBind(options, `${literal}:${port}`, accept);
  if (!("errno" in first)) return first;
  const bound =
    options.address === undefined && noIpv6.includes(first.errno)
      ? await tryBind(options, `0.0.0.0:${port}`, accept)
      : first;
  if (!("errno" in bound)) return bound;
  if (bound.errno === 13) {
    throw new PfError("PF_PORT_TAKEN", `This user may not use UDP port ${port}.`, {
      hint: "Ports below 1024 are the system's: choose another one with --port.",
    });
  }
  if (bound.errno === 99) {
    throw new PfError("PF_PORT_TAKEN", `This machine has no address ${address}.`, {
      hint: "Give one of its own to --bind, or leave that out to listen at all of them.",
    });
  }
  const sentence =
    bound.errno === 98
      ? `UDP port ${port} is in use by another program, perhaps another punktfunk.`
      : `UDP port ${port} can't be opened: ${bound.message}.`;
  throw new PfError("PF_PORT_TAKEN", sentence, {
    hint: "Choose another one with --port, or --port 0 for any free one.",
  });
}

/** `listen` succeeds even where its socket could not be bound: the endpoint is closed then. */
async function tryBind(
  { certificatePem, privateKey }: ControlListenerOptions,
  address: string,
  accept: (session: QuicSession) => void,
): Promise<QuicEndpoint | { errno: number; message: string }> {
  const { listen } = await loadQuic();
  const certificate = Buffer.from(certificatePem);
  const endpoint = await listen(accept, {
    sni: { "*": { keys: [privateKey], certs: [certificate] } },
    alpn: [alpn],
    endpoint: { address, sessionCreationRate: 1000, sessionCreationBurst: 1000 },
    keylog: true,
    handshakeTimeout: limit("hello_timeout_ms"),
    transportParams,
  });
  if (endpoint.address !== undefined) {
    endpoint.closed.catch(() => {});
    return endpoint;
  }
  const message = await endpoint.closed.then(() => "closed", String);
  return { errno: Number(/\((\d+)\)/.exec(message)?.[1] ?? 0), message };
}

/** Leads each new session to its hello. */
class Acceptor {
  readonly counters = { accepted: 0, flooded: 0, rejected: 0 };
  readonly #options: ControlListenerOptions;
  readonly #admission = new Admission<QuicSession>();

  constructor(options: ControlListenerOptions) {
    this.#options = options;
  }

  accept(session: QuicSession): void {
    const ended = guard(session);
    this.#giveUp(this.#admission.enter(session));
    void ended.then(() => this.#admission.leave(session));
    let secret: Secret<Uint8Array> | undefined;
    session.onkeylog = (line) => {
      secret ??= exporterSecretOf(line);
    };
    const stream = firstStream(session);
    this.#greet(session, ended, stream, () => secret).catch((thrown) => {
      this.counters.rejected++;
      this.#options.onRejected?.(toPfError(thrown));
    });
  }

  async #greet(
    session: QuicSession,
    ended: Promise<SessionEnd>,
    firstStream: Promise<QuicStream>,
    exporterSecret: () => Secret<Uint8Array> | undefined,
  ): Promise<void> {
    const { remote } = await session.opened;
    const peer: PeerAddress = {
      address: remote.address.replace(/^::ffff:(?=\d+\.)/, ""),
      port: remote.port,
    };
    this.#giveUp(this.#admission.locate(session, peer.address));
    const stream = await firstOf(firstStream, ended);
    const secret = exporterSecret();
    if ("kind" in stream || secret === undefined) {
      destroy(session, "idle", "No hello came in time.");
      throw silentError(peer, stream);
    }
    const connection = new ControlConnection({
      role: "host",
      session,
      ended,
      stream,
      peer,
      peerFingerprint: null,
      exporterSecret: secret,
    });
    const hello = await connection.receive(["hello"], limit("hello_timeout_ms"));
    this.#admission.leave(session);
    this.counters.accepted++;
    this.#options.onConnection(connection, hello);
  }

  #giveUp(session: QuicSession | undefined): void {
    if (session === undefined) return;
    this.counters.flooded++;
    destroy(session, "busy", "The host is being flooded with connections.");
  }
}

function firstStream(session: QuicSession): Promise<QuicStream> {
  const { promise, resolve } = Promise.withResolvers<QuicStream>();
  session.onstream = (stream) => {
    stream.onerror = () => {};
    stream.closed.catch(() => {});
    resolve(stream);
  };
  return promise;
}

type Silence = SessionEnd | { readonly kind: "late" };

/** The stream, or why there is none: the session ended before, or nothing came in time. */
async function firstOf(stream: Promise<QuicStream>, ended: Promise<SessionEnd>) {
  const { promise: late, resolve } = Promise.withResolvers<Silence>();
  const timer = setTimeout(() => resolve({ kind: "late" }), limit("hello_timeout_ms"));
  try {
    return await Promise.race([stream, ended, late]);
  } finally {
    clearTimeout(timer);
  }
}

function silentError({ address }: PeerAddress, end: QuicStream | Silence): PfError {
  const reason = "kind" in end && end.kind === "code" ? reasonOfNumber(end.code) : undefined;
  const why = reason === undefined ? "said nothing" : `left again: ${reasons[reason][1]}`;
  return new PfError("PF_PEER_LOST", `${address} connected and ${why}.`);
}

function destroy(session: QuicSession, reason: Reason, message: string): void {
  session.destroy(undefined, { code: reasons[reason][0], type: "application", reason: message });
}
