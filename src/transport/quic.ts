/**
 * The only importer of node:quic: loads it when first needed, and hides what is peculiar about it.
 *
 * - Its warning that it is experimental is no news to the person at the terminal: the version of
 *   Bun is pinned.
 * - A promise of it that nobody awaits, or a throw in a callback, would end the session or the
 *   program: `guard` gives every session its listeners before anything can fail.
 * - Sessions share endpoints unless told otherwise; here each connect has a socket of its own.
 */
import type { QuicEndpoint, QuicSession } from "node:quic";
import { settledWithin } from "../base/time.ts";
import { limit } from "../wire/limits.ts";

export type { QuicEndpoint, QuicSession, QuicStream } from "node:quic";

type QuicModule = typeof import("node:quic");
let loading: Promise<QuicModule> | undefined;

/** node:quic. */
export function loadQuic(): Promise<QuicModule> {
  loading ??= importQuietly();
  return loading;
}

async function importQuietly(): Promise<QuicModule> {
  const emitWarning = process.emitWarning;
  process.emitWarning = ((warning: string | Error, ...rest: []) => {
    if (!String(warning).startsWith("quic is an experimental feature")) {
      emitWarning.call(process, warning, ...rest);
    }
  }) as typeof process.emitWarning;
  try {
    return await import("node:quic");
  } finally {
    process.emitWarning = emitWarning;
  }
}

/** Transport parameters of both ends: one stream that the client opens, and datagrams. */
export const transportParams = {
  /** In seconds, unlike every other time of this API. */
  maxIdleTimeout: limit("idle_timeout_ms") / 1000,
  maxDatagramFrameSize: 65535,
  initialMaxStreamsBidi: 1,
  initialMaxStreamsUni: 0,
};

/** How a session of QUIC ended. */
export type SessionEnd =
  /** The peer closed it with an application's code. */
  | { readonly kind: "code"; readonly code: number; readonly reason: string }
  /** It fell silent, or was closed without a word. */
  | { readonly kind: "silent" }
  | { readonly kind: "failed"; readonly alert: number | undefined; readonly cause: Error };

/** Attaches listeners to all that can fail, and tells how the session ends. Never rejects. */
export function guard(session: QuicSession): Promise<SessionEnd> {
  session.onerror = () => {};
  session.opened.catch(() => {});
  return session.closed.then(
    () => ({ kind: "silent" }) as const,
    (error: unknown) => sessionEnd(error),
  );
}

/** TLS alerts are QUIC transport errors from here on (RFC 9001 section 4.8). */
const cryptoError = 0x100;

/** The alert "no application protocol" of RFC 7301. */
export const noApplicationProtocol = 120;

/** What an error of a session says. */
export function sessionEnd(thrown: unknown): SessionEnd {
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { code, errorCode, reason } = cause as Error & {
    code?: string;
    errorCode?: bigint;
    reason?: string;
  };
  const number = Number(errorCode ?? 0n);
  if (code === "ERR_QUIC_APPLICATION_ERROR") {
    return { kind: "code", code: number, reason: typeof reason === "string" ? reason : "" };
  }
  const isAlert = code === "ERR_QUIC_TRANSPORT_ERROR" && number >= cryptoError && number < 0x200;
  return { kind: "failed", alert: isAlert ? number - cryptoError : undefined, cause };
}

/** Closes a socket of QUIC in bounded time. */
export async function closeEndpoint(endpoint: QuicEndpoint): Promise<void> {
  await settledWithin(endpoint.close(), limit("close_timeout_ms"));
  if (!endpoint.destroyed) endpoint.destroy();
}
