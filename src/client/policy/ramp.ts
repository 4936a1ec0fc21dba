/**
 * Finds the rate that a path sustains by short bursts. Pure: a state says which burst to ask for,
 * and takes its outcome.
 *
 *   up        doubles from 20 Mbps while the path holds, a burst that failed is tried once more; at
 *             the host's ceiling it is confirmed
 *   down      halves instead, when not even the first burst held
 *   between   bisects between the highest rate that held and the lowest that did not
 *   confirm   a longer burst at the rate that was found, from which the figures are taken. One that
 *             does not hold, or loses packets, is lowered by a tenth, twice at most: where as much
 *             is lost at the lower rate, the loss is the path's and not the rate's
 *
 * Until then loss that parity bears is no reason to stop: a wireless path loses now and then, at
 * whatever rate. See `rampMsMax` for how long the whole takes.
 */
import { type Kbps, kbps, type Millis, millis } from "../../base/units.ts";
import { limit } from "../../wire/limits.ts";
import { type Burst, judgeBurst, lossPctBearable, type Verdict } from "./burst.ts";

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
/** Of bursts that failed by chance: of 30 frames two are enough for that. */
const retriesMax = 2;
/** A host that sends other rates than it is asked for does not get more. */
const burstsMax = climbsMax + retriesMax + bisectionsMax + confirmsMax;

/** Filler is sent for no longer than this. */
export const rampMsMax =
  (climbsMax + retriesMax + bisectionsMax) * stepMs +
  confirmMs +
  (confirmsMax - 1) * confirmAgainMs;

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
  /** Of the last burst. */
  readonly verdict: Verdict | undefined;
  /** Highest rate that held, lowest that did not. */
  readonly heldKbps: number | undefined;
  readonly failedKbps: number | undefined;
  /** What the lowest rate that did not hold failed by; at the host's ceiling the clamp. */
  readonly limitedBy: Limit | undefined;
  /** Of the lowest rate that held: loss that is not due to the rate. */
  readonly lossPctBase: number;
  /** Bursts so far, of this phase and altogether; the second tries of them. */
  readonly count: number;
  readonly total: number;
  readonly retries: number;
  /** A confirmed burst that lost packets; the next one tells why. */
  readonly candidate: Burst | undefined;
  /** The burst whose figures count. */
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
  verdict: undefined,
  heldKbps: undefined,
  failedKbps: undefined,
  limitedBy: undefined,
  lossPctBase: 0,
  count: 0,
  total: 0,
  retries: 0,
  candidate: undefined,
  best: undefined,
};

/** The state after the burst that `state.step` asked for. */
export function nextStep(state: RampState, burst: Burst, options: RampOptions = {}): RampState {
  const isFirstHeld = state.heldKbps === undefined;
  const lossPctMost = isFirstHeld ? 100 : Math.max(lossPctBearable, 2 * state.lossPctBase);
  const verdict = judgeBurst(burst, lossPctMost);
  const seen = take(state, burst, verdict);
  if (seen.total >= burstsMax) return { ...seen, step: undefined };
  if (state.phase === "confirm") return settle(seen, burst, verdict);
  if (state.phase === "between") return bisect(seen, options);
  if (state.phase === "down") {
    return verdict === "held" ? bisect({ ...seen, count: 0 }, options) : lower(seen);
  }
  if (verdict === "held") return rise(seen, burst, options);
  if (state.retries < retriesMax && state.failedKbps !== burst.targetKbps) {
    return { ...seen, retries: state.retries + 1 };
  }
  return isFirstHeld ? lower(seen) : bisect({ ...seen, count: 0 }, options);
}

/** What a burst adds to what is known. */
function take(state: RampState, burst: Burst, verdict: Verdict): RampState {
  const [count, total] = [state.count + 1, state.total + 1];
  const counted = { ...state, verdict, count, total, best: burst };
  if (verdict !== "held") {
    return { ...counted, failedKbps: burst.targetKbps, limitedBy: verdict };
  }
  const lossPctBase = state.heldKbps === undefined ? (burst.lossPct ?? 0) : state.lossPctBase;
  // A second try that holds takes the failure back.
  const failedKbps = state.failedKbps === burst.targetKbps ? undefined : state.failedKbps;
  return { ...counted, heldKbps: burst.targetKbps, failedKbps, lossPctBase };
}

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

/** Loss that no path is free of, in percent. */
const lossPctFree = 0.5;

function settle(state: RampState, burst: Burst, verdict: Verdict): RampState {
  const { candidate } = state;
  const lossPct = burst.lossPct ?? 0;
  if (candidate !== undefined && verdict === "held" && lossPct > (candidate.lossPct ?? 0) / 2) {
    return { ...state, step: undefined, best: candidate };
  }
  const isClean = verdict === "held" && lossPct <= lossPctFree;
  if (isClean && candidate !== undefined) {
    const limitedBy = judgeBurst(candidate, lossPctFree);
    if (limitedBy !== "held") return { ...state, step: undefined, limitedBy };
  }
  const rate = Math.max(limit("probe_kbps_min"), burst.targetKbps * confirmLower);
  const isLast = state.count >= confirmsMax || rate >= burst.targetKbps;
  if (isClean || isLast) return { ...state, step: undefined };
  const step = rampStep(rate, confirmAgainMs);
  return { ...state, step, candidate: verdict === "held" ? burst : undefined };
}
