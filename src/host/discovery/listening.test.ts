import { expect, test } from "bun:test";
import { isReachable, listensAt } from "./listening.ts";

test("a host is told of at the addresses at which it listens", () => {
  const all = ["192.0.2.1", "198.51.100.1", "fd00::1"];
  const told = (own: string | undefined) => all.filter((address) => listensAt(own, address));
  expect(told(undefined)).toEqual(all);
  expect(told("::")).toEqual(all);
  expect(told("0.0.0.0")).toEqual(["192.0.2.1", "198.51.100.1"]);
  expect(told("198.51.100.1")).toEqual(["198.51.100.1"]);
  expect(told("FD00:0:0::0001")).toEqual(["fd00::1"]);
  expect(told("127.0.0.1")).toEqual([]);
});

test("a host that only its own machine reaches is not told of", () => {
  const wide = [undefined, "::", "0:0::0", "0.0.0.0", "192.0.2.1", "fd00::1"];
  expect(wide.every(isReachable)).toBe(true);
  expect(["127.0.0.1", "127.1.2.3", "::1", "fe80::1"].some(isReachable)).toBe(false);
});
