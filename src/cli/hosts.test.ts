import { expect, test } from "bun:test";
import type { FoundHost } from "../client/discovery/browse.ts";
import { hostKey, type KnownHost } from "../client/trust/known-hosts.ts";
import { hostLine, hostTable, trustMark } from "./hosts.ts";
import { choicesOf } from "./pick-host.ts";

const host = (name: string, digit: string, changes: Partial<FoundHost> = {}): FoundHost => ({
  name,
  addresses: ["192.0.2.1", "fd00::1"],
  port: 9777,
  pair: "required",
  fingerprint: digit.repeat(64),
  id: digit.repeat(16),
  mgmtPort: null,
  ...changes,
});
const known = (name: string, digit: string, lastSeen = "2026-11-01T00:00:00.000Z"): KnownHost => ({
  host: hostKey(name, 9777),
  fingerprint: digit.repeat(64),
  firstSeen: lastSeen,
  lastSeen,
});

test("a host that is found is new, known, one's own, or has another certificate than before", () => {
  const trust = { known: [known("box", "a"), known("192.0.2.1", "c")], own: "b".repeat(64) };
  expect(trustMark(host("elsewhere", "a"), trust)).toBe("known");
  expect(trustMark(host("box", "b"), trust)).toBe("your own");
  expect(trustMark(host("Box", "d"), trust)).toBe("CHANGED");
  expect(trustMark(host("other", "d"), trust)).toBe("CHANGED");
  expect(trustMark(host("other", "d", { addresses: ["192.0.2.2"] }), trust)).toBe("new");
});

test("the table stands in columns, whatever the letters", () => {
  const hosts = [
    host("büro", "a"),
    host("居間", "b", { addresses: ["fd00::2"], pair: "optional" }),
  ];
  expect(hostTable(hosts, { known: [known("büro", "a")], own: undefined }).split("\n")).toEqual([
    "  NAME   ADDRESS          PAIRING    FINGERPRINT             TRUST",
    "  büro   192.0.2.1:9777   required   aaaa aaaa aaaa aaaa …   known",
    "  居間   [fd00::2]:9777   optional   bbbb bbbb bbbb bbbb …   new",
  ]);
  expect(hostLine(hosts[0] as FoundHost, { known: [], own: undefined })).toBe(
    "büro at 192.0.2.1:9777, [fd00::1]:9777, pairing required, aaaa aaaa aaaa aaaa … (new)",
  );
});

test("who names no host chooses of those that answer, then of those that are known", () => {
  const trust = {
    known: [
      known("old", "c", "2026-01-02T00:00:00.000Z"),
      known("fd00::9", "d", "2026-03-04T00:00:00.000Z"),
      known("box", "a"),
    ],
    own: undefined,
  };
  const choices = choicesOf([host("box", "a"), host("tv", "b", { port: 9000 })], trust);
  expect(choices.map(({ label, hint }) => `${label}: ${hint}`)).toEqual([
    "box: 192.0.2.1:9777, pairing required, known",
    "tv: 192.0.2.1:9000, pairing required, new",
    "fd00::9:9777: did not answer; last seen on 2026-03-04",
    "old:9777: did not answer; last seen on 2026-01-02",
  ]);
  expect(choices.map((choice) => [choice.host.host, choice.host.port])).toEqual([
    ["box", 9777],
    ["tv", 9000],
    ["fd00::9", 9777],
    ["old", 9777],
  ]);
});
