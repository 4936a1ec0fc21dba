/** How a client reaches a host: name to addresses, handshake, trust, and then a connection. */
import { PfError } from "../../base/errors.ts";
import { settledWithin } from "../../base/time.ts";
import { ControlConnection } from "../../transport/connection.ts";
import { limit } from "../../wire/limits.ts";
import { type ResolvedHost, resolveTarget } from "../discovery/resolve.ts";
import { type Dialed, dial, dialError } from "./dial.ts";

export interface ConnectOptions {
  /** Name or address. */
  readonly host: string;
  /** undefined = the one that the host advertises, or else the usual one. */
  readonly port?: number | undefined;
  /** Where the host is, when that is known already. */
  readonly resolved?: ResolvedHost;
  /** For the handshake alone; asking a person in `verify` is not counted. */
  readonly timeoutMs?: number;
  /** Gives the handshake up; an open connection is not touched. */
  readonly signal?: AbortSignal;
  /** Resolves when the host of this fingerprint is trusted, throws the PfError when not. */
  readonly verify: (fingerprint: string) => Promise<void>;
}

/** An address that does not answer does not hold up the next one for longer than this. */
const staggerMs = 250;

/**
 * Connects and lets `verify` decide before anything is sent. The caller says hello next. Throws
 * PF_USAGE, PF_HOST_UNKNOWN, PF_HOST_UNREACHABLE, PF_PROTOCOL_VERSION, PF_HOST_BUSY,
 * PF_INTERRUPTED, or what
 * `verify` throws.
 */
export async function connectControl(options: ConnectOptions): Promise<ControlConnection> {
  const { host, timeoutMs = limit("connect_timeout_ms"), verify } = options;
  const given = options.signal === undefined ? {} : { signal: options.signal };
  const resolved =
    options.resolved ?? (await resolveTarget({ host, port: options.port, ...given }));
  const target = { host, port: resolved.port, timeoutMs, ...given };
  const dialed = await dialFirst(resolved.addresses, target);
  const fingerprint = dialed.fingerprint;
  const startedMs = performance.now();
  try {
    await verify(fingerprint);
  } catch (thrown) {
    await dialed.abandon("not-trusted");
    throw thrown;
  }
  const patienceMs = limit("hello_timeout_ms") / 2;
  if (performance.now() - startedMs < patienceMs) return connectionOf(dialed, target);
  return connectionOf(await redial(dialed, target), target);
}

export interface Target {
  /** As the person named it. */
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** The host does not wait for a person's answer: connects anew, to the same certificate. */
async function redial(first: Dialed, target: Target): Promise<Dialed> {
  await first.abandon("idle");
  const second = await dial({ ...target, address: first.address });
  if (second.fingerprint === first.fingerprint) return second;
  await second.abandon("not-trusted");
  throw new PfError(
    "PF_FINGERPRINT_MISMATCH",
    `${target.host} showed another certificate than a moment ago: first ${first.fingerprint}, ` +
      `now ${second.fingerprint}.`,
    {
      hint: "Two hosts answer at this address, or somebody is in between: find out before you go on.",
    },
  );
}

async function connectionOf(dialed: Dialed, target: Target): Promise<ControlConnection> {
  const { session, ended, address, port, fingerprint, exporterSecret } = dialed;
  const stream = await session.createBidirectionalStream().catch(async (thrown: unknown) => {
    // The host has closed the connection already.
    await dialed.abandon("idle");
    throw dialError({ ...target, address }, thrown);
  });
  stream.onerror = () => {};
  stream.closed.catch(() => {});
  return new ControlConnection({
    role: "client",
    session,
    ended,
    stream,
    peer: { address, port },
    peerFingerprint: fingerprint,
    exporterSecret,
  });
}

/**
 * Tries the addresses in order, the next one when the last has failed or takes long; the first that
 * answers wins and the others are given up. What a host said tells more than that one was silent.
 */
export async function dialFirst(addresses: readonly string[], target: Target): Promise<Dialed> {
  const attempts: Promise<Dialed>[] = [];
  let isAnswered = false;
  for (const address of addresses) {
    const attempt = dial({ ...target, address });
    attempts.push(attempt);
    attempt.then(
      () => {
        isAnswered = true;
      },
      () => {},
    );
    await settledWithin(attempt, staggerMs);
    if (isAnswered) break;
  }
  try {
    const first = await Promise.any(attempts);
    for (const attempt of attempts) void giveUp(attempt, first);
    return first;
  } catch (thrown) {
    const errors = (thrown as AggregateError).errors as PfError[];
    throw errors.find(({ code }) => code !== "PF_HOST_UNREACHABLE") ?? errors[0];
  }
}

async function giveUp(attempt: Promise<Dialed>, winner: Dialed): Promise<void> {
  const dialed = await attempt.catch(() => winner);
  if (dialed !== winner) await dialed.abandon("done");
}
