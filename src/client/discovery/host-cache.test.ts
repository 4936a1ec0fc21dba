import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../base/random.ts";
import { PacketCodec } from "../../transport/multicast.testing.ts";
import {
  type Advert,
  goodbyeOf,
  instanceName,
  type Message,
  type Resource,
  recordsOf,
} from "../../wire/discovery.ts";
import { HostCache } from "./host-cache.ts";

const advertOf = (label: string, number: number, changes: Partial<Advert> = {}): Advert => ({
  label,
  id: number.toString(16).padStart(16, "0"),
  port: 9777,
  fingerprint: number.toString(16).padStart(64, "0"),
  pair: "required",
  mgmtPort: null,
  ...changes,
});
const response = (
  answers: readonly Resource[],
  additionals: readonly Resource[] = [],
): Message => ({
  id: 0,
  type: "response",
  questions: [],
  answers,
  authorities: [],
  additionals,
});
const box = advertOf("box", 1);
const at4 = recordsOf(box, ["192.0.2.1"]);
const names = (cache: HostCache, nowMs = 0) => cache.hosts(nowMs).map(({ name }) => name);
const cacheOf = (...messages: (readonly Resource[])[]) => {
  const cache = new HostCache();
  for (const records of messages) cache.add(response(records), "eth0", 0);
  return cache;
};

describe("a host is listed", () => {
  test("once all is known of it, in whichever order it comes", () => {
    const host = {
      name: "box",
      addresses: ["192.0.2.1"],
      port: 9777,
      pair: "required",
      fingerprint: box.fingerprint,
      id: box.id,
      mgmtPort: null,
    };
    expect(cacheOf(at4).hosts(0)).toEqual([host] as ReturnType<HostCache["hosts"]>);
    expect(names(cacheOf([...at4].reverse()))).toEqual(["box"]);
    const cache = new HostCache();
    for (const record of at4) {
      expect(names(cache)).toEqual([]);
      cache.add(response([record]), "eth0", 0);
    }
    expect(names(cache)).toEqual(["box"]);
  });

  test("once by its id, with the addresses of all networks, IPv4 first", () => {
    const cache = cacheOf(recordsOf(box, ["fd00::1", "192.0.2.1"]));
    cache.add(response(recordsOf(box, ["198.51.100.7"])), "wlan0", 5000);
    cache.add(response(recordsOf(box, ["192.0.2.1", "fd00::1"])), "eth0", 5000);
    const twin = recordsOf({ ...box, label: "twin" }, []);
    cache.add(response(twin), "eth0", 5000);
    expect(cache.hosts(5000).map(({ name, addresses }) => [name, addresses])).toEqual([
      ["box", ["192.0.2.1", "198.51.100.7", "fd00::1"]],
    ]);
  });

  test("with what it said last", () => {
    const cache = cacheOf(at4);
    const changed = { ...box, pair: "optional", mgmtPort: 9779 } as const;
    cache.add(response(recordsOf(changed, ["192.0.2.9"])), "eth0", 2000);
    expect(cache.hosts(2000)).toMatchObject([
      { pair: "optional", mgmtPort: 9779, addresses: ["192.0.2.9"] },
    ]);
  });

  test("until it says goodbye", () => {
    const cache = cacheOf(at4, recordsOf(advertOf("other", 2), ["192.0.2.2"]));
    cache.add(response(goodbyeOf(box, [])), "eth0", 10);
    expect(names(cache, 10)).toEqual(["other"]);
  });

  test("until nothing was heard of it for the life of its records", () => {
    const cache = cacheOf(at4);
    expect(cache.nextExpiryMs()).toBe(120_000);
    expect(names(cache, 119_999)).toEqual(["box"]);
    expect(names(cache, 120_000)).toEqual([]);
    expect(cache.nextExpiryMs()).toBeUndefined();
  });
});

describe("what is asked", () => {
  const asked = (cache: HostCache, nowMs: number) =>
    cache.questions(nowMs).map(({ type, name }) => `${type} ${name}`);

  test("is for hosts, then for what is missing, then for what grows old", () => {
    const pointer = at4.slice(0, 1);
    const instance = instanceName("box");
    expect(asked(new HostCache(), 0)).toEqual(["PTR _punktfunk._udp.local"]);
    const incomplete = cacheOf(pointer);
    expect(asked(incomplete, 0).slice(1)).toEqual([`SRV ${instance}`, `TXT ${instance}`]);
    expect(incomplete.knownAnswers(0)).toEqual([]);
    const complete = cacheOf(at4);
    expect(asked(complete, 1000)).toHaveLength(1);
    expect(complete.knownAnswers(1000)).toMatchObject([{ data: instance, ttl: 4499 }]);
    expect(asked(complete, 100_000).slice(1)).toEqual([
      `SRV ${instance}`,
      "A punktfunk-0000000000000001.local",
      "AAAA punktfunk-0000000000000001.local",
    ]);
  });

  test("is not for ever what nobody answers", () => {
    const cache = cacheOf(at4.slice(0, 1));
    cache.hosts(10_000);
    expect(asked(cache, 10_000)).toHaveLength(1);
  });
});

describe("hostile answers", () => {
  const [pointer, , place, text, address] = at4 as [
    Resource,
    Resource,
    Resource & { type: "SRV" },
    Resource & { type: "TXT" },
    Resource & { type: "A" },
  ];

  test.each([
    ["bad-name", { ...place, data: { ...place.data, target: "a..local" } }],
    ["bad-name", { ...pointer, data: "a..b._punktfunk._udp.local" }],
    ["bad-name", { ...pointer, data: "_punktfunk._udp.local" }],
    ["bad-name", { ...pointer, data: `${"x".repeat(70)}._punktfunk._udp.local` }],
    ["bad-port", { ...place, data: { ...place.data, port: 0 } }],
    ["bad-text", { ...text, data: [Buffer.from("proto=punktfunk/1")] }],
    ["other-protocol", { ...text, data: [] }],
    ["text-too-long", { ...text, data: [Buffer.alloc(2000)] }],
    ["bad-address", { ...address, data: "127.0.0.1" }],
  ] as [string, Resource][])("are dropped: %s", (reason, wrong) => {
    const cache = new HostCache();
    const rest = at4.filter(({ type }) => type !== wrong.type);
    cache.add(response([...rest, ...(wrong.type === "PTR" ? [] : [pointer]), wrong]), "eth0", 0);
    expect(cache.drops as Record<string, number>).toEqual({ [reason]: 1 });
    expect(names(cache)).toEqual([]);
  });

  test("fill no more than their place, and what is known stays", () => {
    const cache = cacheOf(at4);
    for (let number = 2; number < 2000; number++) {
      const records = recordsOf(advertOf(`flood ${number}`, number), ["192.0.2.66"]);
      cache.add(response(number % 2 ? records : records.slice(0, 1)), "eth0", 0);
    }
    const addresses = Array.from({ length: 500 }, (_, index) => ({
      ...address,
      flush: false,
      data: `10.1.${index >> 8}.${index & 255}`,
    }));
    cache.add(response(addresses), "eth0", 0);
    const hosts = cache.hosts(0);
    expect(hosts[0]?.name).toBe("box");
    expect(hosts[0]?.addresses).toHaveLength(16);
    expect(hosts.length).toBeGreaterThan(200);
    expect(hosts.length).toBeLessThanOrEqual(256);
    expect(cache.drops["too-many"]).toBeGreaterThan(500);
    expect(cache.questions(0).length).toBeLessThanOrEqual(32);
  });

  test("of 100,000 kinds never throw, and leave nothing that is not right", async () => {
    const codec = new PacketCodec();
    const random = new SeededRandom(5353);
    const seeds = [
      await codec.encode({ type: "response", answers: recordsOf(box, ["192.0.2.1", "fd00::1"]) }),
      await codec.encode({ type: "response", answers: [pointer, place, text, address] }),
      await codec.encode({ type: "response", answers: goodbyeOf(box, ["192.0.2.1"]) }),
      await codec.encode({
        type: "query",
        questions: [{ name: "x.local", type: "ANY" }],
        answers: at4,
      }),
    ];
    const cache = new HostCache();
    let read = 0;
    for (let run = 0; run < 100_000; run++) {
      let bytes: Uint8Array = Uint8Array.from(random.pick(seeds));
      for (let flips = random.below(6); flips > 0; flips--) {
        bytes[random.below(bytes.length)] = random.below(256);
      }
      if (random.chance(0.1)) bytes = bytes.slice(0, random.below(bytes.length));
      if (random.chance(0.1)) bytes = random.bytes(random.below(200));
      const message = codec.decode(bytes);
      if (message === undefined) continue;
      read++;
      cache.add(message, random.pick(["eth0", "wlan0"]), run);
      if (run % 100 > 0) continue;
      for (const host of cache.hosts(run)) {
        expect(host.name).toMatch(/^[^\p{Cc}]+$/u);
        expect(host.fingerprint).toMatch(/^[0-9a-f]{64}$/);
        expect(host.id).toMatch(/^[0-9a-f]{16}$/);
        expect(host.port).toBeWithin(1, 65_536);
        expect(host.addresses.length).toBeWithin(1, 33);
      }
      expect(cache.hosts(run).length).toBeLessThanOrEqual(256);
      // What others are called never spoils what is asked.
      const questions = cache.questions(run);
      const answers = cache.knownAnswers(run);
      const asked = codec.decode(await codec.encode({ type: "query", questions, answers }));
      expect(asked?.questions).toEqual(questions);
      expect(asked?.answers).toHaveLength(answers.length);
    }
    // Most are still messages, or nothing would have been tried.
    expect(read).toBeGreaterThan(30_000);
    // What is right still gets through.
    cache.add(codec.decode(seeds[0] as Uint8Array) as Message, "eth0", 200_000_000);
    expect(names(cache, 200_000_000)).toEqual(["box"]);
  });
});
