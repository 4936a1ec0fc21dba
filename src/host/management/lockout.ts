/**
 * How often somebody may try to sign in. Pure: `(state, event, nowMs)` gives the next state. After
 * a few failures an address waits twice as long each time; many failures from many addresses slow
 * everybody's password down, but never who has the token or a paired device.
 */
import { countedAddress } from "../trust/address.ts";

/** Failures of one address that cost nothing: a person mistypes. */
const freeFailures = 4;
const firstWaitMs = 1000;
const longestWaitMs = 15 * 60_000;
/** An address whose last failure is this old has a clean sheet. */
const forgottenMs = 30 * 60_000;
/** Failures of all in `spanMs` from which on everybody waits. */
const failuresOfAll = 60;
const spanMs = 60_000;
/** Addresses that are remembered; the one that failed longest ago is forgotten first. */
const addressesMax = 1024;

interface Sheet {
  readonly failures: number;
  readonly lastMs: number;
}

export interface LockoutState {
  /** By address, the one that failed last at the end. */
  readonly sheets: ReadonlyMap<string, Sheet>;
  /** When the last failures of all were. */
  readonly recent: readonly number[];
}

export const initialLockout: LockoutState = { sheets: new Map(), recent: [] };

/** Milliseconds until this address may try again; 0 = now. */
export function waitMs(state: LockoutState, address: string, nowMs: number): number {
  const sheet = state.sheets.get(countedAddress(address));
  const ofOne =
    sheet === undefined || sheet.failures <= freeFailures
      ? 0
      : sheet.lastMs + penaltyMs(sheet.failures) - nowMs;
  const recent = state.recent.filter((at) => nowMs - at < spanMs);
  const oldest = recent[recent.length - failuresOfAll];
  const ofAll = oldest === undefined ? 0 : oldest + spanMs - nowMs;
  return Math.max(0, ofOne, ofAll);
}

const penaltyMs = (failures: number) =>
  Math.min(longestWaitMs, firstWaitMs * 2 ** (failures - freeFailures - 1));

export function afterFailure(state: LockoutState, address: string, nowMs: number): LockoutState {
  const counted = countedAddress(address);
  const sheets = new Map(
    [...state.sheets].filter(([, { lastMs }]) => nowMs - lastMs < forgottenMs),
  );
  const failures = (sheets.get(counted)?.failures ?? 0) + 1;
  sheets.delete(counted);
  sheets.set(counted, { failures, lastMs: nowMs });
  for (const [first] of sheets) {
    if (sheets.size <= addressesMax) break;
    sheets.delete(first);
  }
  const recent = [...state.recent.filter((at) => nowMs - at < spanMs), nowMs];
  return { sheets, recent: recent.slice(-failuresOfAll) };
}

export function afterSuccess(state: LockoutState, address: string): LockoutState {
  const sheets = new Map(state.sheets);
  sheets.delete(countedAddress(address));
  return { ...state, sheets };
}
