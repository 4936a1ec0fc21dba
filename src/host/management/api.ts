/**
 * The API over HTTP, made of the table of routes (src/wire/management/routes.ts): each request is
 * checked for where it comes from, who sends it and what it says before its handler sees it, and
 * each answer against its schema before it leaves.
 */
import { type Context, Hono } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import type { z } from "zod";
import {
  type Access,
  apiPrefix,
  type Route,
  type RouteName,
  routes,
  type SpeedTest,
} from "../../wire/management.ts";
import { readWithin } from "./body.ts";
import { eventStream } from "./event-stream.ts";
import { ApiFailure, failureOf } from "./failure.ts";
import { expectOwnPage, expectOwnSite } from "./guard.ts";
import {
  type Asked,
  type Handlers,
  handlersOf,
  numberOf,
  type Parts,
  statusOf,
} from "./handlers.ts";
import { metricsPage } from "./metrics.ts";
import { type Credentials, cookieName, type Identity } from "./sign-in.ts";
import type { Watchers } from "./watch.ts";

/** A file of the operator's page. */
export interface Asset {
  readonly body: Uint8Array<ArrayBuffer> | string;
  readonly type: string;
  readonly etag: string;
}

export interface ApiOptions {
  readonly parts: Parts;
  readonly watchers: Watchers;
  /** The page's files by path; undefined = there is no page. */
  readonly assets: (() => Promise<ReadonlyMap<string, Asset>>) | undefined;
  /** Addresses by which this is reached beside the machine's own. */
  readonly bound: readonly string[];
  readonly onError: (error: unknown) => void;
}

/** What Bun's server gives with each request. */
interface Bindings {
  readonly requestIP: (request: Request) => { readonly address: string } | null;
  readonly timeout: (request: Request, seconds: number) => void;
}
type Env = { Bindings: Bindings };

const watchersMax = 16;

const headers: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
};

export function makeApi(options: ApiOptions): Hono<Env> {
  const { parts, assets, bound, onError } = options;
  const app = new Hono<Env>();
  app.use(async (context, next) => {
    for (const [name, value] of Object.entries(headers)) context.header(name, value);
    context.header("cache-control", "no-store");
    expectOwnSite(context.req.raw, bound);
    await next();
  });
  const handlers = handlersOf(parts);
  for (const name of Object.keys(routes) as RouteName[]) {
    const route: Route = routes[name];
    app.on(route.method, `${apiPrefix}${route.path}`, async (context) => {
      const identity = admit(context, parts, route.access);
      if (route.answer === "stream") return openStream(name, context, options, identity);
      return answer(name as keyof Handlers, context, { handlers, identity });
    });
  }
  app.get("/metrics", (context) => {
    admit(context, parts, "manager");
    const page = metricsPage(statusOf(parts), parts.sampler.sessions());
    return context.body(page, 200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  });
  if (assets !== undefined) {
    app.get("*", async (context, next) => {
      const asset = (await assets()).get(context.req.path);
      if (asset === undefined) return next();
      context.header("cache-control", "no-cache");
      context.header("etag", asset.etag);
      if (context.req.header("if-none-match") === asset.etag) return context.body(null, 304);
      return context.body(asset.body, 200, { "content-type": asset.type });
    });
  }
  app.notFound((context) => {
    const isKnown = Object.values(routes).some(({ path }) => matches(path, context.req.path));
    const failure = isKnown
      ? new ApiFailure("method-not-allowed", "This resource does not know that method.")
      : new ApiFailure("not-found", "There is nothing here.");
    return context.json(failure.body, failure.status as 404);
  });
  app.onError((thrown, context) => {
    const failure = failureOf(thrown);
    if (failure.code === "internal") onError(thrown);
    if (failure.retryAfter !== undefined) {
      context.header("retry-after", String(failure.retryAfter));
    }
    return context.json(failure.body, failure.status as 400);
  });
  return app;
}

function matches(path: string, asked: string): boolean {
  const pattern = path.replaceAll(/:\w+/g, "[\\w-]+");
  return new RegExp(`^${apiPrefix}${pattern}$`).test(asked);
}

function credentialsOf(context: Context<Env>): Credentials {
  const bearer = /^Bearer ([\w-]{1,128})$/i.exec(context.req.header("authorization") ?? "")?.[1];
  const isOther = context.req.header("authorization") !== undefined && bearer === undefined;
  // The prefix that the cookie's name has is hono's to check.
  return { bearer: isOther ? "" : bearer, cookie: getCookie(context, cookieName) };
}

/** Who asks, if they may. Throws the failure. */
function admit(context: Context<Env>, { signIn }: Parts, access: Access): Identity | undefined {
  const credentials = credentialsOf(context);
  const identity = signIn.identify(credentials);
  // Also for signing in: else another site's page could sign a browser in as somebody else.
  if (credentials.bearer === undefined) expectOwnPage(context.req.raw);
  if (access === "anyone") return identity;
  if (identity === undefined) {
    throw new ApiFailure("unauthenticated", "Sign in, or send the token of this host.");
  }
  if (access === "owner" && identity.role !== "owner") {
    throw new ApiFailure("forbidden", "Only who has this host's token may do that.");
  }
  return identity;
}

async function answer<Name extends keyof Handlers>(
  name: Name,
  context: Context<Env>,
  { handlers, identity }: { handlers: Handlers; identity: Identity | undefined },
): Promise<Response> {
  const route: Route = routes[name];
  const asked: Asked<Name> = {
    id: idOf(context),
    body: (route.body === null ? undefined : await bodyOf(context, route.body)) as never,
    query: (route.query === null
      ? undefined
      : checked(route.query, context.req.query(), "The query")) as never,
    identity,
    address: context.env.requestIP(context.req.raw)?.address ?? "unknown",
    cookie: getCookie(context, cookieName),
    setCookie: (value) => {
      const attributes = { path: "/", secure: true, httpOnly: true, sameSite: "Strict" } as const;
      if (value === null) deleteCookie(context, cookieName, attributes);
      else setCookie(context, cookieName, value, attributes);
    },
  };
  const result = await handlers[name](asked as never);
  if (route.answer === null || route.answer === "stream") return context.body(null, 204);
  return context.json(route.answer.parse(result) as object);
}

const idOf = (context: Context<Env>): string => {
  const id = context.req.param("id") ?? "";
  if (id !== "" && !/^[\w-]{1,64}$/.test(id)) {
    throw new ApiFailure("not-found", "There is no such thing.");
  }
  return id;
};

async function bodyOf(context: Context<Env>, schema: z.ZodType): Promise<unknown> {
  const type = context.req.header("content-type") ?? "";
  if (!/^application\/json(;|$)/i.test(type)) {
    throw new ApiFailure("unsupported-type", "The body has to be application/json.");
  }
  const text = await readWithin(context.req.raw);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ApiFailure("invalid", "The body is not JSON.");
  }
  return checked(schema, value, "The body");
}

function checked(schema: z.ZodType, value: unknown, what: string): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.map(String).join(".") ?? "";
  const place = where === "" ? what : `${what}'s ${where}`;
  throw new ApiFailure("invalid", `${place} is not as documented: ${issue?.message ?? ""}.`);
}

function openStream(
  name: RouteName,
  context: Context<Env>,
  { parts, watchers }: ApiOptions,
  identity: Identity | undefined,
): Response {
  if (watchers.count >= watchersMax) {
    throw new ApiFailure("too-many", `${watchersMax} streams of events are open already.`, 10);
  }
  const test = name === "speedTestEvents" ? parts.tests.get(numberOf(idOf(context))) : undefined;
  const credentials = credentialsOf(context);
  const mayGoOn = () => parts.signIn.identify(credentials)?.role === identity?.role;
  // Nothing may come for longer than a request may be idle.
  context.env.timeout(context.req.raw, 0);
  const body = eventStream((watcher) => {
    if (test === undefined) return watchers.add(watcher);
    const tell = (now: SpeedTest) => {
      watcher.send("speedTest", now);
      if (now.state !== "running") watcher.close();
    };
    const stop = parts.tests.subscribe((each) => each.id === test.id && tell(each));
    tell(test);
    return stop;
  }, mayGoOn);
  return context.body(body, 200, { "content-type": "text/event-stream" });
}
