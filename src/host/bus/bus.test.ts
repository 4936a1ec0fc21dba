import { afterEach, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { sessionBusInstalled, startSessionBus } from "../displays/session-bus.fixture.ts";
import { sessionBusAddress, socketsOf } from "./address.ts";
import { Bus, type BusCall, BusError } from "./bus.ts";
import type { BusMessage } from "./message.ts";
import { Variant } from "./values.ts";

const open: Bus[] = [];
afterEach(async () => {
  for (const bus of open.splice(0)) await bus.close();
});

async function connect(address: string): Promise<Bus> {
  const bus = await Bus.connect(address);
  open.push(bus);
  return bus;
}

/** What a failed call throws. */
async function failureOf(promise: Promise<unknown>): Promise<BusError> {
  const thrown = await promise.then(
    () => undefined,
    (error) => error,
  );
  expect(thrown).toBeInstanceOf(BusError);
  return thrown as BusError;
}

const descriptorCount = () => readdirSync("/proc/self/fd").length;

const echo: Omit<BusCall, "destination"> = { path: "/echo", interface: "a.Echo", member: "Echo" };

describe.skipIf(!sessionBusInstalled)("on a bus", () => {
  test("values of every type come back as they were sent", async () => {
    await using session = await startSessionBus();
    const [server, client] = [await connect(session.address), await connect(session.address)];
    server.onCall = ({ signature = "", body }) => ({ signature, body });
    const body = [
      255,
      true,
      -2,
      65_535,
      -3,
      4_000_000_000,
      -5n,
      2n ** 64n - 1n,
      1.5,
      "grün 世",
      "/a/b",
      "a{sv}",
      Uint8Array.of(1, 2, 3),
      ["", "x"],
      { one: [1, "eins"], __proto__x: [2, "zwei"] },
      [[7, ["seven"]]],
    ];
    const signature = "ybnqiuxtdsogayasa{s(us)}a(ias)";
    const call = { ...echo, destination: server.name };
    expect(await client.call({ ...call, signature, body })).toEqual(body);
    const nested = {
      depth: new Variant("v", new Variant("a{sv}", { b: new Variant("b", false) })),
    };
    const asked = { ...call, signature: "a{sv}", body: [nested] };
    server.onCall = ({ body: [got] }) => ({
      signature: "s",
      body: [JSON.stringify(got)],
    });
    expect(await client.call(asked)).toEqual(['{"depth":{"b":false}}']);
  });

  test("a message longer than every buffer arrives whole", async () => {
    await using session = await startSessionBus();
    const [server, client] = [await connect(session.address), await connect(session.address)];
    server.onCall = ({ signature = "", body }) => ({ signature, body });
    const bytes = new Uint8Array(1_000_000).map((_, i) => i * i);
    const call = { ...echo, destination: server.name, signature: "ay", body: [bytes] };
    expect((await client.call(call))[0]).toEqual(bytes);
  });

  test("a call without an answer, or with a failure, ends with the bus's name for it", async () => {
    await using session = await startSessionBus();
    const [server, client] = [await connect(session.address), await connect(session.address)];
    const call = { ...echo, destination: server.name };
    expect((await failureOf(client.call(call))).code).toEndWith(".UnknownMethod");
    const nobody = await failureOf(client.call({ ...echo, destination: "no.Body" }));
    expect(nobody.code).toEndWith(".ServiceUnknown");
    server.onCall = () => new Promise(() => {});
    const late = await failureOf(client.call({ ...call, msMax: 20 }));
    expect(late.message).toBe(`${server.name} did not answer Echo in 0.02 s.`);
    server.onCall = () => Promise.reject(new BusError("a.b.Full", "No room."));
    const refused = await failureOf(client.call(call));
    expect([refused.code, refused.message]).toEqual(["a.b.Full", "No room."]);
    expect((await failureOf(client.callForDescriptor(call))).code).toBe("a.b.Full");
  });

  test("signals come to who asked for them, until he has enough", async () => {
    await using session = await startSessionBus();
    const [server, client] = [await connect(session.address), await connect(session.address)];
    const heard: string[] = [];
    const signal = { path: "/echo", interface: "a.Echo", member: "Said", signature: "s" };
    const match = { sender: server.name, path: "/echo", interface: "a.Echo", member: "Said" };
    const forget = await client.onSignal(match, ([word]) => heard.push(`all ${word}`));
    await client.onSignal({ ...match, arg0: "two" }, ([word]) => heard.push(`only ${word}`));
    for (const word of ["one", "two"]) server.emit({ ...signal, body: [word] });
    server.emit({ ...signal, path: "/other", body: ["three"] });
    server.onCall = () => ({});
    await client.call({ ...echo, destination: server.name });
    expect(heard).toEqual(["all one", "all two", "only two"]);
    forget();
    server.emit({ ...signal, body: ["two"] });
    await client.call({ ...echo, destination: server.name });
    expect(heard.slice(3)).toEqual(["only two"]);
  });

  test("names are taken, found, and seen to go", async () => {
    await using session = await startSessionBus();
    const [server, client] = [await connect(session.address), await connect(session.address)];
    expect(await client.ownerOf("a.Server")).toBeNull();
    await server.requestName("a.Server");
    expect(await client.ownerOf("a.Server")).toBe(server.name);
    expect((await failureOf(client.requestName("a.Server"))).message).toBe("a.Server is taken.");
    const gone = Promise.withResolvers<void>();
    await client.onGone(server.name, gone.resolve);
    await server.close();
    await gone.promise;
    expect(await client.ownerOf("a.Server")).toBeNull();
  });

  test("its end is told, and what waits for an answer ends with it", async () => {
    await using session = await startSessionBus();
    const [server, client] = [await connect(session.address), await connect(session.address)];
    const asked = Promise.withResolvers<BusMessage>();
    server.onCall = (call) => {
      asked.resolve(call);
      return new Promise(() => {});
    };
    const failure = failureOf(client.call({ ...echo, destination: server.name }));
    await asked.promise;
    process.kill(session.pid, "SIGKILL");
    expect(await client.closed).toBe("The message bus has ended.");
    expect((await failure).code).toEndWith(".Disconnected");
    const later = await failureOf(client.ownerOf("a.b"));
    expect(later.code).toEndWith(".Disconnected");
  });

  test("nothing stays of connections that were closed", async () => {
    await using session = await startSessionBus();
    await (await Bus.connect(session.address)).close();
    const before = descriptorCount();
    for (let i = 0; i < 50; i++) await (await Bus.connect(session.address)).close();
    // The runtime closes some a moment later.
    while (descriptorCount() > before) await Bun.sleep(5);
  });
});

test("a bus that is not there is named", async () => {
  const missing = await failureOf(Bus.connect("unix:path=/nonexistent/bus"));
  expect(missing.code).toEndWith(".NoServer");
  expect(missing.message).toContain("nothing answers at /nonexistent/bus");
  expect((await failureOf(Bus.connect("tcp:host=a,port=1"))).message).toContain("names no socket");
});

test("addresses lead to sockets in their order", () => {
  expect(socketsOf("unix:abstract=/tmp/a%20b,guid=1;tcp:host=x;unix:path=/run/bus")).toEqual([
    "@/tmp/a b",
    "/run/bus",
  ]);
  expect(sessionBusAddress({ DBUS_SESSION_BUS_ADDRESS: "unix:path=/a" })).toBe("unix:path=/a");
  expect(sessionBusAddress({ XDG_RUNTIME_DIR: "/nonexistent" })).toBeUndefined();
});
