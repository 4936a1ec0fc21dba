/** Calls of the management API by the names of its table. */
import type {
  AnswerOf,
  apiPrefix,
  csrfHeader,
  ErrorBody,
  ErrorCode,
  RouteName,
  routes,
  SentBodyOf,
} from "../../wire/management.ts";

/*
 * The table itself brings the schemas along, whose library is heavier than this whole page. So
 * what is needed of it is repeated here, and the compiler holds it to the table.
 */
export const prefix: typeof apiPrefix = "/api/v1";
const header: typeof csrfHeader = "x-punktfunk";

const calls = {
  approve: ["POST", "/pending/:id/approve"],
  arm: ["POST", "/pairing"],
  changeDevice: ["PATCH", "/devices/:id"],
  changeSettings: ["PATCH", "/settings"],
  deny: ["POST", "/pending/:id/deny"],
  disarm: ["DELETE", "/pairing"],
  displays: ["GET", "/displays"],
  kick: ["DELETE", "/sessions/:id"],
  login: ["POST", "/login"],
  logout: ["POST", "/logout"],
  logs: ["GET", "/logs"],
  removePassword: ["DELETE", "/password"],
  revoke: ["DELETE", "/devices/:id"],
  setPassword: ["PUT", "/password"],
  signedIn: ["GET", "/login"],
  speedTest: ["GET", "/speed-tests/:id"],
  startSpeedTest: ["POST", "/speed-tests"],
  stopSpeedTest: ["DELETE", "/speed-tests/:id"],
} as const satisfies {
  readonly [Name in RouteName]?: readonly [
    (typeof routes)[Name]["method"],
    (typeof routes)[Name]["path"],
  ];
};
type Call = keyof typeof calls;

interface Given<Name extends Call> {
  readonly id?: string | number;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly body?: SentBodyOf<Name>;
}

/** What the host said instead of doing it; the message is a sentence for people. */
export class ApiError extends Error {
  constructor(
    readonly code: ErrorCode | "unreachable",
    message: string,
  ) {
    super(message);
  }
}

const tokenKey = "punktfunk-token";

/** How this page proves who asks: the cookie, which it can't see, or a token kept for this tab. */
export const token = {
  get: (): string | null => sessionStorage.getItem(tokenKey),
  set(value: string | null): void {
    if (value === null) sessionStorage.removeItem(tokenKey);
    else sessionStorage.setItem(tokenKey, value);
  },
};

let signedOut: () => void = () => {};
/** @param listener called when the host no longer knows who asks */
export function onSignedOut(listener: () => void): void {
  signedOut = listener;
}

/** Throws an ApiError. */
export async function call<Name extends Call>(
  name: Name,
  { id, query, body }: Given<Name> = {},
): Promise<AnswerOf<Name>> {
  const [method, path] = calls[name];
  const filled = path.replace(":id", encodeURIComponent(id ?? ""));
  const search = query === undefined ? "" : `?${new URLSearchParams(stringified(query))}`;
  const response = await request(`${prefix}${filled}${search}`, {
    method,
    headers: {
      ...(method === "GET" ? {} : { [header]: "1" }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    body: body === undefined ? null : JSON.stringify(body),
  });
  return (response.status === 204 ? undefined : await response.json()) as AnswerOf<Name>;
}

/** Fetches with what proves who asks. Throws an ApiError unless the answer is a success. */
export async function request(path: string, init: RequestInit): Promise<Response> {
  const bearer = token.get();
  const headers = {
    ...init.headers,
    ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
  };
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers, cache: "no-store" });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError("unreachable", "The host does not answer. Is it still running?");
  }
  noteTime(response);
  if (response.ok) return response;
  const error = await errorOf(response);
  if (error.code === "unauthenticated") signedOut();
  throw error;
}

async function errorOf(response: Response): Promise<ApiError> {
  try {
    const { error } = (await response.json()) as ErrorBody;
    return new ApiError(error.code, error.message);
  } catch {
    return new ApiError("internal", `The host answered with status ${response.status}.`);
  }
}

const stringified = (query: Readonly<Record<string, string | number>>) =>
  Object.fromEntries(Object.entries(query).map(([name, value]) => [name, String(value)]));

let aheadMs = 0;

function noteTime(response: Response): void {
  const date = Date.parse(response.headers.get("date") ?? "");
  if (Number.isNaN(date)) return;
  // The header knows whole seconds only, so less than two apart is not told from none.
  const difference = date + 500 - Date.now();
  aheadMs = Math.abs(difference) < 2000 ? 0 : difference;
}

/** Now by the host's clock, so that a wrong clock here does not bend what is left of a time. */
export const hostNow = (): number => Date.now() + aheadMs;

/** The sentence to show for whatever was thrown. */
export function sentenceOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
