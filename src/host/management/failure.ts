/** A request that the API does not serve, as the table of error codes has it. */
import { PfError } from "../../base/errors.ts";
import { type ErrorBody, type ErrorCode, errorCodes } from "../../wire/management.ts";

export class ApiFailure extends Error {
  override readonly name = "ApiFailure";
  readonly code: ErrorCode;
  /** Seconds after which another try is worth while. */
  readonly retryAfter: number | undefined;

  constructor(code: ErrorCode, message: string, retryAfter?: number) {
    super(message);
    this.code = code;
    this.retryAfter = retryAfter;
  }

  get status(): number {
    return errorCodes[this.code][0];
  }

  get body(): ErrorBody {
    return { error: { code: this.code, message: this.message.slice(0, 1024) } };
  }
}

/** Anything thrown as an answer; what was not expected is told without its inside. */
export function failureOf(thrown: unknown): ApiFailure {
  if (thrown instanceof ApiFailure) return thrown;
  if (!(thrown instanceof PfError)) {
    return new ApiFailure("internal", "An error inside the host; its log says more.");
  }
  switch (thrown.code) {
    case "PF_USAGE":
    case "PF_DISPLAY_MISSING":
      return new ApiFailure("invalid", thrown.sentence());
    case "PF_PEER_LOST":
    case "PF_HOST_BUSY":
      return new ApiFailure("conflict", thrown.sentence());
    default:
      return new ApiFailure("unavailable", thrown.sentence());
  }
}

export const notFound = (what: string) => new ApiFailure("not-found", `There is no ${what}.`);
