import { expect, test } from "bun:test";
import { limit } from "../../wire/limits.ts";
import { Admission } from "./admission.ts";

const connections = (count: number) => Array.from({ length: count }, (_, id) => ({ id }));

test("the oldest handshake makes place for a new one", () => {
  const admission = new Admission();
  const most = limit("connections_handshaking_max");
  const [oldest, second, ...others] = connections(most + 2) as [object, object, ...object[]];
  for (const each of [oldest, second, ...others.slice(0, most - 2)]) {
    expect(admission.enter(each)).toBeUndefined();
  }
  expect(admission.enter(others.at(-2) as object)).toBe(oldest);
  expect(admission.enter(others.at(-1) as object)).toBe(second);
  expect(admission.openingCount).toBe(most);
});

test("an address takes no more than its share, at its own cost", () => {
  const admission = new Admission();
  const other = {};
  admission.locate(other, "10.0.0.1");
  const share = limit("connections_silent_per_address_max");
  const greedy = connections(share + 1);
  for (const each of greedy.slice(0, share)) {
    expect(admission.locate(each, "10.0.0.2")).toBeUndefined();
  }
  expect(admission.locate(greedy[share] as object, "10.0.0.2")).toBe(greedy[0] as object);
});

test("many addresses together take no more than all places", () => {
  const admission = new Admission();
  const most = limit("connections_silent_max");
  const all = connections(most + 1);
  for (const each of all.slice(0, most)) {
    expect(admission.locate(each, `10.0.${each.id}.1`)).toBeUndefined();
  }
  expect(admission.locate(all[most] as object, "10.1.0.1")).toBe(all[0] as object);
  expect(admission.openingCount).toBe(most);
});

test("who said hello or left counts no more", () => {
  const admission = new Admission();
  for (const each of connections(10_000)) {
    expect(admission.enter(each)).toBeUndefined();
    expect(admission.locate(each, "10.0.0.1")).toBeUndefined();
    admission.leave(each);
  }
  expect(admission.openingCount).toBe(0);
});
