/**
 * The pairing window: armed by a person on the host, it shows a PIN for a while, takes one guess
 * and is over. Pure: `(state, event, nowMs)` gives the next state and the answer; `nowMs` is of a
 * clock that never goes back.
 *
 * Any number of clients may start a ceremony while a window is armed, since starting tells them
 * nothing; the first confirmation, right or wrong, ends the window for all of them. A client that
 * stalls therefore blocks nobody. What starting costs the host (a scrypt) is limited instead.
 */
import { Secret } from "../../base/secret.ts";
import { limit } from "../../wire/limits.ts";
import type { Level } from "../../wire/pairing/level.ts";
import { makePin } from "../../wire/pairing/pin.ts";
import { countedAddress } from "./address.ts";

export interface ArmedWindow {
  /** Of this window among all of this host's run, from 1. */
  readonly id: number;
  readonly pin: Secret<string>;
  /** What the device that pairs may do. */
  readonly level: Level;
  readonly armedMs: number;
  readonly expiresMs: number;
}

/** How a window ended. `burnt`: by a wrong guess; `used`: by the right one. */
export type WindowEnd = "burnt" | "used" | "expired" | "disarmed";

interface Attempt {
  readonly address: string;
  readonly atMs: number;
}

export interface WindowState {
  readonly armed: ArmedWindow | undefined;
  /** How the last window ended; undefined where none has, or one is armed. */
  readonly ended: WindowEnd | undefined;
  readonly lastId: number;
  /** Ceremonies started of late, the oldest first; never more than their limit. */
  readonly attempts: readonly Attempt[];
}

export const initialWindow: WindowState = {
  armed: undefined,
  ended: undefined,
  lastId: 0,
  attempts: [],
};

export type WindowEvent =
  /** A person arms; one that is armed already gets a new PIN. */
  | {
      readonly type: "arm";
      /** Of [0, below), not to be foreseen by anyone: node:crypto's. */
      readonly randomInt: (below: number) => number;
      readonly level: Level;
      readonly durationMs?: number;
    }
  | { readonly type: "disarm" }
  /** A client wants to start a ceremony. */
  | { readonly type: "attempt"; readonly address: string }
  /** A client's confirmation, in a ceremony of this window, was right or wrong. */
  | { readonly type: "guess"; readonly window: number; readonly isRight: boolean }
  /** Time has passed. */
  | { readonly type: "tick" };

/**
 * Why an attempt or a guess is refused. `closed`: no window was armed so far; `limited`: too many
 * attempts, the next may come after `retryMs`; the rest as the last window ended.
 */
export type WindowRefusal = WindowEnd | "closed" | "limited";

export type WindowAnswer =
  | { readonly kind: "none" }
  | { readonly kind: "armed"; readonly window: ArmedWindow }
  /** The attempt may go on, or the guess counts: it was the window's only one. */
  | { readonly kind: "accepted"; readonly window: ArmedWindow }
  | { readonly kind: "refused"; readonly why: WindowRefusal; readonly retryMs?: number };

export interface WindowStep {
  readonly state: WindowState;
  readonly answer: WindowAnswer;
}

export function stepWindow(before: WindowState, event: WindowEvent, nowMs: number): WindowStep {
  const state = expire(before, nowMs);
  switch (event.type) {
    case "arm":
      return arm(state, event, nowMs);
    case "disarm":
      return { state: end(state, "disarmed"), answer: { kind: "none" } };
    case "attempt":
      return attempt(state, countedAddress(event.address), nowMs);
    case "guess":
      return guess(state, event.window, event.isRight);
    case "tick":
      return { state, answer: { kind: "none" } };
  }
}

function expire(state: WindowState, nowMs: number): WindowState {
  const since = nowMs - limit("pair_attempt_span_ms");
  const attempts = state.attempts.filter(({ atMs }) => atMs > since);
  const isOver = state.armed !== undefined && nowMs >= state.armed.expiresMs;
  return { ...(isOver ? end(state, "expired") : state), attempts };
}

function end(state: WindowState, how: WindowEnd): WindowState {
  return state.armed === undefined ? state : { ...state, armed: undefined, ended: how };
}

function arm(
  state: WindowState,
  event: Extract<WindowEvent, { type: "arm" }>,
  nowMs: number,
): WindowStep {
  const { randomInt, level, durationMs = limit("pair_window_ms") } = event;
  const window: ArmedWindow = {
    id: state.lastId + 1,
    pin: new Secret(makePin(randomInt)),
    level,
    armedMs: nowMs,
    expiresMs: nowMs + durationMs,
  };
  const next = { ...state, armed: window, ended: undefined, lastId: window.id };
  return { state: next, answer: { kind: "armed", window } };
}

/** Attempts count only against an armed window, so that none before it can exhaust its limit. */
function attempt(state: WindowState, address: string, nowMs: number): WindowStep {
  if (state.armed === undefined) return refuse(state, state.ended ?? "closed");
  const own = state.attempts.filter((each) => each.address === address);
  const limited =
    own.length >= limit("pair_attempts_per_address_max")
      ? own
      : state.attempts.length >= limit("pair_attempts_max")
        ? state.attempts
        : undefined;
  const oldest = limited?.[0];
  if (oldest !== undefined) {
    return refuse(state, "limited", oldest.atMs + limit("pair_attempt_span_ms") - nowMs);
  }
  const attempts = [...state.attempts, { address, atMs: nowMs }];
  const next = { ...state, attempts };
  return { state: next, answer: { kind: "accepted", window: state.armed } };
}

function guess(state: WindowState, id: number, isRight: boolean): WindowStep {
  const window = state.armed;
  if (window === undefined) return refuse(state, state.ended ?? "closed");
  // A ceremony of an earlier window: its PIN is gone, and this one's guess is not spent.
  if (window.id !== id) return refuse(state, "expired");
  const next = end(state, isRight ? "used" : "burnt");
  return { state: next, answer: { kind: "accepted", window } };
}

function refuse(state: WindowState, why: WindowRefusal, retryMs?: number): WindowStep {
  const answer = retryMs === undefined ? { why } : { why, retryMs };
  return { state, answer: { kind: "refused", ...answer } };
}
