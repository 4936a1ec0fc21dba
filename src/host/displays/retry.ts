/**
 * Whether what failed is worth another try, when, and how often. A compositor that is starting, that
 * is held up for a moment or that restarts its PipeWire is there a moment later (transient); one
 * that lacks a protocol, refuses the mode or is not installed is not (permanent), and asking again
 * would only keep a person waiting for the sentence that says so.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { PfError, type PfErrorCode, toPfError } from "../../base/errors.ts";

export type Fault = "transient" | "permanent";

export interface RetryPolicy {
  /** Tries, the first one counted. */
  readonly attemptsMax: number;
  /** Before the second try; each further one waits `factor` times as long, up to `delayMsMax`. */
  readonly delayMsFirst: number;
  readonly factor: number;
  readonly delayMsMax: number;
  /** No try begins later than this after the first one began. */
  readonly totalMsMax: number;
}

/** For creating a display, to its first frame: a person waits, who sees nothing meanwhile. */
export const displayRetry: RetryPolicy = {
  attemptsMax: 5,
  // A socket that is bound but not yet listened on is served within a few hundredths of a second.
  delayMsFirst: 100,
  factor: 2,
  delayMsMax: 1500,
  totalMsMax: 8000,
};

export interface RetryProgress {
  /** Tries that have failed. */
  readonly attempts: number;
  /** Since the first one began. */
  readonly elapsedMs: number;
}

export type RetryStep =
  | { readonly kind: "again"; readonly afterMs: number }
  | { readonly kind: "stop"; readonly why: "permanent" | "attempts" | "time" };

/** What comes after a failure. Pure. */
export function nextStep(policy: RetryPolicy, progress: RetryProgress, fault: Fault): RetryStep {
  if (fault === "permanent") return { kind: "stop", why: "permanent" };
  if (progress.attempts >= policy.attemptsMax) return { kind: "stop", why: "attempts" };
  const afterMs = delayMs(policy, progress.attempts);
  const isLate = progress.elapsedMs + afterMs > policy.totalMsMax;
  return isLate ? { kind: "stop", why: "time" } : { kind: "again", afterMs };
}

/** The wait after so many failures. */
export function delayMs(policy: RetryPolicy, attempts: number): number {
  const grown = policy.delayMsFirst * policy.factor ** Math.max(0, attempts - 1);
  return Math.min(grown, policy.delayMsMax);
}

/** Codes that always mean the same, whatever is behind them. */
const faultByCode: Partial<Record<PfErrorCode, Fault>> = {
  PF_USAGE: "permanent",
  PF_MODE_INVALID: "permanent",
  PF_MODE_REFUSED: "permanent",
  PF_LIBRARY_MISSING: "permanent",
  PF_LIBRARY_STALE: "permanent",
  PF_ENCODER_MISSING: "permanent",
  PF_ENCODER_FAILED: "permanent",
  PF_STATE_INVALID: "permanent",
  PF_INTERRUPTED: "permanent",
};

/**
 * What is known as a cause, by its name: the system's (a socket that nobody listens on yet), the
 * native code's, and the bus's. What has no name is taken by the error's code.
 */
const faultByCause: Readonly<Record<string, Fault>> = {
  ENOENT: "transient",
  ECONNREFUSED: "transient",
  ECONNRESET: "transient",
  EPIPE: "transient",
  EAGAIN: "transient",
  EBUSY: "transient",
  ETIMEDOUT: "transient",
  EACCES: "permanent",
  EPERM: "permanent",
  PF_E_CLOSED: "transient",
  PF_E_SYSTEM: "transient",
  PF_E_FULL: "transient",
  PF_E_LIBRARY: "transient",
  PF_E_MEMORY: "permanent",
  PF_E_ARGUMENT: "permanent",
  PF_E_BOUNDS: "permanent",
  PF_E_STATE: "permanent",
  PF_E_UNSUPPORTED: "permanent",
  PF_E_MISSING: "permanent",
  "org.freedesktop.DBus.Error.NoReply": "transient",
  "org.freedesktop.DBus.Error.Timeout": "transient",
  "org.freedesktop.DBus.Error.TimedOut": "transient",
  "org.freedesktop.DBus.Error.Disconnected": "transient",
  "org.freedesktop.DBus.Error.NoServer": "transient",
  "org.freedesktop.DBus.Error.LimitsExceeded": "transient",
  "org.freedesktop.DBus.Error.NameHasNoOwner": "transient",
  "org.freedesktop.DBus.Error.Failed": "transient",
  "org.freedesktop.DBus.Error.ServiceUnknown": "permanent",
  "org.freedesktop.DBus.Error.AccessDenied": "permanent",
  "org.freedesktop.DBus.Error.InvalidArgs": "permanent",
  "org.freedesktop.DBus.Error.NotSupported": "permanent",
  "org.freedesktop.DBus.Error.UnknownInterface": "permanent",
  "org.freedesktop.DBus.Error.UnknownMethod": "permanent",
  "org.freedesktop.DBus.Error.UnknownObject": "transient",
};

/** A source that failed for a reason without a name may work the next time; what is not there won't. */
const faultWithoutCause: Partial<Record<PfErrorCode, Fault>> = {
  PF_SOURCE_FAILED: "transient",
  PF_INPUT_FAILED: "transient",
  PF_AUDIO_FAILED: "transient",
  PF_NATIVE_FAILED: "transient",
};

/** Pure. */
export function faultOf(thrown: unknown): Fault {
  const error = toPfError(thrown);
  const byCode = faultByCode[error.code];
  if (byCode !== undefined) return byCode;
  const byCause = causeNames(error).map((name) => faultByCause[name]);
  return (
    byCause.find((fault) => fault !== undefined) ?? faultWithoutCause[error.code] ?? "permanent"
  );
}

const causesMax = 5;

/** The names in the chain of causes, the nearest first. */
function causeNames(error: PfError): string[] {
  const names: string[] = [];
  let cause: unknown = error.cause;
  for (let depth = 0; cause !== undefined && cause !== null && depth < causesMax; depth++) {
    if (typeof cause === "string") return [...names, cause];
    const { code, name, type, cause: deeper } = cause as Record<string, unknown>;
    for (const one of [code, type, name]) if (typeof one === "string") names.push(one);
    cause = deeper;
  }
  return names;
}

export interface RetryOptions {
  readonly policy?: RetryPolicy;
  /** Ends the waiting; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Another try will be made. */
  readonly onRetry?: (error: PfError, next: { attempt: number; afterMs: number }) => void;
}

/**
 * Runs until it succeeds, fails for good, or the policy is used up. `run` must leave nothing behind
 * when it throws. Throws its last error, and says how often it was tried.
 */
export async function retrying<Result>(
  run: (attempt: number) => Promise<Result>,
  { policy = displayRetry, signal, onRetry }: RetryOptions = {},
): Promise<Result> {
  const beganAt = performance.now();
  for (let attempts = 1; ; attempts++) {
    signal?.throwIfAborted();
    try {
      return await run(attempts);
    } catch (thrown) {
      signal?.throwIfAborted();
      const elapsedMs = performance.now() - beganAt;
      const step = nextStep(policy, { attempts, elapsedMs }, faultOf(thrown));
      if (step.kind === "stop")
        throw attempts === 1 ? thrown : triedOften(thrown, attempts, elapsedMs);
      onRetry?.(toPfError(thrown), { attempt: attempts + 1, afterMs: step.afterMs });
      await sleep(step.afterMs, undefined, signal === undefined ? {} : { signal }).catch(() => {});
    }
  }
}

function triedOften(thrown: unknown, attempts: number, elapsedMs: number): PfError {
  const error = toPfError(thrown);
  const seconds = (elapsedMs / 1000).toFixed(1);
  const message = `${error.message} It was tried ${attempts} times in ${seconds} s.`;
  const hint = error.hint === undefined ? {} : { hint: error.hint };
  return new PfError(error.code, message, { ...hint, cause: error });
}
