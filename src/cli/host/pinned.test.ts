/** Who answers with another certificate learns nothing, least of all the token. */
import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret } from "../../base/secret.ts";
import { writeState } from "../../base/state.ts";
import { Program } from "../../harness/program.ts";
import { loadToken } from "../../host/management/token.ts";
import { type HostIdentity, loadHostIdentity } from "../../host/trust/identity.ts";
import { HostApi } from "./api.ts";
import { lookAtCertificate, NobodyThere, pinnedFetch } from "./pinned.ts";

let home: string;
let own: HostIdentity;
let other: HostIdentity;
const signal = new AbortController().signal;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "punktfunk-pinned-"));
  own = await loadHostIdentity(join(home, "data", "host-identity.json"));
  other = await loadHostIdentity(join(home, "other", "host-identity.json"));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const changed = ["HTTPS_PROXY", "https_proxy", "NODE_TLS_REJECT_UNAUTHORIZED"] as const;
const before = Object.fromEntries(changed.map((name) => [name, process.env[name]]));
afterEach(() => {
  for (const name of changed) {
    const value = before[name];
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
});

/** A server of this certificate, and every request that reached it. */
function serving(identity: HostIdentity, answer: () => Response = () => Response.json({})) {
  const seen: string[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    tls: {
      cert: identity.certificatePem,
      key: identity.privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    },
    fetch(request) {
      seen.push(`${request.method} ${request.url} ${request.headers.get("authorization")}`);
      return answer();
    },
  });
  const place = { address: "127.0.0.1", port: server.port as number };
  return { seen, place, [Symbol.asyncDispose]: () => server.stop(true) };
}

const apiAt = (place: { address: string; port: number }, certificate: HostIdentity) =>
  new HostApi({
    request: pinnedFetch(place, {
      pem: certificate.certificatePem,
      fingerprint: certificate.fingerprint,
    }),
    token: new Secret("hidden"),
    signal,
    unauthenticatedHint: "",
  });

test("a look at the certificate tells its fingerprint and says nothing", async () => {
  await using server = serving(own);
  const shown = await lookAtCertificate(server.place, signal);
  expect(shown.fingerprint).toBe(own.fingerprint);
  expect(shown.pem.trim()).toBe(own.certificatePem.trim());
  expect(server.seen).toEqual([]);
});

test("a server that came in place of the one that was looked at gets no request", async () => {
  await using server = serving(other);
  for (const environment of [{}, { NODE_TLS_REJECT_UNAUTHORIZED: "0" }]) {
    Object.assign(process.env, environment);
    const thrown = await apiAt(server.place, own)
      .call("status")
      .catch((error: unknown) => error);
    expect(thrown).toHaveProperty("code", "PF_PEER_LOST");
  }
  expect(server.seen).toEqual([]);
});

test("no proxy that the environment names hears of it", async () => {
  await using server = serving(own, () => Response.json({ pending: [] }));
  const heard: string[] = [];
  const proxy = createServer((socket) => void socket.on("data", (data) => heard.push(`${data}`)));
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as { port: number };
  Object.assign(process.env, {
    HTTPS_PROXY: `http://127.0.0.1:${port}`,
    https_proxy: `http://127.0.0.1:${port}`,
  });
  expect(await apiAt(server.place, own).call("pending")).toEqual({ pending: [] });
  expect(heard).toEqual([]);
  expect(server.seen[0]).toEndWith("/api/v1/pending Bearer hidden");
  proxy.close();
});

test("another program at the host's port ends with 4, and the token is not sent", async () => {
  await using server = serving(other);
  const token = await loadToken(join(home, "data", "management-token.json"));
  await writeState(join(home, "data", "management.json"), {
    version: 1,
    ...server.place,
    pid: process.pid,
  });
  const program = new Program(["host", "status", "--json"], { home });
  expect(await program.exited).toBe(4);
  const [error] = program.lines;
  expect(error).toMatchObject({ code: "PF_FINGERPRINT_MISMATCH" });
  expect(error?.["message"]).toContain(other.fingerprint);
  expect(error?.["message"]).toContain(own.fingerprint);
  expect(await program.words).not.toContain(token.reveal());
  expect(server.seen).toEqual([]);
});

test("nobody there, somebody silent, and somebody without TLS are told apart from a host", async () => {
  const mute = createServer((socket) => void socket.on("error", () => {}));
  const plain = createServer((socket) => {
    socket.on("error", () => {});
    socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
  });
  const portOf = async (server: ReturnType<typeof createServer>) => {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return (server.address() as { port: number }).port;
  };
  for (const port of [1, await portOf(plain)]) {
    const look = lookAtCertificate({ address: "127.0.0.1", port }, signal);
    expect(await look.catch((error: unknown) => error)).toBeInstanceOf(NobodyThere);
  }
  const given = new AbortController();
  const silent = lookAtCertificate(
    { address: "127.0.0.1", port: await portOf(mute) },
    given.signal,
  );
  given.abort();
  expect(await silent.catch((error: unknown) => error)).toHaveProperty("code", "PF_INTERRUPTED");
  plain.close();
  mute.close();
});
