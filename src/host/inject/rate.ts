/**
 * How much input a client may give: a token bucket, so that bursts pass and a flood is counted and
 * dropped before it costs anything. Pure: the time is passed in.
 */
import type { Millis } from "../../base/units.ts";

export interface Allowance {
  /** Tokens a second. */
  readonly perSecond: number;
  /** Tokens that pile up at most. */
  readonly burst: number;
}

export interface RateState {
  readonly tokens: number;
  readonly at: Millis;
}

/** A full bucket. */
export function initialRate(allowance: Allowance, now: Millis): RateState {
  return { tokens: allowance.burst, at: now };
}

/** Whether `cost` tokens are there now; takes them when they are. Time that runs back is ignored. */
export function takeTokens(
  allowance: Allowance,
  state: RateState,
  { now, cost }: { readonly now: Millis; readonly cost: number },
): { readonly allowed: boolean; readonly state: RateState } {
  const elapsedMs = Math.max(0, now - state.at);
  const earned = (elapsedMs * allowance.perSecond) / 1000;
  const tokens = Math.min(allowance.burst, state.tokens + earned);
  const at = now > state.at ? now : state.at;
  if (cost > tokens) return { allowed: false, state: { tokens, at } };
  return { allowed: true, state: { tokens: tokens - cost, at } };
}

/** Presses of keys and buttons, and fingers put down: the fastest typists and macros stay far below 200 a second. */
export const pressAllowance: Allowance = { perSecond: 200, burst: 400 };
/** Motion, scrolling and moves of fingers: twice what the fastest mice report (8 kHz). */
export const motionAllowance: Allowance = { perSecond: 16_000, burst: 16_000 };
