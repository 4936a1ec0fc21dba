import { describe, expect, test } from "bun:test";
import {
  type Advert,
  additionalsOf,
  answersTo,
  claimOf,
  compareClaims,
  contests,
  decodeText,
  encodeText,
  goodbyeOf,
  instanceLabel,
  isUsableAddress,
  labelOf,
  type Message,
  messageFault,
  type Resource,
  recordsOf,
} from "./discovery.ts";

const advert: Advert = {
  label: "gaming box",
  id: "0123456789abcdef",
  port: 9777,
  fingerprint: "0123456789abcdef".repeat(4),
  pair: "required",
  mgmtPort: 9779,
};
const addresses = ["192.0.2.1", "fd00::1"];
const records = recordsOf(advert, addresses);
const instance = "gaming box._punktfunk._udp.local";
const target = "punktfunk-0123456789abcdef.local";

const query = (name: string, type: string, known: Resource[] = []): Message => ({
  id: 0,
  type: "query",
  questions: [{ name, type }],
  answers: known,
  authorities: [],
  additionals: [],
});
const shown = (list: readonly Resource[]) => list.map(({ type, name }) => `${type} ${name}`);

describe("names", () => {
  test("a host's name becomes one label, whatever it is", () => {
    expect(instanceLabel("gaming box")).toBe("gaming box");
    expect(instanceLabel("gaming box", 2)).toBe("gaming box (2)");
    expect(instanceLabel("box.lan")).toBe("box-lan");
    expect(instanceLabel(" a\n\tb\u202e ")).toBe("a b");
    expect(instanceLabel("")).toBe("punktfunk");
    expect(instanceLabel("\u0007")).toBe("punktfunk");
    for (const name of [
      "x".repeat(10_000),
      "ü".repeat(500),
      "🎮".repeat(100),
      "\ud800".repeat(99),
    ]) {
      for (const number of [1, 2, 1234]) {
        const label = instanceLabel(name, number);
        expect(Buffer.byteLength(label)).toBeLessThanOrEqual(63);
        expect(label.isWellFormed()).toBe(true);
      }
    }
    expect(instanceLabel("🎮".repeat(100), 2)).toBe(`${"🎮".repeat(14)} (2)`);
  });

  test("an instance's name gives its label back, in a form that a terminal can show", () => {
    expect(labelOf(instance)).toBe("gaming box");
    expect(labelOf("Box._PunktFunk._UDP.Local")).toBe("Box");
    expect(labelOf("a\u001b[31mb._punktfunk._udp.local")).toBe("a[31mb");
    for (const name of [
      "_punktfunk._udp.local",
      "._punktfunk._udp.local",
      "x._nvstream._tcp.local",
      "\u0001._punktfunk._udp.local",
      `${"x".repeat(64)}._punktfunk._udp.local`,
    ]) {
      expect(labelOf(name)).toBeUndefined();
    }
  });
});

describe("the TXT record", () => {
  const bytes = (...strings: string[]) => strings.map((each) => Buffer.from(each));

  test("says what a client may want to know before it connects", () => {
    expect(encodeText(advert)).toEqual([
      "proto=punktfunk/1",
      `fp=${advert.fingerprint}`,
      "pair=required",
      "id=0123456789abcdef",
      "mgmt=9779",
    ]);
    const { label, port, ...text } = advert;
    expect(decodeText(bytes(...encodeText(advert)))).toEqual(text);
    expect(decodeText(bytes(...encodeText({ ...text, mgmtPort: null })))).toEqual({
      ...text,
      mgmtPort: null,
    });
  });

  test("may hold more than is known, and of a key that comes twice the first counts", () => {
    const strings = ["x", "=y", "", "PAIR=optional", "later=\u00ff", ...encodeText(advert)];
    expect(decodeText(bytes(...strings))).toMatchObject({ pair: "optional" });
  });

  test.each([
    ["proto=punktfunk/1", "proto=punktfunk/2", "other-protocol"],
    ["proto=punktfunk/1", "", "other-protocol"],
    [`fp=${advert.fingerprint}`, "fp=12", "bad-text"],
    ["pair=required", "pair=maybe", "bad-text"],
    ["id=0123456789abcdef", "id=../../etc/passwd", "bad-text"],
    ["mgmt=9779", "mgmt=0", "bad-text"],
    ["mgmt=9779", "mgmt=65536", "bad-text"],
    ["mgmt=9779", "mgmt=1e3", "bad-text"],
    ["mgmt=9779", `${"x".repeat(250)}=1`.repeat(6), "text-too-long"],
  ])("with %s as %s is dropped as %s", (right, wrong, fault) => {
    const strings = encodeText(advert).map((each) => (each === right ? wrong : each));
    expect(decodeText(bytes(...strings)) as string).toBe(fault);
  });
});

describe("a host answers", () => {
  test("who looks for hosts, with all that is needed to connect", () => {
    const answers = answersTo(query("_PUNKTFUNK._udp.local", "PTR"), records);
    expect(shown(answers)).toEqual(["PTR _punktfunk._udp.local"]);
    expect(shown(additionalsOf(answers, records))).toEqual([
      `SRV ${instance}`,
      `TXT ${instance}`,
      `A ${target}`,
      `AAAA ${target}`,
    ]);
  });

  test("who lists services, with its own", () => {
    const answers = answersTo(query("_services._dns-sd._udp.local", "PTR"), records);
    expect(answers.map(({ data }) => data)).toEqual(["_punktfunk._udp.local"]);
    expect(additionalsOf(answers, records)).toEqual([]);
  });

  test("who asks for one record, and for all of a name", () => {
    const place = answersTo(query(instance, "SRV"), records);
    expect(place.map(({ data }) => data)).toEqual([{ priority: 0, weight: 0, port: 9777, target }]);
    expect(shown(additionalsOf(place, records))).toEqual([`A ${target}`, `AAAA ${target}`]);
    expect(shown(answersTo(query(instance, "ANY"), records))).toEqual([
      `SRV ${instance}`,
      `TXT ${instance}`,
    ]);
    expect(shown(answersTo(query(target, "AAAA"), records))).toEqual([`AAAA ${target}`]);
  });

  test("not what the asker knows, unless it will soon forget it", () => {
    const known = records.slice(0, 1);
    const half = known.map((each) => ({ ...each, ttl: 2250 }) as Resource);
    const old = known.map((each) => ({ ...each, ttl: 2249 }) as Resource);
    expect(answersTo(query("_punktfunk._udp.local", "PTR", half), records)).toEqual([]);
    expect(answersTo(query("_punktfunk._udp.local", "PTR", old), records)).toHaveLength(1);
  });

  test("that it has no record of a type, but nothing for the names of others", () => {
    const only4 = recordsOf(advert, ["192.0.2.1"]);
    expect(answersTo(query(target, "AAAA"), only4)).toEqual([
      {
        name: target,
        type: "NSEC",
        ttl: 120,
        flush: true,
        data: { nextDomain: target, rrtypes: ["A"] },
      },
    ]);
    for (const name of ["other._punktfunk._udp.local", "_nvstream._tcp.local", "", "."]) {
      expect(answersTo(query(name, "ANY"), records)).toEqual([]);
    }
    expect(answersTo(query("_punktfunk._udp.local", "A"), records)).toEqual([]);
  });
});

test("a goodbye takes back all but that there is such a service", () => {
  const goodbye = goodbyeOf(advert, addresses);
  expect(goodbye.every(({ ttl }) => ttl === 0)).toBe(true);
  expect(shown(goodbye)).toEqual(
    shown(records).filter((each) => each !== "PTR _services._dns-sd._udp.local"),
  );
});

test("only addresses that others can connect to are told and taken", () => {
  const good = ["192.0.2.1", "10.0.0.1", "169.254.1.1", "fd00::1", "2001:db8::1"];
  const bad = [
    ..."0.0.0.0 127.0.0.1 224.0.0.251 255.255.255.255 :: ::1 ::ffff:192.0.2.1".split(" "),
    ..."fe80::1 fe80::1%eth0 FEBF::1 ff02::fb localhost".split(" "),
    "",
  ];
  expect(good.filter(isUsableAddress)).toEqual(good);
  expect(bad.filter(isUsableAddress)).toEqual([]);
  const many = Array.from({ length: 100 }, (_, index) => `10.0.0.${index}`);
  const told = recordsOf(advert, [...bad, ...many]).filter(({ type }) => type === "A");
  expect(told).toHaveLength(8);
});

describe("a name is contested", () => {
  const other: Advert = { ...advert, id: "fedcba9876543210", label: "Gaming Box" };

  test("by another host that has it, and not by this one's own records", () => {
    expect(recordsOf(other, addresses).map((each) => contests(each, advert))).toEqual([
      false,
      false,
      true,
      true,
      false,
      false,
    ]);
    const earlier = { ...advert, pair: "optional", mgmtPort: null } as const;
    expect(recordsOf(earlier, addresses).some((each) => contests(each, advert))).toBe(false);
    expect(goodbyeOf(other, addresses).some((each) => contests(each, advert))).toBe(false);
    const elsewhere = recordsOf({ ...other, label: "other" }, addresses);
    expect(elsewhere.some((each) => contests(each, advert))).toBe(false);
  });

  test("and of two that ask at once exactly one gives way", () => {
    const claims = [advert, other].map(claimOf) as [Resource[], Resource[]];
    expect(Math.sign(compareClaims(claims[0], claims[1]))).toBe(
      -Math.sign(compareClaims(claims[1], claims[0])),
    );
    expect(compareClaims(claims[0], claims[1])).not.toBe(0);
    expect(compareClaims(claims[0], claimOf(advert))).toBe(0);
  });
});

test("datagrams that can't be messages are not decoded", () => {
  const header = (fields: Record<number, number>, length = 12) => {
    const view = new DataView(new ArrayBuffer(length));
    for (const [at, value] of Object.entries(fields)) view.setUint16(Number(at), value);
    return new Uint8Array(view.buffer);
  };
  expect(messageFault(header({}, 11))).toBe("truncated");
  expect(messageFault(header({ 4: 1 }, 16))).toBe("truncated");
  expect(messageFault(header({ 6: 1 }, 22))).toBe("truncated");
  expect(messageFault(header({ 10: 65_535 }, 9000))).toBe("crowded");
  expect(messageFault(header({ 4: 250, 8: 7 }, 9000))).toBe("crowded");
  expect(messageFault(header({}, 9001))).toBe("oversized");
  expect(messageFault(header({ 2: 0x0800 }))).toBe("unusual");
  expect(messageFault(header({ 2: 0x8003 }))).toBe("unusual");
  expect(messageFault(header({ 2: 0x8400, 6: 1 }, 23))).toBeUndefined();
});
