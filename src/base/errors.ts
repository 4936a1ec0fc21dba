/**
 * Every failure that a person can meet, in one place: a stable `PF_*` code, the exit code of the
 * command-line contract that it leads to, and (in the message) a sentence that says what to do.
 * Codes that travel to the peer are a different type: see src/wire/reasons.ts.
 */

/** Exit codes of every command. */
export const ExitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  noSuchHost: 3,
  fingerprintMismatch: 4,
  pairingRequired: 5,
  interrupted: 130,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

const exitCodeByErrorCode = {
  PF_USAGE: ExitCode.usage,
  PF_MODE_INVALID: ExitCode.usage,
  PF_HOST_UNKNOWN: ExitCode.noSuchHost,
  PF_HOST_UNREACHABLE: ExitCode.noSuchHost,
  PF_FINGERPRINT_MISMATCH: ExitCode.fingerprintMismatch,
  PF_FINGERPRINT_UNKNOWN: ExitCode.fingerprintMismatch,
  PF_PAIRING_REQUIRED: ExitCode.pairingRequired,
  PF_PAIRING_FAILED: ExitCode.failed,
  PF_INTERRUPTED: ExitCode.interrupted,
  PF_PROTOCOL_VERSION: ExitCode.failed,
  PF_PROTOCOL_VIOLATION: ExitCode.failed,
  PF_HOST_REFUSED: ExitCode.failed,
  PF_HOST_BUSY: ExitCode.failed,
  PF_PEER_LOST: ExitCode.failed,
  PF_SESSION_MISSING: ExitCode.failed,
  PF_PORT_TAKEN: ExitCode.failed,
  PF_STATE_INVALID: ExitCode.failed,
  PF_LIBRARY_MISSING: ExitCode.failed,
  PF_LIBRARY_STALE: ExitCode.failed,
  PF_ENCODER_MISSING: ExitCode.failed,
  PF_ENCODER_FAILED: ExitCode.failed,
  PF_DECODER_MISSING: ExitCode.failed,
  PF_DECODER_FAILED: ExitCode.failed,
  PF_SOURCE_MISSING: ExitCode.failed,
  PF_SOURCE_FAILED: ExitCode.failed,
  PF_DISPLAY_MISSING: ExitCode.failed,
  PF_PRESENT_FAILED: ExitCode.failed,
  PF_RECORD_FAILED: ExitCode.failed,
  PF_INPUT_FAILED: ExitCode.failed,
  PF_MODE_REFUSED: ExitCode.failed,
  PF_AUDIO_FAILED: ExitCode.failed,
  PF_FILE_UNWRITABLE: ExitCode.failed,
  PF_NATIVE_FAILED: ExitCode.failed,
  PF_INTERNAL: ExitCode.failed,
} as const satisfies Record<string, ExitCode>;

export type PfErrorCode = keyof typeof exitCodeByErrorCode;

export interface PfErrorOptions {
  /** What the person can do about it, as a sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** An expected failure. `message` says what happened, `hint` what to do next. */
export class PfError extends Error {
  override readonly name = "PfError";
  readonly code: PfErrorCode;
  readonly hint: string | undefined;

  constructor(code: PfErrorCode, message: string, options: PfErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
  }

  get exitCode(): ExitCode {
    return exitCodeByErrorCode[this.code];
  }

  /** The sentence for a person: what happened and what to do. */
  sentence(): string {
    return this.hint === undefined ? this.message : `${this.message} ${this.hint}`;
  }
}

/** Anything thrown, as a PfError: unexpected ones become PF_INTERNAL with their stack as cause. */
export function toPfError(thrown: unknown): PfError {
  if (thrown instanceof PfError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new PfError("PF_INTERNAL", `Internal error: ${message}.`, { cause: thrown });
}

/** A programmer's error: a condition that can't be false unless this program is wrong. */
export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${what}`);
}
