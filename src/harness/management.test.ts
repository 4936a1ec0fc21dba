import { expect, test } from "bun:test";
import { generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { connect, type TLSSocket } from "node:tls";
import { DeviceKey } from "../client/trust/device.ts";
import type { Host } from "../host/host.ts";
import { readPlace } from "../host/management/server.ts";
import { readToken } from "../host/management/token.ts";
import {
  apiPrefix,
  csrfHeader,
  errorSchema,
  eventSchemas,
  managementStatement,
  type Route,
  routes,
} from "../wire/management.ts";
import { until } from "./processes.ts";
import { TestDevice, withTrustHost } from "./trust-ends.ts";

interface Api {
  readonly host: Host;
  readonly port: number;
  readonly token: string;
  readonly ask: (
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string>; raw?: string },
  ) => Promise<Response>;
}

const json = { "content-type": "application/json" };
const assets = async () =>
  new Map([["/", { body: "<!doctype html>", type: "text/html", etag: '"1"' }]]);

function withApi(body: (api: Api) => Promise<void>): Promise<void> {
  const management = { address: undefined, port: 0, assets };
  return withTrustHost(
    async (host) => {
      const port = host.mgmtPort as number;
      const token = (await readToken())?.reveal() as string;
      const ask: Api["ask"] = (method, path, { body: sent, headers = {}, raw } = {}) =>
        fetch(`https://127.0.0.1:${port}${path}`, {
          method,
          headers: { ...(sent === undefined ? {} : json), ...headers },
          ...(sent === undefined ? {} : { body: JSON.stringify(sent) }),
          ...(raw === undefined ? {} : { body: raw }),
          tls: { rejectUnauthorized: false },
        });
      await body({ host, port, token, ask });
    },
    { management },
  );
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const own = { [csrfHeader]: "1" };

async function codeOf(response: Response): Promise<string> {
  return errorSchema.parse(await response.json()).error.code;
}

test("nobody without a token gets anything but the page, the API's description and sign-in", async () => {
  await withApi(async ({ ask }) => {
    for (const [name, route] of Object.entries(routes) as [string, Route][]) {
      const path = `${apiPrefix}${route.path.replace(":id", "1")}`;
      const given = route.body === null ? {} : { body: {} };
      const answer = await ask(route.method, path, { ...given, headers: own });
      if (route.access === "anyone") expect([name, answer.status]).not.toEqual([name, 403]);
      else expect([name, answer.status]).toEqual([name, 401]);
      for (const wrong of ["x", "x".repeat(43), "", "Basic x"]) {
        if (route.access === "anyone") continue;
        const headers = {
          ...own,
          authorization: wrong.startsWith("B") ? wrong : `Bearer ${wrong}`,
        };
        const refused = await ask(route.method, path, { ...given, headers });
        expect([name, refused.status]).toEqual([name, 401]);
      }
    }
    expect((await ask("GET", "/metrics")).status).toBe(401);
    const link = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
    expect((await ask("GET", "/", { headers: link })).status).toBe(200);
    const page = await ask("GET", "/");
    expect(page.status).toBe(200);
    expect(page.headers.get("content-security-policy")).toContain("default-src 'self'");
    const again = await ask("GET", "/", { headers: { "if-none-match": '"1"' } });
    expect(again.status).toBe(304);
  });
});

test("every resource answers as the document says", async () => {
  await withApi(async ({ ask, token, host }) => {
    const document = (await (await ask("GET", `${apiPrefix}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, unknown>>;
    };
    const device = new TestDevice();
    await device.pairWith(host, "play");
    const waiting = await new TestDevice().ask(host, { waits: true, name: "Living-room TV" });
    for (const [name, route] of Object.entries(routes) as [string, Route][]) {
      const documented = document.paths[`${apiPrefix}${route.path.replace(":id", "{id}")}`];
      expect(documented?.[route.method.toLowerCase()]).toBeDefined();
      if (route.method !== "GET" || route.path.includes(":id")) continue;
      const answer = await ask("GET", `${apiPrefix}${route.path}`, { headers: bearer(token) });
      expect([name, answer.status]).toEqual([name, 200]);
      if (route.answer === "stream") {
        await answer.body?.cancel();
      } else {
        expect(route.answer?.safeParse(await answer.json()).error).toBeUndefined();
      }
    }
    const of = async (path: string) =>
      (await ask("GET", `${apiPrefix}${path}`, { headers: bearer(token) })).json();
    expect(await of("/devices")).toMatchObject({ devices: [{ id: device.id, level: "play" }] });
    expect(await of("/pending")).toMatchObject({ pending: [{ name: "Living-room TV" }] });
    expect(await of("/status")).toMatchObject({ devices: 1, pending: 1, pair: "required" });
    const metrics = await (await ask("GET", "/metrics", { headers: bearer(token) })).text();
    expect(metrics).toContain("punktfunk_devices 1\n");
    await waiting.connection.close("done");
  });
});

test("devices are approved, changed and revoked, and what is not there is not found", async () => {
  await withApi(async ({ ask, token, host }) => {
    const headers = bearer(token);
    const device = new TestDevice();
    const { connection } = await device.ask(host, { waits: true });
    const approve = `${apiPrefix}/pending/${device.id}/approve`;
    const approved = await ask("POST", approve, { headers, body: { level: "view", name: "TV" } });
    expect(await approved.json()).toMatchObject({ id: device.id, level: "view", name: "TV" });
    expect((await connection.receive(["welcome"], 5000)).level).toBe("view");
    await connection.close("done");
    const path = `${apiPrefix}/devices/${device.id}`;
    const changed = await ask("PATCH", path, { headers, body: { level: "play" } });
    expect(await changed.json()).toMatchObject({ level: "play", name: "TV" });
    expect((await ask("PATCH", path, { headers, body: {} })).status).toBe(400);
    expect((await ask("PATCH", path, { headers, body: { level: "king" } })).status).toBe(400);
    expect((await ask("PATCH", path, { headers, body: { rank: 1 } })).status).toBe(400);
    expect((await ask("DELETE", path, { headers })).status).toBe(204);
    expect((await ask("DELETE", path, { headers })).status).toBe(404);
    expect((await ask("POST", approve, { headers, body: {} })).status).toBe(404);
    expect((await ask("DELETE", `${apiPrefix}/sessions/7`, { headers })).status).toBe(404);
    expect((await ask("GET", `${apiPrefix}/speed-tests/7`, { headers })).status).toBe(404);
    expect(await codeOf(await ask("DELETE", `${apiPrefix}/status`, { headers }))).toBe(
      "method-not-allowed",
    );
  });
});

test("a password signs in by a cookie that pages of other sites can't use", async () => {
  await withApi(async ({ ask, token }) => {
    const login = `${apiPrefix}/login`;
    const password = "correct horse";
    const unset = await ask("POST", login, { headers: own, body: { password } });
    expect(await codeOf(unset)).toBe("password-unset");
    const set = () =>
      ask("PUT", `${apiPrefix}/password`, { headers: bearer(token), body: { password } });
    expect((await set()).status).toBe(204);
    expect(await codeOf(await ask("POST", login, { body: { password } }))).toBe("cross-site");
    const signedIn = await ask("POST", login, { headers: own, body: { password } });
    const [cookie = ""] = (signedIn.headers.get("set-cookie") ?? "").split(";");
    const attributes = signedIn.headers.get("set-cookie") ?? "";
    for (const attribute of ["HttpOnly", "Secure", "SameSite=Strict", "Path=/"]) {
      expect(attributes).toContain(attribute);
    }
    const headers = { cookie, ...own };
    expect((await ask("GET", `${apiPrefix}/status`, { headers: { cookie } })).status).toBe(200);
    const arm = (more: Record<string, string>) =>
      ask("POST", `${apiPrefix}/pairing`, { headers: more, body: {} });
    expect(await codeOf(await arm({ cookie }))).toBe("cross-site");
    expect(await codeOf(await arm({ ...headers, origin: "https://evil.example" }))).toBe(
      "cross-site",
    );
    expect(await codeOf(await arm({ ...headers, "sec-fetch-site": "cross-site" }))).toBe(
      "cross-site",
    );
    expect((await arm(headers)).status).toBe(200);
    // Only who has the token may change the password.
    const change = await ask("PUT", `${apiPrefix}/password`, { headers, body: { password } });
    expect(await codeOf(change)).toBe("forbidden");
    const status = (value: string) =>
      ask("GET", `${apiPrefix}/status`, { headers: { cookie: value } });
    const [name, value = ""] = cookie.split("=");
    const forged = Buffer.from(value, "base64url");
    forged[20] = (forged[20] as number) ^ 1;
    for (const other of [forged.toString("base64url"), "x", "", value.slice(0, -4)]) {
      expect((await status(`${name}=${other}`)).status).toBe(401);
    }
    expect((await ask("POST", `${apiPrefix}/logout`, { headers })).status).toBe(204);
    expect((await status(cookie)).status).toBe(401);
    const second = await ask("POST", login, { headers: own, body: { password } });
    const [kept = ""] = (second.headers.get("set-cookie") ?? "").split(";");
    expect((await status(kept)).status).toBe(200);
    await set();
    expect((await status(kept)).status).toBe(401);
  });
});

test("who guesses passwords is locked out, and the token is not", async () => {
  await withApi(async ({ ask, token }) => {
    const body = { password: "correct horse" };
    await ask("PUT", `${apiPrefix}/password`, { headers: bearer(token), body });
    const guess = (password: string) =>
      ask("POST", `${apiPrefix}/login`, { headers: own, body: { password } });
    for (let i = 0; i < 5; i++) expect((await guess(`guess ${i}`)).status).toBe(401);
    const locked = await guess("correct horse");
    expect(locked.status).toBe(429);
    expect(Number(locked.headers.get("retry-after"))).toBeWithin(1, 3);
    expect((await ask("GET", `${apiPrefix}/status`, { headers: bearer(token) })).status).toBe(200);
  });
});

test("a paired device that may manage signs in by its key, until it is revoked", async () => {
  await withApi(async ({ ask, host }) => {
    const { privateKey } = generateKeyPairSync("ed25519");
    const key = new DeviceKey(privateKey);
    const device = new TestDevice("127.0.0.1", key);
    const publicKey = Buffer.from(key.publicKey).toString("base64url");
    const { fingerprint } = host;
    const signIn = async (over: { fingerprint?: string; nonce?: string } = {}) => {
      const challenge = await ask("POST", `${apiPrefix}/login/challenge`, { headers: own });
      const { nonce } = (await challenge.json()) as { nonce: string };
      const statement = managementStatement({ fingerprint, nonce, ...over });
      const signature = sign(null, statement, privateKey).toString("base64url");
      const body = { nonce: over.nonce ?? nonce, publicKey, signature };
      const answer = await ask("POST", `${apiPrefix}/login/device`, { headers: own, body });
      const again = () => ask("POST", `${apiPrefix}/login/device`, { headers: own, body });
      return { answer, again };
    };
    expect((await signIn()).answer.status).toBe(401);
    await device.pairWith(host, "play");
    expect(await codeOf((await signIn()).answer)).toBe("forbidden");
    await host.managed.trust.changeDevice(device.id, { level: "full" });
    const { answer, again } = await signIn();
    expect((await again()).status).toBe(401);
    const { token } = (await answer.json()) as { token: string };
    const status = () => ask("GET", `${apiPrefix}/status`, { headers: bearer(token) });
    expect((await status()).status).toBe(200);
    const password = await ask("PUT", `${apiPrefix}/password`, {
      headers: bearer(token),
      body: { password: "correct horse" },
    });
    expect(await codeOf(password)).toBe("forbidden");
    // A signature for another certificate is of no use here, nor is one for another nonce.
    expect((await signIn({ fingerprint: "0".repeat(64) })).answer.status).toBe(401);
    const strange = { nonce: randomBytes(32).toString("base64url") };
    expect((await signIn(strange)).answer.status).toBe(401);
    await host.managed.trust.revoke(device.id);
    expect((await status()).status).toBe(401);
  });
});

test("paths, names, bodies and clients that mean harm get nothing", async () => {
  await withApi(async ({ ask, token, port }) => {
    const headers = bearer(token);
    for (const path of ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/console/../../x"]) {
      expect((await ask("GET", path)).status).toBe(404);
    }
    const raw = await rawRequest(port, "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect(raw).toStartWith("HTTP/1.1 404");
    const rebound = await ask("GET", "/", { headers: { host: "evil.example" } });
    expect(await codeOf(rebound)).toBe("cross-site");
    const post = (given: Parameters<Api["ask"]>[2]) => ask("POST", `${apiPrefix}/pairing`, given);
    const large = await post({ headers: { ...headers, ...json }, raw: "x".repeat(70_000) });
    expect(await codeOf(large)).toBe("too-large");
    const huge = await post({ headers: { ...headers, ...json }, raw: "x".repeat(3_000_000) }).catch(
      () => undefined,
    );
    if (huge !== undefined) expect(huge.status).toBe(413);
    expect(await codeOf(await post({ headers: { ...headers, ...json }, raw: "{" }))).toBe(
      "invalid",
    );
    expect(await codeOf(await post({ headers, raw: "{}" }))).toBe("unsupported-type");
    expect((await ask("GET", `${apiPrefix}/status`, { headers })).status).toBe(200);
  });
});

test("a client that sends its body drop by drop is not waited for", async () => {
  await withApi(async ({ token, port }) => {
    const head =
      `POST ${apiPrefix}/pairing HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n` +
      `Content-Type: application/json\r\nAuthorization: Bearer ${token}\r\n\r\n`;
    const begun = performance.now();
    const answer = await rawRequest(port, head, (socket) => socket.write(" "));
    expect(answer).toStartWith("HTTP/1.1 408");
    expect(performance.now() - begun).toBeLessThan(9000);
  });
}, 15_000);

test("events tell the state of everything, then what changes, to so many and to who may", async () => {
  await withApi(async ({ ask, token, host }) => {
    const events = await ask("GET", `${apiPrefix}/events`, { headers: bearer(token) });
    const seen: { name: string; data: unknown }[] = [];
    const reading = collect(events, seen);
    await until(() => seen.length >= 6, "the state of everything");
    const names = ["status", "sessions", "devices", "pending", "pairing", "settings"];
    expect(seen.map(({ name }) => name).slice(0, 6)).toEqual(names);
    const device = new TestDevice();
    const { connection } = await device.ask(host, { waits: true });
    const pendings = () => seen.filter(({ name }) => name === "pending");
    await until(() => pendings().length === 2, "the device that waits");
    expect(pendings().at(-1)?.data).toMatchObject({ pending: [{ id: device.id }] });
    for (const { name, data } of seen) {
      const schema = eventSchemas[name as keyof typeof eventSchemas];
      expect([name, schema.safeParse(data).error]).toEqual([name, undefined]);
    }
    const more = await Promise.all(
      Array.from({ length: 20 }, () =>
        ask("GET", `${apiPrefix}/events`, { headers: bearer(token) }),
      ),
    );
    expect(more.filter(({ status }) => status === 429).length).toBe(5);
    for (const each of more) await each.body?.cancel();
    await connection.close("done");
    await events.body?.cancel().catch(() => {});
    await Promise.race([reading, Bun.sleep(100)]);
  });
});

test("where the API is, its user's programs find, and the token is theirs alone", async () => {
  await withApi(async ({ port, token }) => {
    expect(await readPlace()).toMatchObject({ address: "127.0.0.1", port, pid: process.pid });
    const folder = `${process.env["PUNKTFUNK_HOME"]}/data`;
    const listed = Bun.spawnSync(["stat", "-c", "%a", `${folder}/management-token.json`]);
    expect(listed.stdout.toString().trim()).toBe("600");
    expect(token.length).toBe(43);
  });
});

async function collect(response: Response, seen: { name: string; data: unknown }[]) {
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const piece of response.body as ReadableStream<Uint8Array>) {
      text += decoder.decode(piece, { stream: true });
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(block) ?? [];
        if (name !== undefined) seen.push({ name, data: JSON.parse(data as string) });
      }
    }
  } catch {
    // The test closed it.
  }
}

/** Sends bytes as they are; `drip` is called each 200 ms until an answer comes. */
function rawRequest(port: number, text: string, drip?: (socket: TLSSocket) => void) {
  const { promise, resolve } = Promise.withResolvers<string>();
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
    socket.write(text);
  });
  const timer = setInterval(() => drip?.(socket), 200);
  let answer = "";
  const finish = () => {
    clearInterval(timer);
    socket.destroy();
    resolve(answer);
  };
  socket.on("data", (bytes) => {
    answer += bytes.toString();
    finish();
  });
  socket.on("close", finish);
  socket.on("error", finish);
  return promise;
}
