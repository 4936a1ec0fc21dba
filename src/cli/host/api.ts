/**
 * A host's management API, by the table of its routes: calls whose bodies and answers have the
 * types and pass the checks of the contract, and what changes as it changes.
 */
import type { z } from "zod";
import { PfError, type PfErrorCode } from "../../base/errors.ts";
import type { Secret } from "../../base/secret.ts";
import {
  type AnswerOf,
  apiPrefix,
  csrfHeader,
  type ErrorCode,
  type EventName,
  type EventOf,
  errorSchema,
  eventSchemas,
  type QueryOf,
  type RouteName,
  routes,
  type SentBodyOf,
} from "../../wire/management.ts";
import type { PinnedFetch } from "./pinned.ts";
import { readServerEvents } from "./server-events.ts";

export interface Given<Name extends RouteName> {
  /** For `:id` in the route's path. */
  readonly id?: string | number;
  readonly body?: SentBodyOf<Name>;
  readonly query?: Partial<QueryOf<Name>>;
}

export type HostEvent = {
  [Name in EventName]: { readonly name: Name; readonly data: EventOf<Name> };
}[EventName];

export interface HostApiOptions {
  readonly request: PinnedFetch;
  /** Bearer token; undefined = what anyone may ask. */
  readonly token: Secret<string> | undefined;
  readonly signal: AbortSignal;
  /** What to do when the host does not take the token. */
  readonly unauthenticatedHint: string;
}

/** argon2 and a change of the compositor take the host a second or two. */
const answerMsMax = 20_000;

export class HostApi {
  readonly #options: HostApiOptions;

  constructor(options: HostApiOptions) {
    this.#options = options;
  }

  /** Throws what the host answered as PfError, PF_PEER_LOST when it has gone. */
  async call<Name extends RouteName>(name: Name, given: Given<Name> = {}): Promise<AnswerOf<Name>> {
    const route = routes[name];
    const response = await this.#send(route.method, pathOf(name, given), given.body);
    if (route.answer === null) {
      await response.body?.cancel();
      return undefined as AnswerOf<Name>;
    }
    const value: unknown = await this.#lossless(() => response.json());
    return checked(route.answer as z.ZodType, value) as AnswerOf<Name>;
  }

  /** Resolves when the stream is open; it ends with PF_PEER_LOST, or quietly by the signal. */
  async events(): Promise<AsyncGenerator<HostEvent, void>> {
    const { method, path } = routes.events;
    const response = await this.#send(method, path, undefined);
    return this.#read(response);
  }

  async *#read(response: Response): AsyncGenerator<HostEvent, void> {
    const { signal } = this.#options;
    try {
      for await (const { name, data } of readServerEvents(response.body ?? emptyStream())) {
        // A later version may tell of more.
        if (!Object.hasOwn(eventSchemas, name)) continue;
        const schema = eventSchemas[name as EventName];
        yield { name, data: checked(schema, JSON.parse(data)) } as HostEvent;
      }
    } catch (thrown) {
      if (signal.aborted) return;
      if (thrown instanceof PfError) throw thrown;
    }
    if (!signal.aborted) throw gone();
  }

  async #send(method: string, path: string, body: unknown): Promise<Response> {
    const { request, token, signal } = this.#options;
    const slow = new AbortController();
    const timer = setTimeout(() => slow.abort(), answerMsMax);
    const headers: Record<string, string> = {
      accept: "application/json, text/event-stream",
      // A call without a token needs it.
      [csrfHeader]: "1",
    };
    if (token !== undefined) headers["authorization"] = `Bearer ${token.reveal()}`;
    if (body !== undefined) headers["content-type"] = "application/json";
    try {
      const response = await this.#lossless(() =>
        request(`${apiPrefix}${path}`, {
          method,
          headers,
          body: body === undefined ? null : JSON.stringify(body),
          signal: AbortSignal.any([signal, slow.signal]),
        }),
      );
      if (!response.ok) throw await this.#refusal(response);
      return response;
    } finally {
      clearTimeout(timer);
    }
  }

  async #lossless<Result>(work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (thrown) {
      if (this.#options.signal.aborted) {
        throw new PfError("PF_INTERRUPTED", "The host's answer was not waited for.");
      }
      throw gone(thrown);
    }
  }

  async #refusal(response: Response): Promise<PfError> {
    const body = errorSchema.safeParse(await response.json().catch(() => undefined));
    if (!body.success) return notUnderstood(`status ${response.status}`);
    const { code, message } = body.data.error;
    const hint = code === "unauthenticated" ? this.#options.unauthenticatedHint : hints[code];
    return new PfError(errorCodeOf[code], message, hint === undefined ? {} : { hint });
  }
}

/** What an answer of the API means here. */
const errorCodeOf: Readonly<Record<ErrorCode, PfErrorCode>> = {
  invalid: "PF_USAGE",
  unauthenticated: "PF_HOST_REFUSED",
  "wrong-password": "PF_HOST_REFUSED",
  forbidden: "PF_HOST_REFUSED",
  "cross-site": "PF_HOST_REFUSED",
  "not-found": "PF_USAGE",
  "method-not-allowed": "PF_PROTOCOL_VERSION",
  timeout: "PF_HOST_BUSY",
  conflict: "PF_HOST_REFUSED",
  "password-unset": "PF_HOST_REFUSED",
  "too-large": "PF_USAGE",
  "unsupported-type": "PF_PROTOCOL_VERSION",
  "locked-out": "PF_HOST_BUSY",
  "too-many": "PF_HOST_BUSY",
  internal: "PF_HOST_REFUSED",
  unavailable: "PF_HOST_REFUSED",
};

const hints: Partial<Record<ErrorCode, string>> = {
  forbidden: "Ask on the host itself, as the user who runs it.",
  "method-not-allowed": "Install the same version of punktfunk on both machines.",
  "unsupported-type": "Install the same version of punktfunk on both machines.",
  "locked-out": "Try again later.",
  "too-many": "Try again later.",
  internal: "See punktfunk host logs.",
};

function pathOf<Name extends RouteName>(name: Name, given: Given<Name>): string {
  const path = routes[name].path.replace(":id", encodeURIComponent(String(given.id ?? "")));
  const query = Object.entries(given.query ?? {}).map(([key, value]): [string, string] => [
    key,
    String(value),
  ]);
  return query.length === 0 ? path : `${path}?${new URLSearchParams(query)}`;
}

function checked(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw notUnderstood(`${issue?.path.map(String).join(".") ?? ""} ${issue?.message ?? ""}`.trim());
}

const notUnderstood = (what: string) =>
  new PfError("PF_PROTOCOL_VIOLATION", `The host's answer is not as documented: ${what}.`, {
    hint: "Install the same version of punktfunk on both machines.",
  });

const gone = (cause?: unknown) =>
  new PfError("PF_PEER_LOST", "The host ended, or can't be reached any more.", {
    hint: "See whether punktfunk serve still runs there.",
    cause,
  });

const emptyStream = () => new Response("").body as ReadableStream<Uint8Array>;
