/**
 * How many parity shards a frame gets. A share alone fails small blocks: with 10 data shards and
 * 20% parity (2), 5% random loss kills 2% of the frames, since chance varies more in a short block.
 * So a block of k data shards gets the largest of
 *
 *   - the share of k, rounded up,
 *   - the protocol's least number,
 *   - the least m with P(more than m of k + m shards lost) ≤ `frameLossTarget`, where each shard is
 *     lost independently at the loss rate that is expected; a share alone is meant for a quarter of
 *     it (20% parity for 5% loss), which is right for blocks of about 60 shards.
 *
 * Blocks longer than the table have enough shards for the share alone. Loss rates are thousandths.
 */
import { type PerMille, perMille } from "../../base/units.ts";
import { limit } from "../../wire/limits.ts";

/** 1 frame in 10,000: a lost frame also takes the few with it that wait for the keyframe. */
export const frameLossTarget = 1e-4;

/** Random loss that a share is meant for unless more is known of it. */
export const lossOfShare = (share: number): number => share / 4;

/** P(X > limit) for X ~ Binomial(count, probability). */
export function binomialTail(count: number, probability: number, limitCount: number): number {
  let term = (1 - probability) ** count;
  let below = 0;
  for (let i = 0; i <= limitCount; i++) {
    below += term;
    term *= ((count - i) / (i + 1)) * (probability / (1 - probability));
  }
  return Math.max(0, 1 - below);
}

/** Parity shards of a block of `dataCount` (1…256) data shards at a share and a loss rate. */
export function parityCount(
  dataCount: number,
  share: PerMille,
  lossPermille = lossOfShare(share),
): number {
  const loss = lossPermille / 1000;
  const most = Math.min(dataCount * 4 + 8, limit("shard_count_max") - dataCount);
  let count = Math.max(limit("parity_count_min"), Math.ceil((dataCount * share) / 1000));
  while (count < most && binomialTail(dataCount + count, loss, count) > frameLossTarget) count++;
  return count;
}

/** The share that the longest block of the table needs at a loss rate: enough for longer ones. */
export function shareForLoss(lossPermille: number): number {
  const longest = limit("parity_table_count") - 1;
  return (1000 * parityCount(longest, perMille(0), lossPermille)) / longest;
}

/** The least share within the limits at which `dataCount` (≥ 1) data shards get `count` parity. */
export function shareForCount(dataCount: number, count: number): PerMille {
  let low = limit("parity_permille_min");
  let high = Math.ceil((1000 * count) / dataCount);
  high = Math.min(limit("parity_permille_max"), Math.max(low, high));
  if (dataCount >= limit("parity_table_count")) return perMille(high);
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (parityCount(dataCount, perMille(middle)) >= count) high = middle;
    else low = middle + 1;
  }
  return perMille(low);
}

/** Parity by data shard count, 0…256 (entry 0 is unused). */
export function parityTable(share: PerMille, lossPermille = lossOfShare(share)): Uint16Array {
  const table = new Uint16Array(limit("parity_table_count"));
  for (let dataCount = 1; dataCount < table.length; dataCount++) {
    table[dataCount] = parityCount(dataCount, share, lossPermille);
  }
  return table;
}
