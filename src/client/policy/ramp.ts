/**
 * Finds the rate that a path sustains by short bursts. Pure: a state says which burst to ask for,
 * and takes its outcome.
 *
 *   up        doubles from 20 Mbps while the path holds; at the host's ceiling it is confirmed
 *   down      halves instead, when not even the first burst held
 *   between   bisects between the highest rate that held and the lowest that did not
 *   confirm   a longer burst at the rate that was found, from which the figures are taken; a rate
 *             that does not hold for so long is lowered by a tenth, twice
 *
 * The whole takes at most 11 + 4 short bursts and 3 longer ones, see `rampMsMax`.
 */
import { type Kbps, kbps, type Millis, millis } from "../../base/units.ts";
import { limit } from "../../wire/limits.ts";
import { type Burst, judgeBurst, type Verdict } from "./burst.ts";

/** Any wired or wireless LAN of today carries it. */
const firstKbps = 20_000;
/** 30 frames: at the first rate some 500 packets. */
const stepMs = 250;
const confirmMs = 1000;
const confirmAgainMs = 500;
/** Good to about 6%, which is less than a path varies. */
const bisectionsMax = 4;
const bisectRatioMin = 1.1;
const confirmsMax = 3;
const confirmLower = 0.9;

/** From 20 Mbps to 20 Gbps, or down to 500 kbps, and one that fails. */
const climbsMax = 11;
/** A host that sends other rates than it is asked for does not get more. */
const burstsMax = climbsMax + bisectionsMax + confirmsMax;

/** Filler is sent for no longer than this. */
export const rampMsMax =
  (climbsMax + bisectionsMax) * stepMs + confirmMs + (confirmsMax - 1) * confirmAgainMs;

type Phase = "up" | "down" | "between" | "confirm";
export type Limit = Exclude<Verdict, "held"> | "clamp";

export interface RampStep {
  readonly rate: Kbps;
  readonly duration: Millis;
}

export interface RampState {
  readonly phase: Phase;
  /** undefined: the ramp is over. */
  readonly step: RampStep | undefined;
  /** Highest rate that held, lowest that did not. */
  readonly heldKbps: number | undefined;
  readonly failedKbps: number | undefined;
  /** What the lowest rate that did not hold failed by; at the host's ceiling the clamp. */
  readonly limitedBy: Limit | undefined;
  /** Of the lowest rate that held: loss that is not due to the rate. */
  readonly lossPctBase: number;
  /** Bursts so far, of this phase and altogether. */
  readonly count: number;
  readonly total: number;
  /** The burst whose figures count; the last one of the ramp. */
  readonly best: Burst | undefined;
}

export interface RampOptions {
  /** Length of the burst from which the figures are taken. */
  readonly confirm?: Millis;
}

const rampStep = (rate: number, duration: number): RampStep => ({
  rate: kbps(Math.round(rate)),
  duration: millis(duration),
});

export const rampStart: RampState = {
  phase: "up",
  step: rampStep(firstKbps, stepMs),
  heldKbps: undefined,
  failedKbps: undefined,
  limitedBy: undefined,
  lossPctBase: 0,
  count: 0,
  total: 0,
  best: undefined,
};

/** The state after the burst that `state.step` asked for. */
export function nextStep(state: RampState, burst: Burst, options: RampOptions = {}): RampState {
  const seen = take(state, burst);
  if (seen.total >= burstsMax) return { ...seen, step: undefined };
  switch (state.phase) {
    case "up":
      return seen.failedKbps !== undefined
        ? seen.heldKbps === undefined
          ? lower(seen)
          : bisect({ ...seen, count: 0 }, options)
        : rise(seen, burst, options);
    case "down":
      return seen.heldKbps === undefined ? lower(seen) : bisect({ ...seen, count: 0 }, options);
    case "between":
      return bisect(seen, options);
    case "confirm":
      return settle(seen, burst);
  }
}

/** What a burst adds to what is known. */
function take(state: RampState, burst: Burst): RampState {
  const isFirstHeld = state.heldKbps === undefined;
  const verdict = judgeBurst(burst, isFirstHeld ? 100 : lossPctMost(state.lossPctBase));
  const counted = { ...state, count: state.count + 1, total: state.total + 1, best: burst };
  if (verdict === "held") {
    const lossPctBase = isFirstHeld ? (burst.lossPct ?? 0) : state.lossPctBase;
    return { ...counted, heldKbps: burst.targetKbps, lossPctBase };
  }
  return { ...counted, failedKbps: burst.targetKbps, limitedBy: verdict };
}

/** Loss that no path is free of, in percent. */
const lossPctFree = 0.5;

/** What is lost beyond this is due to the rate: of a few hundred packets now more are, now fewer. */
const lossPctMost = (lossPctBase: number) => 2 * lossPctBase + lossPctFree;

function rise(state: RampState, burst: Burst, options: RampOptions): RampState {
  const held = burst.targetKbps;
  const step = rampStep(Math.min(burst.ceilingKbps, held * 2), stepMs);
  if (step.rate <= held) return confirm({ ...state, limitedBy: "clamp" }, held, options);
  return { ...state, step };
}

function lower(state: RampState): RampState {
  const failed = state.failedKbps as number;
  const rate = Math.max(limit("probe_kbps_min"), failed / 2);
  if (rate >= failed) return { ...state, step: undefined };
  return { ...state, phase: "down", step: rampStep(rate, stepMs) };
}

function bisect(state: RampState, options: RampOptions): RampState {
  const held = state.heldKbps as number;
  const failed = state.failedKbps as number;
  if (state.count >= bisectionsMax || failed / held < bisectRatioMin) {
    return confirm(state, held, options);
  }
  return { ...state, phase: "between", step: rampStep((held + failed) / 2, stepMs) };
}

function confirm(state: RampState, rate: number, options: RampOptions): RampState {
  const step = rampStep(rate, options.confirm ?? confirmMs);
  return { ...state, phase: "confirm", count: 0, step };
}

function settle(state: RampState, burst: Burst): RampState {
  const held = state.failedKbps !== burst.targetKbps;
  if (held || state.count >= confirmsMax) return { ...state, step: undefined };
  return { ...state, step: rampStep(burst.targetKbps * confirmLower, confirmAgainMs) };
}
