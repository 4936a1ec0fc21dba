/**
 * The share of parity that follows the path: fast up, slow down.
 *
 *   share                  ┌ one report of loss is enough
 *     50% ┤         ┌──────┴─┐ hold: as long as the last need is remembered
 *         │         │        └─┐
 *     20% ┤──┐      │          └─┐ 1% each 250 ms of packets without such a need
 *      5% ┤  └──────┘            └─────
 *
 * Each report gives a *need*, what would have been right for it:
 *
 *   - for loss by chance: the parity that parity.ts gives a block of its length at the loss rate. The
 *     rate is the most that the last spans of time (from the newest report alone to 3 s) surely had,
 *     so that a sudden loss is answered at once and chance alone is not;
 *   - for loss in bursts: the share at which the frame that came closest to the end of its parity
 *     would have had a quarter to spare, half again for a burst, since the next may be longer.
 *
 * So there are two figures, the share that every block gets and the loss rate by which short blocks
 * get more. Each is the largest need that is remembered. A need is remembered for 5 s; when the share has
 * to rise again to where it came down from, for twice as long the next time (up to half a minute),
 * so that bursts far apart don't find it low each time.
 *
 * What parity does not help does not raise it: packets that came late, frames that lost more than
 * the largest share makes good, what the client's own machine dropped, and congestion, where the end
 * of most frames is lost: more parity makes that worse, so there it is bounded to a quarter, and to
 * the least when frames are lost all the same.
 * Time without packets is no time without loss: only time with packets counts.
 */
import { type PerMille, perMille } from "../../base/units.ts";
import type { MessageOf } from "../../wire/control.ts";
import { limit } from "../../wire/limits.ts";
import { lossOfShare, shareForCount, shareForLoss } from "./parity.ts";

export type LossReport = MessageOf<"lossReport">;

export type ParityEvent =
  | { readonly type: "report"; readonly report: LossReport }
  /** Time passes. */
  | { readonly type: "tick" }
  /** A person's wish: the share stays; null lets it adapt from where it is. */
  | { readonly type: "pin"; readonly share: PerMille | null };

/** Why the share is what it is. */
export type ParityCause =
  | "start"
  | "pinned"
  | "clean"
  /** Packets come late, none is lost. */
  | "late"
  | "random"
  | "bursts"
  /** The ends of frames are lost: the path carries less than it is given. */
  | "congestion"
  /** The client's machine drops packets that the path carried. */
  | "client"
  /** Frames are lost whole: no share of parity within the limits makes that good. */
  | "beyond"
  /** The client tells nothing: the share stays. */
  | "silence";

export interface ParityState {
  readonly share: PerMille;
  /** Loss rate that blocks are made for, in thousandths. */
  readonly loss: number;
  readonly isPinned: boolean;
  readonly cause: ParityCause;
  /** When the last report came; null = none yet. */
  readonly heardMs: number | null;
  /** Time in which packets came, in milliseconds: the clock of all that follows. */
  readonly clockMs: number;
  /** Reports of the last seconds, newest last. */
  readonly spans: readonly Span[];
  /** Oldest first, without those that a later one has in all. */
  readonly needs: readonly Need[];
  readonly holdMs: number;
  readonly raisedMs: number;
  readonly loweredMs: number;
  /** The share from which it is coming down. */
  readonly highShare: number;
  /** Until then congestion is not answered: parity did not help. */
  readonly restMs: number;
}

interface Span {
  readonly atMs: number;
  /** Shards of frames that parity helps, and how many of them were lost. */
  readonly settled: number;
  readonly lost: number;
  /** Of all frames of which a shard came. */
  readonly lostOfAll: number;
  readonly tailLost: number;
  readonly runs: number;
  readonly framesLost: number;
}

interface Need {
  readonly atMs: number;
  readonly share: number;
  readonly loss: number;
}

/** Long enough that chance evens out: 3,000 packets of a small stream. */
const spanMsMax = 3000;
/** Needs are remembered for 5 s at first, for half a minute when that proved too short again and again. */
const holdMsMin = 5000;
const holdMsMax = 30_000;
/** From the largest share to the least takes 11 s. */
const lowerMs = 250;
const lowerBy = 10;
/** A smaller rise than this is chance, and no word that the share came down too soon. */
const raiseMin = 50;
/** What the worst frame lost is what the next one may lose and this much more. */
const marginByChance = 1.25;
const marginOfBursts = 1.5;
/** Lost in a row, and half of a frame's loss: no chance at rates that parity is for. */
const burstPacketsMin = 4;
/** Congestion: loss lies as far behind in its frames, where chance has 0.5, in so many runs. */
const tailShare = 0.85;
const tailRunsMin = 12;
/** Enough for a sender whose last packets are always lost, not enough to crowd others out. */
const congestedShareMax = 250;
/** So many frames lost within a second of a share that was right for what was seen: in vain. */
const trialMs = 1000;
const trialFramesLost = 3;
/** A frame that was sent before the share rose may be told lost so long afterwards. */
const reportedMs = 400;
/** Then it is tried again: the path may have become another one. */
const restForMs = 10_000;
/** Fewer reports than this are too few for a rate without doubt. */
const spansMin = 10;
/** Reports that come faster are not those of a client of ours. */
const reportMsMin = 10;
/** A client reports at least each second; twice that is silence. */
const silenceMs = 2000;

export function initialParityState(share: PerMille, isPinned = false): ParityState {
  return {
    share,
    loss: lossOfShare(share),
    isPinned,
    cause: isPinned ? "pinned" : "start",
    heardMs: null,
    clockMs: 0,
    spans: [],
    needs: [{ atMs: 0, share, loss: lossOfShare(share) }],
    holdMs: holdMsMin,
    raisedMs: 0,
    loweredMs: 0,
    highShare: share,
    restMs: 0,
  };
}

/** The share and the loss rate after an event at `nowMs`, on any clock that does not go back. */
export function adaptParity(
  state: ParityState,
  event: ParityEvent,
  nowMs: number,
): { readonly state: ParityState; readonly share: PerMille; readonly loss: number } {
  const next = step(state, event, nowMs);
  return { state: next, share: next.share, loss: next.loss };
}

function step(state: ParityState, event: ParityEvent, nowMs: number): ParityState {
  if (event.type === "pin") return pin(state, event.share);
  if (state.isPinned) return state;
  if (event.type === "report") return hear(state, event.report, nowMs);
  const isSilent = state.heardMs !== null && nowMs - state.heardMs >= silenceMs;
  return isSilent ? { ...state, cause: "silence" } : state;
}

function pin(state: ParityState, share: PerMille | null): ParityState {
  if (share !== null) return initialParityState(share, true);
  return state.isPinned ? initialParityState(state.share) : state;
}

function hear(before: ParityState, report: LossReport, nowMs: number): ParityState {
  const sinceMs = nowMs - (before.heardMs ?? Number.NEGATIVE_INFINITY);
  if (sinceMs < reportMsMin) return before;
  if (report.packetsReceived === 0) return { ...before, heardMs: nowMs };
  const coveredMs = Math.max(report.intervalMs, reportMsMin);
  const clockMs = before.clockMs + Math.min(coveredMs, sinceMs, silenceMs);
  const isOwn = report.packetsDropped > 0 && report.packetsDropped * 2 >= report.packetsLost;
  const spans = isOwn
    ? before.spans
    : [...before.spans, spanOf(report, clockMs)].filter(({ atMs }) => clockMs - atMs < spanMsMax);
  const isResting = clockMs < before.restMs;
  const cause = isOwn ? "client" : isResting ? "congestion" : causeOf(report, spans);
  const state = { ...before, heardMs: nowMs, clockMs, spans, cause };
  if (cause === "congestion") return answerCongestion(state, report);
  const rate = isOwn ? 0 : lossRate(spans);
  const worst = isOwn ? 0 : needOfWorst(report);
  return settle({ ...state, needs: remember(state, rate, worst) });
}

/**
 * The end of a frame may be lost for another reason, so parity is tried. When frames are still lost
 * a second later it does not help, and the path gets as little of it as there can be for a while.
 */
function answerCongestion(state: ParityState, report: LossReport): ParityState {
  const { clockMs, spans, raisedMs, restMs } = state;
  if (clockMs < restMs) return settle({ ...state, needs: [] });
  const lately = spans.filter(({ atMs }) => clockMs - atMs < trialMs);
  const triedMs = clockMs - Math.max(raisedMs, restMs);
  const isInVain = triedMs >= trialMs + reportedMs && sum(lately, "framesLost") >= trialFramesLost;
  if (isInVain) {
    const share = perMille(limit("parity_permille_min"));
    const least = { share, loss: lossOfShare(share), needs: [] };
    return { ...state, ...least, loweredMs: clockMs, restMs: clockMs + restForMs };
  }
  const bounded = <Of extends { readonly share: number; readonly loss: number }>(of: Of): Of => ({
    ...of,
    share: Math.min(of.share, congestedShareMax),
    loss: Math.min(of.loss, lossOfShare(congestedShareMax)),
  });
  const needs = remember(state, 0, needOfWorst(report)).map(bounded);
  return settle({ ...bounded(state), needs });
}

/** A report is from outside: what contradicts itself is cut to what can be. */
function spanOf(report: LossReport, atMs: number): Span {
  const { shardsSettled, framesLost } = report;
  const lostOfAll = Math.min(report.shardsLost, shardsSettled);
  const settled = Math.max(0, shardsSettled - report.beyondSettled);
  const lost = Math.min(Math.max(0, lostOfAll - report.beyondLost), settled);
  const tailLost = Math.min(report.tailLost, lostOfAll);
  const runs = Math.min(report.lossRuns, lostOfAll);
  return { atMs, settled, lost, lostOfAll, tailLost, runs, framesLost };
}

function causeOf(report: LossReport, spans: readonly Span[]): ParityCause {
  const [lost, runs] = [sum(spans, "lostOfAll"), sum(spans, "runs")];
  if (runs >= tailRunsMin && sum(spans, "tailLost") >= tailShare * lost) return "congestion";
  if (report.framesBeyond > 0) return "beyond";
  if (lost > 0) return lost >= 2 * runs ? "bursts" : "random";
  return report.packetsLate > 0 ? "late" : "clean";
}

/**
 * The loss rate in thousandths: of the spans from the newest one alone to all, the most that was
 * lost even if chance was against us (two standard deviations of a count); of all, what was lost.
 */
function lossRate(spans: readonly Span[]): number {
  let [most, lost, settled] = [0, 0, 0];
  for (const span of spans.toReversed()) {
    lost += span.lost;
    settled += span.settled;
    if (settled > 0) most = Math.max(most, (lost - 2 * Math.sqrt(lost)) / settled);
  }
  const whole = spans.length >= spansMin && settled > 0 ? lost / settled : 0;
  return 1000 * Math.max(most, whole);
}

function needOfWorst({ worst }: LossReport): number {
  if (worst === null || worst.lost === 0 || worst.data === 0) return 0;
  const isBurst = worst.burst >= burstPacketsMin && worst.burst * 2 >= worst.lost;
  const margin = isBurst ? marginOfBursts : marginByChance;
  return shareForCount(worst.data, Math.ceil(worst.lost * margin));
}

/** The needs with the one of a loss rate and of a share for the worst frame. */
function remember(state: ParityState, rate: number, worst: number): readonly Need[] {
  const { needs, holdMs, clockMs: atMs } = state;
  const most = limit("parity_permille_max");
  const share = Math.min(Math.max(worst, shareForLoss(rate)), most);
  const loss = Math.min(Math.max(rate, lossOfShare(worst)), lossOfShare(most));
  const kept = needs.filter((old) => {
    return atMs - old.atMs < holdMs && (old.share > share || old.loss > loss);
  });
  return [...kept, { atMs, share, loss }];
}

/** Jumps up to what is needed, or takes a step down. */
function settle(state: ParityState): ParityState {
  const { share, loss, clockMs, needs, raisedMs, loweredMs } = state;
  const least = limit("parity_permille_min");
  const neededShare = Math.ceil(Math.max(least, ...needs.map((need) => need.share)));
  const neededLoss = Math.max(lossOfShare(least), ...needs.map((need) => need.loss));
  if (neededShare > share || neededLoss > loss) {
    const raised = perMille(Math.max(share, neededShare));
    const holdMs = holdAfterRise(state, raised);
    return { ...state, share: raised, loss: Math.max(loss, neededLoss), holdMs, raisedMs: clockMs };
  }
  const isDue = clockMs - Math.max(raisedMs, loweredMs) >= lowerMs;
  if (!isDue || (neededShare === share && neededLoss === loss)) return state;
  return {
    ...state,
    share: perMille(Math.max(neededShare, share - lowerBy)),
    loss: Math.max(neededLoss, loss - lossOfShare(lowerBy)),
    loweredMs: clockMs,
    highShare: loweredMs > raisedMs ? state.highShare : share,
  };
}

/** Needs are remembered for longer when the share has to rise to where it came down from. */
function holdAfterRise(state: ParityState, raised: number): number {
  const { share, highShare, holdMs, clockMs, raisedMs, loweredMs } = state;
  const wasHigh = loweredMs > raisedMs && raised <= highShare + raiseMin;
  if (!wasHigh || raised < share + raiseMin) return holdMs;
  return clockMs - loweredMs < holdMsMax ? Math.min(holdMs * 2, holdMsMax) : holdMsMin;
}

const sum = (spans: readonly Span[], of: Exclude<keyof Span, "atMs">): number =>
  spans.reduce((total, span) => total + span[of], 0);
