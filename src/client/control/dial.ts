/** One QUIC handshake with one address of a host. */
import { createSocket } from "node:dgram";
import { isIPv6 } from "node:net";
import { PfError } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import {
  closeEndpoint,
  guard,
  loadQuic,
  noApplicationProtocol,
  type QuicSession,
  type SessionEnd,
  sessionEnd,
  transportParams,
} from "../../transport/quic.ts";
import { alpn, plainLine } from "../../wire/control.ts";
import { exporterSecretOf } from "../../wire/exporter.ts";
import { fingerprintOf } from "../../wire/fingerprint.ts";
import { type Reason, reasonError, reasonOfNumber, reasons } from "../../wire/reasons.ts";

export interface DialOptions {
  /** As the person named it, for sentences. */
  readonly host: string;
  readonly address: string;
  readonly port: number;
  readonly timeoutMs: number;
  /** Gives the attempt up. */
  readonly signal?: AbortSignal;
}

/** A finished handshake; its socket closes with the session. */
export interface Dialed {
  readonly session: QuicSession;
  readonly ended: Promise<SessionEnd>;
  readonly address: string;
  readonly port: number;
  /** Of the certificate whose key signed this handshake. */
  readonly fingerprint: string;
  readonly exporterSecret: Secret<Uint8Array>;
  abandon(reason: Reason): Promise<void>;
}

/** Throws PF_HOST_UNREACHABLE, PF_PROTOCOL_VERSION, PF_HOST_BUSY or PF_INTERRUPTED. */
export async function dial(options: DialOptions): Promise<Dialed> {
  const { address, port, timeoutMs } = options;
  const { connect, QuicEndpoint } = await loadQuic();
  const literal = isIPv6(address) ? `[${address}]` : address;
  const endpoint = new QuicEndpoint({ address: isIPv6(address) ? "[::]:0" : "0.0.0.0:0" });
  endpoint.closed.catch(() => {});
  let secret: Secret<Uint8Array> | undefined;
  const connecting = connect(`${literal}:${port}`, {
    endpoint,
    alpn,
    servername: "punktfunk",
    verifyPeer: "manual",
    keylog: true,
    onkeylog: (line) => {
      secret ??= exporterSecretOf(line);
    },
    handshakeTimeout: timeoutMs,
    transportParams,
  });
  const session = await connecting.catch(async (thrown: unknown) => {
    await closeEndpoint(endpoint);
    throw dialError(options, thrown);
  });
  const ended = guard(session);
  const closed = ended.then(() => closeEndpoint(endpoint));
  const abandon = async (reason: Reason) => {
    session.destroy(undefined, { code: reasons[reason][0], type: "application" });
    await closed;
  };
  const { promise: given, reject: giveUp } = Promise.withResolvers<never>();
  const interrupt = () => giveUp(new PfError("PF_INTERRUPTED", "The connection was given up."));
  options.signal?.addEventListener("abort", interrupt);
  if (options.signal?.aborted === true) interrupt();
  try {
    await Promise.race([session.opened, refusal(options, session), given]);
  } catch (thrown) {
    await abandon("idle");
    throw thrown instanceof PfError ? thrown : dialError(options, thrown);
  } finally {
    options.signal?.removeEventListener("abort", interrupt);
  }
  const certificate = session.peerCertificate;
  if (certificate === undefined || secret === undefined) {
    await abandon("internal");
    throw new PfError("PF_INTERNAL", "The QUIC library gave no certificate or no exporter secret.");
  }
  const fingerprint = fingerprintOf(certificate.raw);
  return { session, ended, address, port, fingerprint, exporterSecret: secret, abandon };
}

function unreachable(options: DialOptions, why: string, cause?: unknown): PfError {
  const { host, address, port } = options;
  const where =
    host === address ? `${host}, UDP port ${port}` : `${host} (${address}:${port}, UDP)`;
  return new PfError("PF_HOST_UNREACHABLE", `No punktfunk host answers at ${where}: ${why}.`, {
    hint: "Is punktfunk serve running there, on this port, and does its firewall let UDP through?",
    cause,
  });
}

/** Why a connection to that address came to nothing. */
export function dialError(options: DialOptions, thrown: unknown): PfError {
  const end = sessionEnd(thrown);
  if (end.kind === "code") {
    const reason = reasonOfNumber(end.code) ?? `code ${end.code}`;
    const error = reasonError({ reason, message: plainLine(end.reason) });
    if (error !== null) return error;
  }
  if (end.kind === "failed" && end.alert === noApplicationProtocol) {
    const { host, port } = options;
    const sentence = `${host} answers at UDP port ${port}, but does not speak ${alpn}.`;
    return new PfError("PF_PROTOCOL_VERSION", sentence, {
      hint: "Check the port, and install the same version of punktfunk on both machines.",
      cause: thrown,
    });
  }
  const seconds = options.timeoutMs / 1000;
  const isTimeout = thrown instanceof Error && thrown.message.includes("timed out");
  const why = isTimeout ? `nothing came within ${seconds} s` : String((thrown as Error).message);
  return unreachable(options, why, thrown);
}

const refusals: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENETUNREACH: "this machine has no route to that network",
  EHOSTUNREACH: "no machine has that address",
};

/**
 * Rejects as soon as the host's system or the network says that nobody listens there, which QUIC
 * does not look at. A host that listens drops the two stray bytes.
 */
function refusal(options: DialOptions, session: QuicSession): Promise<never> {
  const { address, port } = options;
  const { promise, reject } = Promise.withResolvers<never>();
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  const close = () => {
    try {
      socket.close();
    } catch {
      // It was closed before.
    }
  };
  socket.on("error", (error: NodeJS.ErrnoException) => {
    const why = refusals[error.code ?? ""];
    if (why !== undefined) reject(unreachable(options, why));
    close();
  });
  // It gets an error where the address has no route, which its type in Node does not say.
  const connected = (error?: Error | null) => {
    if (error) socket.emit("error", error);
    else socket.send(new Uint8Array(2), () => {});
  };
  socket.connect(port, address, connected);
  session.opened.then(close, close);
  return promise;
}
