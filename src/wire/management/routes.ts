/**
 * The management API's resources: one table from which the server takes its routes and checks, the
 * clients their calls, and docs/openapi.json its paths.
 */
import { z } from "zod";
import * as schemas from "./schemas.ts";

/** In front of every path of the table. */
export const apiPrefix = "/api/v1";
/** Where the API listens unless told otherwise (TCP). */
export const managementPortDefault = 9779;
/**
 * What a page sends with each request that changes something: no form and no other site's page can
 * set it. A client with a bearer token needs none.
 */
export const csrfHeader = "x-punktfunk";

/**
 * Who may ask. `anyone`: also who has not signed in; `manager`: who may manage this host; `owner`:
 * who can read its token.
 */
export type Access = "anyone" | "manager" | "owner";

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Below the prefix; `:id` is a word of letters, digits, - and _. */
  readonly path: string;
  readonly access: Access;
  readonly summary: string;
  readonly body: z.ZodType | null;
  readonly query: z.ZodType | null;
  /** null: no content (204). `stream`: server-sent events. */
  readonly answer: z.ZodType | "stream" | null;
}

function route<
  const Method extends Route["method"],
  const Path extends string,
  Body extends z.ZodType | null = null,
  Query extends z.ZodType | null = null,
  Answer extends z.ZodType | "stream" | null = null,
>(
  method: Method,
  path: Path,
  summary: string,
  rest: { access?: Access; body?: Body; query?: Query; answer?: Answer } = {},
) {
  return {
    method,
    path,
    summary,
    access: rest.access ?? ("manager" as Access),
    body: (rest.body ?? null) as Body,
    query: (rest.query ?? null) as Query,
    answer: (rest.answer ?? null) as Answer,
  };
}

const logQuery = z.object({
  after: z.coerce.number().int().min(0).default(0).describe("only lines of a later sequence"),
  limit: z.coerce.number().int().min(1).max(1000).default(1000).describe("the newest so many"),
});

export const routes = {
  status: route("GET", "/status", "The host and its counts", { answer: schemas.statusSchema }),
  sessions: route("GET", "/sessions", "Sessions and their live figures", {
    answer: schemas.listSchemas.sessions,
  }),
  why: route("GET", "/sessions/:id/why", "Where its time and frames go, and what would help", {
    answer: schemas.whySchema,
  }),
  kick: route("DELETE", "/sessions/:id", "End a session"),
  devices: route("GET", "/devices", "Paired devices", { answer: schemas.listSchemas.devices }),
  changeDevice: route("PATCH", "/devices/:id", "Rename a device, change its level or expiry", {
    body: schemas.deviceChangeSchema,
    answer: schemas.deviceSchema,
  }),
  revoke: route("DELETE", "/devices/:id", "Forget a device; its session ends at once"),
  pending: route("GET", "/pending", "Devices that wait for approval", {
    answer: schemas.listSchemas.pending,
  }),
  approve: route("POST", "/pending/:id/approve", "Pair a device that waits", {
    body: schemas.approvalSchema,
    answer: schemas.deviceSchema,
  }),
  deny: route("POST", "/pending/:id/deny", "Send a device that waits away"),
  pairing: route("GET", "/pairing", "The pairing window", { answer: schemas.pairingSchema }),
  arm: route("POST", "/pairing", "Arm a pairing window with a new PIN", {
    body: schemas.armingSchema,
    answer: schemas.pairingSchema,
  }),
  disarm: route("DELETE", "/pairing", "Close the pairing window"),
  displays: route(
    "GET",
    "/displays",
    "The desktops that this host can stream, and why not others",
    {
      answer: schemas.listSchemas.displays,
    },
  ),
  settings: route("GET", "/settings", "Settings in force", { answer: schemas.settingsSchema }),
  changeSettings: route("PATCH", "/settings", "Change settings, now and for later starts", {
    body: schemas.settingsChangeSchema,
    answer: schemas.settingsSchema,
  }),
  startSpeedTest: route("POST", "/speed-tests", "Test the path to a connected client", {
    body: schemas.speedTestRequestSchema,
    answer: schemas.speedTestSchema,
  }),
  speedTest: route("GET", "/speed-tests/:id", "A speed test of late", {
    answer: schemas.speedTestSchema,
  }),
  stopSpeedTest: route("DELETE", "/speed-tests/:id", "Stop a speed test"),
  speedTestEvents: route("GET", "/speed-tests/:id/events", "Its progress until it ends", {
    answer: "stream",
  }),
  logs: route("GET", "/logs", "The last 1,000 lines of the log", {
    query: logQuery,
    answer: schemas.listSchemas.logs,
  }),
  events: route("GET", "/events", "Everything that changes, as it changes", { answer: "stream" }),
  signedIn: route("GET", "/login", "Who is signed in", {
    access: "anyone",
    answer: schemas.signedInSchema,
  }),
  login: route("POST", "/login", "Sign in by password; the answer sets a cookie", {
    access: "anyone",
    body: schemas.loginSchema,
    answer: schemas.signedInSchema,
  }),
  logout: route("POST", "/logout", "Forget the cookie's session", { access: "anyone" }),
  challenge: route("POST", "/login/challenge", "A nonce for a paired device to sign", {
    access: "anyone",
    answer: schemas.challengeSchema,
  }),
  deviceLogin: route("POST", "/login/device", "A token for a paired device that may manage", {
    access: "anyone",
    body: schemas.deviceLoginSchema,
    answer: schemas.grantSchema,
  }),
  setPassword: route("PUT", "/password", "Set the password; whoever signed in by it is out", {
    access: "owner",
    body: schemas.passwordSchema,
  }),
  removePassword: route("DELETE", "/password", "Let nobody sign in by password", {
    access: "owner",
  }),
  openapi: route("GET", "/openapi.json", "This API's description", {
    access: "anyone",
    answer: z.record(z.string(), z.unknown()),
  }),
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routes;
type Output<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

/** What a route's body is after its check, what a client may send, and what comes back. */
export type BodyOf<Name extends RouteName> = Output<(typeof routes)[Name]["body"]>;
export type QueryOf<Name extends RouteName> = Output<(typeof routes)[Name]["query"]>;
export type AnswerOf<Name extends RouteName> = Output<(typeof routes)[Name]["answer"]>;
export type SentBodyOf<Name extends RouteName> = (typeof routes)[Name]["body"] extends z.ZodType
  ? z.input<(typeof routes)[Name]["body"]>
  : undefined;
