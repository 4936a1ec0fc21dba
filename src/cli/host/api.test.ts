import { expect, test } from "bun:test";
import { PfError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { type ErrorCode, errorCodes } from "../../wire/management.ts";
import { HostApi } from "./api.ts";
import { readServerEvents } from "./server-events.ts";

const streamOf = (...chunks: (string | Uint8Array)[]) =>
  new ReadableStream<Uint8Array>({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(Buffer.from(chunk as string));
      controller.close();
    },
  });

function answering(answer: () => Response, signal = new AbortController().signal) {
  const asked: { path: string; request: RequestInit }[] = [];
  const api = new HostApi({
    request: async (path, request) => {
      asked.push({ path, request });
      return answer();
    },
    token: new Secret("hidden"),
    signal,
    unauthenticatedHint: "Look at the file.",
  });
  return { api, asked };
}

const thrownBy = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error as PfError,
  );

test("a call goes to its route with its id, query and body", async () => {
  const { api, asked } = answering(() => Response.json({ lines: [] }));
  expect(await api.call("logs", { query: { limit: 3 } })).toEqual({ lines: [] });
  expect(asked[0]).toMatchObject({ path: "/api/v1/logs?limit=3", request: { method: "GET" } });
  const { api: other, asked: seen } = answering(() => new Response(null, { status: 204 }));
  await other.call("revoke", { id: "../settings" });
  expect(seen[0]?.path).toBe("/api/v1/devices/..%2Fsettings");
  expect(seen[0]?.request.headers).toMatchObject({ authorization: "Bearer hidden" });
  await other.call("setPassword", { body: { password: "12345678" } });
  expect(seen[1]?.request).toMatchObject({ method: "PUT", body: '{"password":"12345678"}' });
});

test("each refusal of the API becomes an error with its sentence", async () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    const body = { error: { code, message: "Why." } };
    const { api } = answering(() => Response.json(body, { status: errorCodes[code][0] }));
    const error = await thrownBy(api.call("status"));
    expect(error).toBeInstanceOf(PfError);
    expect(error?.message).toBe("Why.");
    expect(error?.exitCode).toBeOneOf([1, 2]);
    if (code === "unauthenticated") expect(error?.hint).toBe("Look at the file.");
  }
});

test("an answer that is not as documented is not believed", async () => {
  const odd = [
    () => Response.json({ devices: [{ id: 1 }] }),
    () => new Response("<html>", { status: 502 }),
    () => Response.json({ error: "no" }, { status: 400 }),
  ];
  for (const answer of odd) {
    const error = await thrownBy(answering(answer).api.call("devices"));
    expect(error).toHaveProperty("code", "PF_PROTOCOL_VIOLATION");
  }
  const cut = await thrownBy(answering(() => new Response('{"devices":[')).api.call("devices"));
  expect(cut).toHaveProperty("code", "PF_PEER_LOST");
});

test("events are told as they come; those of a later version are passed over", async () => {
  const pairing = { window: null, ended: "used", uri: null };
  const text =
    `: beat\n\nevent: weather\ndata: {}\n\n` +
    `event: pairing\ndata: ${JSON.stringify(pairing)}\n\nevent: pending\ndata: {"pending":[]}\n\n`;
  const { api } = answering(() => new Response(streamOf(text)));
  const told: string[] = [];
  const error = await thrownBy(
    (async () => {
      for await (const { name } of await api.events()) told.push(name);
    })(),
  );
  expect(told).toEqual(["pairing", "pending"]);
  // A host that ends takes the stream with it.
  expect(error).toHaveProperty("code", "PF_PEER_LOST");
});

test("a stream that was given up ends quietly", async () => {
  const given = new AbortController();
  const { api } = answering(() => new Response(streamOf("")), given.signal);
  given.abort();
  for await (const { name } of await api.events()) expect(name).toBeUndefined();
});

test("an event is the same however its bytes are cut", async () => {
  const text = 'event: log\r\ndata: {"text":\r\ndata:"ö"}\r\n\r\n: beat\n\ndata: 1\n\ndata: lost';
  const bytes = Buffer.from(text);
  const expected = [
    { name: "log", data: '{"text":\n"ö"}' },
    { name: "message", data: "1" },
  ];
  for (let cut = 0; cut <= bytes.length; cut++) {
    const body = streamOf(bytes.subarray(0, cut), bytes.subarray(cut));
    expect(await Array.fromAsync(readServerEvents(body))).toEqual(expected);
  }
});

test("an event without an end is not collected for ever", async () => {
  const chunk = "x".repeat(1_000_000);
  const body = streamOf("data: ", chunk, chunk, chunk, chunk, chunk);
  expect(await thrownBy(Array.fromAsync(readServerEvents(body)))).toBeInstanceOf(Error);
});
