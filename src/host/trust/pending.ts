/**
 * Devices that are not paired and wait on their connection until a person lets them in. Pure:
 * `(state, event, nowMs)` gives the next state and the answer; `nowMs` never goes back.
 *
 * How a flood is met. A request that waits is never pushed out by another device: only a person,
 * its own connection's end or its time end it. So that few addresses can't keep others out,
 * an address gets two places, and only one once half of the places are taken: it takes twelve
 * addresses to fill the list, for as long as their requests last. What an address withdrew or
 * was denied still counts for it until its time is over, so that connecting anew does not bring
 * new questions before a person's eyes; the same device takes its old place again instead.
 */

import { limit } from "../../wire/limits.ts";
import { deviceFingerprint, deviceId } from "../../wire/pairing/device-id.ts";
import type { Level } from "../../wire/pairing/level.ts";
import { countedAddress } from "./address.ts";
import { cleanName } from "./name.ts";

export interface PendingRequest {
  /** The device's id: the same device has the same id whenever it asks. */
  readonly id: string;
  /** Cleaned. */
  readonly name: string;
  /** Ed25519, 32 bytes, proven by the device's hello. */
  readonly publicKey: Uint8Array;
  /** Of the public key, 64 hex digits: for a person to compare. */
  readonly fingerprint: string;
  readonly address: string;
  readonly sinceMs: number;
  readonly expiresMs: number;
  /** Of the connection that waits: a later one of the same device has a higher one. */
  readonly ticket: number;
}

interface Entry {
  readonly request: PendingRequest;
  readonly status: "waiting" | "withdrawn" | "denied";
}

export interface PendingState {
  /** The oldest first. */
  readonly entries: readonly Entry[];
  readonly lastTicket: number;
}

export const initialPending: PendingState = { entries: [], lastTicket: 0 };

export type PendingEvent =
  | {
      readonly type: "request";
      readonly name: string;
      readonly publicKey: Uint8Array;
      readonly address: string;
    }
  | { readonly type: "approve"; readonly id: string; readonly level: Level }
  | { readonly type: "deny"; readonly id: string }
  /** The connection of this ticket is gone. */
  | { readonly type: "withdraw"; readonly ticket: number }
  /** Time has passed. */
  | { readonly type: "tick" };

/**
 * Why a request may not wait. `full`: all places are taken; `address`: too many of its address;
 * `denied`: a person said no to this device a short while ago.
 */
export type PendingRefusal = "full" | "address" | "denied";

export type PendingAnswer =
  | { readonly kind: "none" }
  /** A new question for a person. */
  | { readonly kind: "added"; readonly request: PendingRequest }
  /** The same device asks again, by another connection: `replaced` is its old ticket. */
  | { readonly kind: "renewed"; readonly request: PendingRequest; readonly replaced: number }
  | { readonly kind: "refused"; readonly why: PendingRefusal }
  | { readonly kind: "approved"; readonly request: PendingRequest; readonly level: Level }
  | { readonly kind: "denied"; readonly request: PendingRequest }
  | { readonly kind: "withdrawn"; readonly request: PendingRequest }
  /** No such request waits (any more). */
  | { readonly kind: "unknown" };

export interface PendingStep {
  readonly state: PendingState;
  readonly answer: PendingAnswer;
  /** Requests whose time ended before this event: their clients are to be told. */
  readonly expired: readonly PendingRequest[];
}

/** The requests that wait, the oldest first. */
export function waiting(state: PendingState): readonly PendingRequest[] {
  return state.entries.filter(isWaiting).map(({ request }) => request);
}

export function stepPending(before: PendingState, event: PendingEvent, nowMs: number): PendingStep {
  const isOver = ({ request }: Entry) => nowMs >= request.expiresMs;
  const over = before.entries.filter(isOver);
  const state =
    over.length === 0
      ? before
      : { ...before, entries: before.entries.filter((entry) => !isOver(entry)) };
  const expired = over.filter(isWaiting).map(({ request }) => request);
  return { ...decide(state, event, nowMs), expired };
}

type Decision = Omit<PendingStep, "expired">;

function decide(state: PendingState, event: PendingEvent, nowMs: number): Decision {
  switch (event.type) {
    case "request":
      return request(state, event, nowMs);
    case "approve": {
      const entry = find(state, ({ request }) => request.id === event.id);
      if (entry === undefined) return { state, answer: { kind: "unknown" } };
      const answer = { kind: "approved", request: entry.request, level: event.level } as const;
      return { state: without(state, entry), answer };
    }
    case "deny": {
      const entry = find(state, ({ request }) => request.id === event.id);
      if (entry === undefined) return { state, answer: { kind: "unknown" } };
      const expiresMs = nowMs + limit("pending_ms");
      const denied = { request: { ...entry.request, expiresMs }, status: "denied" } as const;
      const answer = { kind: "denied", request: entry.request } as const;
      return { state: remember(without(state, entry), denied), answer };
    }
    case "withdraw": {
      const entry = find(state, ({ request }) => request.ticket === event.ticket);
      if (entry === undefined) return { state, answer: { kind: "unknown" } };
      const answer = { kind: "withdrawn", request: entry.request } as const;
      const withdrawn = { request: entry.request, status: "withdrawn" } as const;
      return { state: remember(without(state, entry), withdrawn), answer };
    }
    case "tick":
      return { state, answer: { kind: "none" } };
  }
}

function request(
  state: PendingState,
  event: Extract<PendingEvent, { type: "request" }>,
  nowMs: number,
): Decision {
  const id = deviceId(event.publicKey);
  const old = state.entries.find((entry) => entry.request.id === id);
  const why = old?.status === "waiting" ? undefined : refusal(state, event.address, old);
  if (why !== undefined) return { state, answer: { kind: "refused", why } };
  const made: PendingRequest = {
    id,
    name: cleanName(event.name),
    publicKey: event.publicKey.slice(),
    fingerprint: deviceFingerprint(event.publicKey),
    address: event.address,
    sinceMs: nowMs,
    expiresMs: nowMs + limit("pending_ms"),
    ticket: state.lastTicket + 1,
  };
  const others = old === undefined ? state.entries : without(state, old).entries;
  const entries = [...others, { request: made, status: "waiting" } as const];
  const next = { entries, lastTicket: made.ticket };
  return old?.status === "waiting"
    ? { state: next, answer: { kind: "renewed", request: made, replaced: old.request.ticket } }
    : { state: next, answer: { kind: "added", request: made } };
}

function refusal(
  state: PendingState,
  address: string,
  old: Entry | undefined,
): PendingRefusal | undefined {
  if (old?.status === "denied") return "denied";
  const taken = state.entries.filter(isWaiting).length;
  if (taken >= limit("pending_max")) return "full";
  const counted = countedAddress(address);
  const own = state.entries.filter(
    (entry) => entry !== old && countedAddress(entry.request.address) === counted,
  );
  const isCrowded = taken >= limit("pending_crowded_count");
  return own.length >= (isCrowded ? 1 : limit("pending_per_address_max")) ? "address" : undefined;
}

const isWaiting = (entry: Entry) => entry.status === "waiting";

function find(state: PendingState, matches: (entry: Entry) => boolean): Entry | undefined {
  return state.entries.find((entry) => isWaiting(entry) && matches(entry));
}

function without(state: PendingState, entry: Entry): PendingState {
  return { ...state, entries: state.entries.filter((each) => each !== entry) };
}

/** Keeps what no longer waits until its time, the youngest of them if they are too many. */
function remember(state: PendingState, entry: Entry): PendingState {
  const entries = [...state.entries, entry];
  const settled = entries.filter((each) => !isWaiting(each));
  if (settled.length <= limit("pending_remembered_max")) return { ...state, entries };
  return { ...state, entries: entries.filter((each) => each !== settled[0]) };
}
