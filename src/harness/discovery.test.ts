import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AdvertiseOptions } from "../host/discovery/advertise.ts";
import { Avahi, type AvahiService, avahiMissing } from "./avahi.ts";
import { type Namespaces, namespacesMissing, withNamespaces } from "./namespaces.ts";
import { processorMs, until } from "./processes.ts";
import { Program, type ProgramOptions } from "./program.ts";

const missing = await namespacesMissing();
if (missing !== undefined) console.warn(`SKIPPED: discovery on a network, as ${missing}.`);
const onNetwork = test.skipIf(missing !== undefined);
const noAvahi = missing ?? avahiMissing();
if (noAvahi !== undefined) console.warn(`SKIPPED: discovery beside avahi, as ${noAvahi}.`);
const besideAvahi = test.skipIf(noAvahi !== undefined);

let folder: string;
const running: Program[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "punktfunk-discovery-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs `body` with a host's and a client's machine; the programs that it starts end with it. */
const onCable = (body: (network: Namespaces) => Promise<void>) =>
  withNamespaces(async (network) => {
    for (const [end, address] of [
      ["host", "fd00::1"],
      ["client", "fd00::2"],
    ] as const) {
      await network.run(end, ["ip", "address", "add", `${address}/64`, "dev", "pf0", "nodad"]);
    }
    try {
      await body(network);
    } finally {
      for (const program of running.splice(0)) {
        program.process.kill("SIGKILL");
        await program.exited;
      }
    }
  });

function start(args: readonly string[], options: Omit<ProgramOptions, "home">): Program {
  const program = new Program(args, { home: join(folder, "home"), ...options });
  running.push(program);
  return program;
}

const fixture = [process.execPath, new URL("./advertiser.fixture.ts", import.meta.url).pathname];

/** Advertises a host that is not there. */
function advertise(prefix: readonly string[], number: number, changes = {}): Program {
  const options: Omit<AdvertiseOptions, "onProblem"> = {
    name: "gaming box",
    hostId: number.toString(16).padStart(16, "0"),
    fingerprint: number.toString(16).padStart(64, "0"),
    port: 9000 + number,
    pair: "required",
    mgmtPort: null,
    ...changes,
  };
  return start([JSON.stringify(options)], { prefix, command: fixture });
}

const watch = (prefix: readonly string[]) => start(["discover", "--watch", "--json"], { prefix });

/** Waits for a line of JSON with these values. */
async function line(program: Program, wanted: Record<string, unknown>, msMax = 8000) {
  const found = () =>
    program.lines.find((each) =>
      Object.entries(wanted).every(([key, value]) => Bun.deepEquals(each[key], value)),
    );
  await until(() => found() !== undefined, JSON.stringify(wanted), msMax);
  return found() as Record<string, unknown>;
}

const idOf = (number: number) => number.toString(16).padStart(16, "0");

/** A firewall's rules against all that goes to, or comes from, the port of multicast DNS. */
const stopping = (which: "dport" | "sport") =>
  "add table inet pf; add chain inet pf out { type filter hook output priority 0; }; " +
  `add rule inet pf out udp ${which} 5353 drop`;

describe("on a network of two machines", () => {
  onNetwork("a host is found by both its addresses, changes, and is gone at once", () =>
    onCable(async ({ host, client }) => {
      const watching = watch(client.prefix);
      const advertiser = advertise(host.prefix, 1);
      expect(await line(watching, { type: "host" })).toEqual({
        type: "host",
        name: "gaming box",
        addresses: ["192.0.2.1", "fd00::1"],
        port: 9001,
        pair: "required",
        fingerprint: "1".padStart(64, "0"),
        id: idOf(1),
      });
      advertiser.process.kill("SIGUSR1");
      await line(watching, { type: "host", pair: "optional" });
      const endedAt = performance.now();
      expect(await advertiser.end()).toBe(0);
      await line(watching, { type: "gone", id: idOf(1) });
      expect(performance.now() - endedAt).toBeLessThan(1500);
      const closed = await advertiser.line("closed");
      expect(closed?.["value"] as number).toBeLessThan(1000);
      expect(advertiser.lines.some(({ type }) => type === "problem")).toBe(false);
      expect(await watching.end()).toBe(130);
      expect(watching.lines.at(-1)).toEqual({ type: "summary", hosts: 0 });
    }),
  );

  onNetwork("each address family does alone", () =>
    onCable(async ({ host, client, run }) => {
      const advertiser = advertise(host.prefix, 1);
      for (const [gone, back, addresses] of [
        ["fd00::1/64", "fd00::1/64", ["192.0.2.1"]],
        ["192.0.2.1/24", "192.0.2.1/24", ["fd00::1"]],
      ] as const) {
        await run("host", ["ip", "address", "del", gone, "dev", "pf0"]);
        const watching = watch(client.prefix);
        await line(watching, { type: "host", id: idOf(1), addresses });
        watching.process.kill("SIGKILL");
        const nodad = back.includes(":") ? ["nodad"] : [];
        await run("host", ["ip", "address", "add", back, "dev", "pf0", ...nodad]);
      }
      expect(advertiser.process.exitCode).toBeNull();
    }),
  );

  onNetwork("interfaces may come later, go, and come back", () =>
    onCable(async ({ host, client, run }) => {
      await run("host", ["ip", "link", "set", "pf0", "down"]);
      await run("host", ["ip", "address", "flush", "dev", "pf0"]);
      const advertiser = advertise(host.prefix, 1);
      const problem = await advertiser.line("problem");
      expect(problem?.["value"] as string).toMatch(/no network interface with an address/);
      const watching = watch(client.prefix);
      await run("host", ["ip", "address", "add", "192.0.2.9/24", "dev", "pf0"]);
      await run("host", ["ip", "link", "set", "pf0", "up"]);
      await line(watching, { type: "host", addresses: ["192.0.2.9"] });
      await run("host", ["ip", "address", "del", "192.0.2.9/24", "dev", "pf0"]);
      await run("host", ["ip", "address", "add", "192.0.2.7/24", "dev", "pf0"]);
      await line(watching, { type: "host", addresses: ["192.0.2.7"] });
    }),
  );

  onNetwork("two hosts of one name are told apart, whether they start together or not", () =>
    onCable(async ({ host, client }) => {
      const [first, second] = [advertise(host.prefix, 1), advertise(client.prefix, 2)];
      const watching = watch(client.prefix);
      await line(watching, { type: "host", name: "gaming box" });
      await line(watching, { type: "host", name: "gaming box (2)" });
      const third = advertise(client.prefix, 3);
      expect((await line(third, { type: "name", value: "gaming box (3)" }))["value"]).toBeString();
      const last = await line(watching, { type: "host", name: "gaming box (3)" });
      expect(last["id"]).toBe(idOf(3));
      const renamed = [first, second].flatMap(({ lines }) =>
        lines.filter(({ type }) => type === "name").map(({ value }) => value),
      );
      expect(renamed).toEqual(["gaming box (2)"]);
      const once = start(["discover", "--json"], { prefix: client.prefix });
      expect(await once.exited).toBe(0);
      expect(once.lines.map(({ name }) => name)).toEqual([
        "gaming box",
        "gaming box (2)",
        "gaming box (3)",
        undefined,
      ]);
      expect(once.lines.at(-1)).toEqual({ type: "summary", hosts: 3 });
    }),
  );

  onNetwork("a firewall that stops multicast is told once, and nothing else happens", () =>
    onCable(async ({ host, client, run }) => {
      await run("host", ["nft", stopping("dport")]);
      const advertiser = advertise(host.prefix, 1);
      const words = (await advertiser.line("problem"))?.["value"] as string;
      expect(words).toMatch(/only by address: multicast fails on pf0 \(IPv[46]\): .*EPERM/);
      const looking = start(["discover", "--seconds", "1", "--json"], { prefix: client.prefix });
      expect(await looking.exited).toBe(0);
      expect(looking.lines).toEqual([{ type: "summary", hosts: 0 }]);
      expect(await looking.words).toContain("UDP port 5353");
      const problems = advertiser.lines.filter(({ type }) => type === "problem");
      expect(problems.length).toBeLessThanOrEqual(2);
      expect(await advertiser.end()).toBe(0);
    }),
  );

  onNetwork("a flood of hostile packets costs a host little, and it is found as before", () =>
    onCable(async ({ host, client }) => {
      const advertiser = advertise(host.prefix, 1);
      const watching = watch(client.prefix);
      await line(watching, { type: "host" });
      const spentMs = () => processorMs(advertiser.process.pid);
      const [beforeMs, startedAt] = [spentMs(), performance.now()];
      const flood = start(["192.0.2.2", "1500"], {
        prefix: client.prefix,
        command: [
          process.execPath,
          new URL("./multicast-flood.fixture.ts", import.meta.url).pathname,
        ],
      });
      expect(await flood.exited).toBe(0);
      const share = (spentMs() - beforeMs) / (performance.now() - startedAt);
      expect((await flood.line("sent"))?.["sent"] as number).toBeGreaterThan(1000);
      expect(share).toBeLessThan(0.5);
      const later = start(["discover", "--seconds", "2", "--json"], { prefix: client.prefix });
      expect(await later.exited).toBe(0);
      expect(later.lines).toMatchObject([{ name: "gaming box" }, { hosts: 1 }]);
      expect(await advertiser.end()).toBe(0);
      const drops = (await advertiser.line("drops"))?.["value"] as Record<string, number>;
      expect(drops["flood"]).toBeGreaterThan(100);
      expect(drops["truncated"]).toBeGreaterThan(0);
      expect(advertiser.lines.filter(({ type }) => type === "problem")).toEqual([]);
    }),
  );

  onNetwork("a resolver that knows no multicast gets an answer of its own", () =>
    onCable(async ({ host, client }) => {
      const advertiser = advertise(host.prefix, 1);
      await line(watch(client.prefix), { type: "host" });
      const asking = start(["192.0.2.2"], {
        prefix: client.prefix,
        command: [process.execPath, new URL("./legacy-query.fixture.ts", import.meta.url).pathname],
      });
      expect(await asking.line("answer")).toEqual({
        type: "answer",
        id: 4711,
        from: "192.0.2.1:5353",
        questions: ["PTR _punktfunk._udp.local"],
        answers: ["PTR _punktfunk._udp.local 10 false"],
        additionals: [
          "SRV gaming box._punktfunk._udp.local 10 false",
          "TXT gaming box._punktfunk._udp.local 10 false",
          `A punktfunk-${idOf(1)}.local 10 false`,
          `AAAA punktfunk-${idOf(1)}.local 10 false`,
        ],
      });
      expect(advertiser.process.exitCode).toBeNull();
    }),
  );

  onNetwork("DNS is believed where it knows a name, and an advertisement tells the port", () =>
    onCable(async ({ host, client }) => {
      const hosts = join(folder, "hosts");
      await Bun.write(hosts, "192.0.2.1 gamingbox\n192.0.2.99 elsewhere\n");
      const script = `mount --bind ${hosts} /etc/hosts && exec "$@"`;
      const prefix = [...client.prefix, "unshare", "--mount", "sh", "-c", script, "sh"];
      advertise(host.prefix, 1, { name: "gamingbox" });
      advertise(host.prefix, 2, { name: "elsewhere" });
      advertise(host.prefix, 3, { name: "unheard" });
      const watching = watch(client.prefix);
      for (const number of [1, 2, 3]) await line(watching, { type: "host", id: idOf(number) });
      for (const [target, place] of [
        ["gamingbox", "192.0.2.1:9001"],
        ["gamingbox:9", "192.0.2.1:9"],
        ["elsewhere", "192.0.2.99:9777"],
        ["UNHEARD.local", "192.0.2.1:9003"],
      ] as const) {
        const connecting = start(["connect", target, "--json"], { prefix });
        expect(await connecting.exited).toBe(3);
        const error = await connecting.line("error");
        expect([error?.["code"], error?.["message"]]).toEqual([
          "PF_HOST_UNREACHABLE",
          expect.stringContaining(`(${place}, UDP)`),
        ]);
      }
    }),
  );

  onNetwork("a host streams to who names it, even where it can't be found", () =>
    onCable(async ({ host, client, run }) => {
      const serve = ["serve", "--source", "synthetic", "--encoder", "software", "--open", "--json"];
      const serving = (name: string) =>
        start([...serve, "--port", "0", "--name", name], {
          prefix: host.prefix,
          env: { PUNKTFUNK_HOME: join(folder, name) },
        });
      const streaming = (target: string, fingerprint: unknown) =>
        start(
          [
            ...["connect", target, "--fingerprint", String(fingerprint), "--json"],
            ...["--present", "none", "--mode", "320x180@30", "--duration", "0.5"],
          ],
          { prefix: client.prefix },
        );
      const found = serving("found box");
      const ready = await found.line("ready");
      const byName = streaming("FOUND BOX", ready?.["fingerprint"]);
      expect([await byName.exited, await byName.line("error")]).toEqual([0, undefined]);
      await found.end();

      await run("host", ["ip", "route", "add", "unreachable", "224.0.0.0/4"]);
      await run("host", ["nft", stopping("sport")]);
      const silent = serving("silent box");
      await until(
        () => silent.lines.some((each) => String(each["message"]).includes("fails on pf0")),
        "the warning",
      );
      const port = (await silent.line("ready"))?.["port"];
      const fingerprint = (await silent.line("ready"))?.["fingerprint"];
      const byAddress = streaming(`192.0.2.1:${port}`, fingerprint);
      expect([await byAddress.exited, await byAddress.line("error")]).toEqual([0, undefined]);
      const unknown = streaming("silent box", fingerprint);
      expect(await unknown.exited).toBe(3);
      expect((await unknown.line("error"))?.["code"]).toBe("PF_HOST_UNKNOWN");
    }),
  );
});

describe("beside avahi", () => {
  besideAvahi("the same records are found, on both ends, and gone with the host", () =>
    onCable(async ({ host, client }) => {
      await using near = await Avahi.start(host.prefix, join(folder, "near"));
      await using far = await Avahi.start(client.prefix, join(folder, "far"));
      const advertiser = advertise(host.prefix, 1, { mgmtPort: 9779, name: "Büro 2" });
      for (const avahi of [near, far]) {
        let services: AvahiService[] = [];
        await until(async () => {
          services = await avahi.services("_punktfunk._udp");
          return services.length >= 2;
        }, "the host in avahi");
        expect(services.map(({ family }) => family).sort()).toEqual(["IPv4", "IPv6"]);
        for (const { name, target, address, port, text, network } of services) {
          expect([name, network, port]).toEqual(["Büro 2", "pf0", 9001]);
          expect(target).toBe(`punktfunk-${idOf(1)}.local`);
          expect(["192.0.2.1", "fd00::1"]).toContain(address);
          expect([...text].sort()).toEqual([
            `fp=${"1".padStart(64, "0")}`,
            `id=${idOf(1)}`,
            "mgmt=9779",
            "pair=required",
            "proto=punktfunk/1",
          ]);
        }
      }
      // It holds its names against ours, and ours gives way.
      far.publish("taken", "_punktfunk._udp", 1);
      await until(
        async () => (await near.services("_punktfunk._udp")).some(({ name }) => name === "taken"),
        "avahi's own service",
      );
      const second = advertise(host.prefix, 2, { name: "taken" });
      expect((await second.line("name"))?.["value"]).toBe("taken (2)");
      await second.end();
      const looking = start(["discover", "--json", "--seconds", "1"], { prefix: client.prefix });
      expect(await looking.exited).toBe(0);
      expect(looking.lines).toMatchObject([{ type: "host", name: "Büro 2" }, { hosts: 1 }]);
      expect(await advertiser.end()).toBe(0);
      // By the standard it forgets a second after the goodbye.
      await until(async () => {
        const services = await far.services("_punktfunk._udp");
        return !services.some(({ name }) => name === "Büro 2");
      }, "the goodbye in avahi");
      expect(advertiser.lines.filter(({ type }) => type === "problem")).toEqual([]);
    }),
  );
});
