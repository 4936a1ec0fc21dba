import { expect, test } from "bun:test";
import { SeededRandom } from "../../base/random.ts";
import { Flight } from "./flight.ts";

function taken(flight: Flight, atNs: number) {
  const { count, packets, atNs: times, bytes } = flight.takeUntil(atNs);
  return Array.from({ length: count }, (_, i) => [
    (packets[i] as number) >>> 16,
    (packets[i] as number) & 0xffff,
    times[i],
    bytes[i],
  ]);
}

test("packets arrive in the order of their times, whatever slot they are in", () => {
  const flight = new Flight();
  flight.add(0, 0, 10, 100);
  flight.add(0, 1, 50, 100);
  flight.add(1, 0, 20, 7);
  expect(taken(flight, 30)).toEqual([
    [0, 0, 10, 100],
    [1, 0, 20, 7],
  ]);
  expect(taken(flight, 50)).toEqual([]);
  expect(taken(flight, 51)).toEqual([[0, 1, 50, 100]]);
});

test("of two at the same time the first that was added is first", () => {
  const flight = new Flight();
  flight.add(0, 9, 5, 1);
  flight.add(0, 3, 5, 1);
  flight.add(0, 1, 4, 1);
  expect(taken(flight, 6).map(([, index]) => index)).toEqual([1, 9, 3]);
});

test("a slot is free when none of its packets is on the way", () => {
  const flight = new Flight();
  expect(flight.freeSlot(2)).toBe(0);
  flight.add(0, 0, 10, 1);
  expect(flight.freeSlot(2)).toBe(1);
  flight.add(1, 0, 20, 1);
  expect(flight.freeSlot(2)).toBeUndefined();
  flight.takeUntil(15);
  expect(flight.freeSlot(2)).toBe(0);
});

test("ten thousand packets at random times come in order, none is lost", () => {
  const random = new SeededRandom(4);
  const flight = new Flight();
  const seen: number[] = [];
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 1000; i++) flight.add(round, i, round * 100 + random.below(300), 1);
    const limit = round === 9 ? Number.POSITIVE_INFINITY : (round + 1) * 100;
    for (const [, , at] of taken(flight, limit)) seen.push(at as number);
  }
  expect(seen.length).toBe(10_000);
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
});
