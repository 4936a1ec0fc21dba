import { expect, test } from "bun:test";
import { inspect } from "node:util";
import { limit } from "../limits.ts";
import { pairingIdentities } from "./ceremony.ts";
import { makePin, parsePin, pinScalar, showPin } from "./pin.ts";

const device = new Uint8Array(32).fill(1);
const fingerprint = "02".repeat(32);
const identities = pairingIdentities(device, fingerprint);

test("a PIN keeps its leading zeros and uses every number", () => {
  expect(makePin(() => 0)).toBe("000000");
  expect(makePin((below) => below - 1)).toBe("999999");
  expect(makePin(() => 4217)).toBe("004217");
  expect(showPin("004217")).toBe("004 217");
  expect(makePin(() => 7).length).toBe(limit("pin_digits"));
});

test.each(["004217", "004 217", " 004-217\n", "0 0 4 2 1 7"])("%p is the PIN as typed", (typed) => {
  expect(parsePin(typed)).toBe("004217");
});

test.each(["", "00421", "0042170", "00421a", "٠٠٤٢١٧", "1e5", "+00421"])(
  "%p is no PIN",
  (typed) => {
    expect(parsePin(typed)).toBeUndefined();
  },
);

test("a PIN's scalar is the same on both ends, and another for each PIN and identity", async () => {
  const other = pairingIdentities(device, "03".repeat(32));
  const another = pairingIdentities(new Uint8Array(32).fill(9), fingerprint);
  const [one, again, wrong, elsewhere, otherwise] = await Promise.all([
    pinScalar("004217", identities),
    pinScalar("004217", identities),
    pinScalar("004218", identities),
    pinScalar("004217", other),
    pinScalar("004217", another),
  ]);
  expect(again?.reveal()).toBe(one?.reveal() as bigint);
  const distinct = new Set([one, wrong, elsewhere, otherwise].map((scalar) => scalar?.reveal()));
  expect(distinct.size).toBe(4);
  expect(inspect(one)).toBe("[secret]");
});
