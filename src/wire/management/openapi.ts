/**
 * docs/openapi.json, written from the tables beside this file: `bun src/wire/management/openapi.ts`
 * writes it, `--check` fails when writing would change it.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { z } from "zod";
import manifest from "../../../package.json" with { type: "json" };
import { apiPrefix, csrfHeader, type Route, routes } from "./routes.ts";
import { errorCodes, errorSchema, eventSchemas } from "./schemas.ts";

type Json = Record<string, unknown>;

/** Schemas that have a name, once each; others stand where they are used. */
class Components {
  readonly schemas: Json = {};

  /** @param io whether a client sends it or receives it */
  refer(schema: z.ZodType, io: "input" | "output"): Json {
    const whole = z.toJSONSchema(schema, { io, target: "draft-2020-12" }) as Json;
    const { $schema: _, $defs, ...body } = whole;
    for (const [name, each] of Object.entries(($defs ?? {}) as Json)) {
      this.schemas[name] = moved(each as Json);
    }
    const name = schema.meta()?.id;
    if (name === undefined) return moved(body);
    // A schema that others name too stands among the definitions already.
    if (body["$ref"] === undefined) this.schemas[name] = moved(body);
    return { $ref: `#/components/schemas/${name}` };
  }
}

/** As OpenAPI has it: its own references, no ids repeated, no patterns that a format implies. */
function moved(schema: Json): Json {
  const text = JSON.stringify(schema, function (this: Json, key, value) {
    const isRepeated = key === "id" && typeof value === "string";
    const isImplied = key === "pattern" && this["format"] !== undefined;
    return isRepeated || isImplied ? undefined : value;
  });
  return JSON.parse(text.replaceAll("#/$defs/", "#/components/schemas/")) as Json;
}

const jsonContent = (schema: Json) => ({ "application/json": { schema } });

function responsesOf({ answer, access, body, path, method }: Route, components: Components): Json {
  const codes: (keyof typeof errorCodes)[] = [
    ...(body !== null ? (["invalid", "too-large", "unsupported-type"] as const) : []),
    ...(access !== "anyone" ? (["unauthenticated"] as const) : []),
    ...(access === "owner" ? (["forbidden"] as const) : []),
    ...(method !== "GET" ? (["cross-site"] as const) : []),
    ...(path.includes(":id") ? (["not-found"] as const) : []),
    ...(path.startsWith("/login") && method === "POST" ? (["locked-out"] as const) : []),
  ];
  const failures: Record<string, string[]> = {};
  for (const code of codes) {
    const [status, meaning] = errorCodes[code];
    failures[status] = [...(failures[status] ?? []), `${code}: ${meaning}`];
  }
  const error = components.refer(errorSchema, "output");
  return {
    ...(answer === null
      ? { 204: { description: "done" } }
      : answer === "stream"
        ? { 200: { description: "server-sent events", content: { "text/event-stream": {} } } }
        : {
            200: { description: "done", content: jsonContent(components.refer(answer, "output")) },
          }),
    ...Object.fromEntries(
      Object.entries(failures).map(([status, words]) => [
        status,
        { description: words.join("; "), content: jsonContent(error) },
      ]),
    ),
  };
}

function parametersOf({ path, query }: Route): Json[] {
  const id = { name: "id", in: "path", required: true, schema: { type: "string" } };
  const schema = query === null ? {} : (z.toJSONSchema(query, { io: "input" }) as Json);
  const named = Object.entries((schema["properties"] ?? {}) as Record<string, Json>);
  return [
    ...(path.includes(":id") ? [id] : []),
    ...named.map(([name, each]) => ({ name, in: "query", required: false, schema: each })),
  ];
}

const security = [{ token: [] }, { cookie: [] }];

function operation(name: string, route: Route, components: Components): Json {
  const parameters = parametersOf(route);
  return {
    operationId: name,
    summary: route.summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.body === null
      ? {}
      : {
          requestBody: {
            required: true,
            content: jsonContent(components.refer(route.body, "input")),
          },
        }),
    security: route.access === "anyone" ? [] : security,
    responses: responsesOf(route, components),
  };
}

/** The document as an object. */
export function openapi(): Json {
  const components = new Components();
  const paths: Record<string, Json> = {};
  for (const [name, route] of Object.entries(routes) as [string, Route][]) {
    const path = apiPrefix + route.path.replace(":id", "{id}");
    paths[path] = {
      ...paths[path],
      [route.method.toLowerCase()]: operation(name, route, components),
    };
  }
  paths["/metrics"] = {
    get: {
      operationId: "metrics",
      summary: "Figures for Prometheus",
      security,
      responses: { 200: { description: "done", content: { "text/plain": {} } } },
    },
  };
  const events = Object.entries(eventSchemas).map(([name, schema]) => [
    name,
    components.refer(schema, "output"),
  ]);
  return {
    openapi: "3.1.0",
    info: {
      title: "punktfunk management",
      version: manifest.version,
      license: { name: manifest.license },
      description:
        "HTTPS on the host's own certificate; clients pin its fingerprint. A page that signed in " +
        `by password sends the header ${csrfHeader} with each request that changes something.`,
    },
    paths,
    "x-events": Object.fromEntries(events),
    components: {
      securitySchemes: {
        token: { type: "http", scheme: "bearer" },
        cookie: { type: "apiKey", in: "cookie", name: "__Host-punktfunk" },
      },
      schemas: Object.fromEntries(
        Object.entries(components.schemas).sort(([a], [b]) => (a < b ? -1 : 1)),
      ),
    },
  };
}

if (import.meta.main) {
  const path = new URL("../../../docs/openapi.json", import.meta.url).pathname;
  const text = `${JSON.stringify(openapi(), null, 2)}\n`;
  let current = "";
  try {
    current = readFileSync(path, "utf8");
  } catch {}
  if (current !== text && process.argv.includes("--check")) {
    console.error(`${path} is not up to date: run npm run generate`);
    process.exit(1);
  }
  if (current !== text) writeFileSync(path, text);
}
