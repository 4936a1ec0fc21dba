import { expect, test } from "bun:test";
import { perMille } from "../../base/units.ts";
import {
  binomialTail,
  frameLossTarget,
  parityCount,
  parityTable,
  shareForCount,
  shareForLoss,
} from "./parity.ts";

test("the binomial tail agrees with values worked out by hand", () => {
  expect(binomialTail(3, 0.5, 1)).toBeCloseTo(0.5, 12);
  expect(binomialTail(2, 0.1, 0)).toBeCloseTo(0.19, 12);
  expect(binomialTail(5, 0.05, 5)).toBe(0);
});

test("every block meets the frame loss target at the loss that its share is meant for", () => {
  const table = parityTable(perMille(200));
  for (let dataCount = 1; dataCount < table.length; dataCount++) {
    const parity = table[dataCount] as number;
    expect(binomialTail(dataCount + parity, 0.05, parity)).toBeLessThanOrEqual(frameLossTarget);
  }
});

test("long blocks get no more than their share and one shard", () => {
  for (const dataCount of [100, 128, 200, 256]) {
    expect(parityCount(dataCount, perMille(200))).toBeLessThanOrEqual(dataCount * 0.2 + 1);
  }
});

test("no block has fewer than two parity shards", () => {
  for (const share of [50, 200, 500]) {
    expect(Math.min(...parityTable(perMille(share)).subarray(1))).toBeGreaterThanOrEqual(2);
  }
});

test("the share for a count of parity is the least that gives it", () => {
  for (const dataCount of [1, 2, 10, 40, 150, 256]) {
    for (const count of [3, 10, 60]) {
      const share = shareForCount(dataCount, count);
      if (share < 500) expect(parityCount(dataCount, share)).toBeGreaterThanOrEqual(count);
      if (share > 50) expect(parityCount(dataCount, perMille(share - 1))).toBeLessThan(count);
    }
  }
  expect([257, 1740].map((dataCount) => Number(shareForCount(dataCount, 100)))).toEqual([390, 58]);
  expect([shareForCount(40, 1000), shareForCount(60_000, 1)].map(Number)).toEqual([500, 50]);
});

test("a loss rate gives each length of block what it needs, the longest the least share", () => {
  for (const loss of [12.5, 50, 100]) {
    const share = perMille(Math.ceil(shareForLoss(loss)));
    const table = parityTable(share, loss);
    for (let dataCount = 1; dataCount < table.length; dataCount++) {
      const parity = table[dataCount] as number;
      expect(binomialTail(dataCount + parity, loss / 1000, parity)).toBeLessThanOrEqual(
        frameLossTarget,
      );
    }
    const long = Math.ceil((1740 * share) / 1000);
    expect(binomialTail(1740 + long, loss / 1000, long)).toBeLessThanOrEqual(frameLossTarget);
    expect(Number(share)).toBeLessThan(loss * 4);
  }
});
