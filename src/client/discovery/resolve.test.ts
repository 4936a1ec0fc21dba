import { expect, test } from "bun:test";
import { hasName } from "./browse.ts";
import type { FoundHost } from "./host-cache.ts";
import { doubtAbout, resolveTarget } from "./resolve.ts";

const advert: FoundHost = {
  name: "gaming box",
  addresses: ["192.0.2.1"],
  port: 9000,
  pair: "required",
  fingerprint: "a".repeat(64),
  id: "a".repeat(16),
  mgmtPort: null,
};

test("a host is named in either case, with or without .local, with dots for its hyphens", () => {
  const names = [
    "gaming box",
    "Gaming Box",
    "GAMING BOX.local",
    "gaming box.local.",
    " gaming box ",
  ];
  expect(names.every((name) => hasName(advert, name))).toBe(true);
  expect(hasName({ name: "box-lan" }, "box.lan")).toBe(true);
  expect(hasName({ name: "gaming box (2)" }, "gaming box (2)")).toBe(true);
  for (const name of ["", ".", ".local", "gaming", "gaming box (2)", "punktfunk"]) {
    expect(hasName(advert, name)).toBe(false);
  }
});

test("addresses are taken as they are, with the port that was given or the usual one", async () => {
  const resolved = (host: string, port?: number) => resolveTarget({ host, port });
  expect(await resolved("192.0.2.7")).toEqual({
    addresses: ["192.0.2.7"],
    port: 9777,
    advert: undefined,
  });
  expect(await resolved("[fd00::7]", 1234)).toMatchObject({ addresses: ["fd00::7"], port: 1234 });
  expect(await resolved("localhost", 9)).toMatchObject({ port: 9, advert: undefined });
});

test.each([
  ["192.0.2.7", 0, "PF_USAGE"],
  ["192.0.2.7", 65_536, "PF_USAGE"],
  ["fe80::1%eth0", 9777, "PF_HOST_UNREACHABLE"],
] as const)("%s with port %d ends as %s", async (host, port, code) => {
  const thrown = await resolveTarget({ host, port }).catch((error: unknown) => error);
  expect(thrown).toHaveProperty("code", code);
});

test("a search that is given up ends at once", async () => {
  const startedMs = performance.now();
  const signal = AbortSignal.timeout(50);
  const thrown = await resolveTarget({ host: "no such host", port: undefined, signal }).catch(
    (error: unknown) => error,
  );
  expect(thrown).toHaveProperty("code", "PF_INTERRUPTED");
  expect(performance.now() - startedMs).toBeLessThan(1000);
});

test("another certificate than is advertised is told of, and decides nothing", () => {
  const resolved = { addresses: advert.addresses, port: 9000, advert };
  expect(doubtAbout(resolved, "a".repeat(64))).toBeUndefined();
  expect(doubtAbout({ ...resolved, advert: undefined }, "b".repeat(64))).toBeUndefined();
  const words = doubtAbout(resolved, "b".repeat(64));
  expect(words).toContain("b".repeat(64));
  expect(words).toContain("a".repeat(64));
});
