/**
 * A stream over a trace in virtual time: frames are cut as the sender cuts them, what their shards
 * meet becomes the receiver's account of losses, the client's report and the host's share. What is
 * simulated is the path and the receiver's book-keeping (loss_report.h); the report and the policy
 * are those of the programs.
 */
import { SeededRandom } from "../../base/random.ts";
import { perMille } from "../../base/units.ts";
import { type LossCounters, lossIntervalMs, lossReport } from "../../client/loss.ts";
import type { FrameLoss } from "../../ffi/media/receive.ts";
import {
  adaptParity,
  initialParityState,
  type ParityState,
} from "../../host/policy/adaptive-parity.ts";
import { parityTable } from "../../host/policy/parity.ts";
import { limit } from "../../wire/limits.ts";
import { packetHeader, sealTagBytes, shardHeader } from "../../wire/media.ts";
import type { Departures, Link } from "../loss/models.ts";
import type { Trace } from "./traces.ts";

export interface Simulation {
  /** What is counted is counted from the onset on. */
  readonly frames: number;
  readonly framesLost: number;
  /** Parity packets for each 100 data packets. */
  readonly parityPct: number;
  /** The share each 100 ms, by seconds from the onset. */
  readonly shares: readonly { readonly seconds: number; readonly permille: number }[];
  /**
   * Milliseconds from the onset until the share had gone four fifths of the way to what it was on
   * average in the first 20 s; null = it stayed.
   */
  readonly adaptedMs: number | null;
  /** Why the share was what it was, in the order in which that came up. */
  readonly causes: readonly string[];
}

const framesPerSecond = 60;
/** Each frame is between a half and one and a half of the mean; a keyframe that answers a lost one: */
const keyframeFactor = 2;
/** From a loss to the keyframe that answers it: stall, request and encoder. */
const keyframeDelayFrames = 3;
/** What a packet takes on the host's own cable, at 10 Gbps. */
const nsPerByte = 0.8;
/** As loss_report.c waits for a further shard of a settled frame. */
const waitNs = 20e6;
/** From the sender to the sender: the path, twice, and some time of both ends. */
const reportDelayMs = 10;

interface Sent {
  readonly dataCount: number;
  readonly parityCount: number;
  readonly shardBytes: number;
}

/** How blocks.h cuts a frame. */
function cut(bytes: number, share: number, table: Uint16Array): Sent {
  const align = limit("shard_align_bytes");
  const aligned = (value: number) => Math.ceil(value / align) * align;
  const [small, most] = [limit("shard_bytes_small"), limit("shard_bytes_max")];
  const target = aligned(Math.ceil(bytes / limit("shard_count_target")));
  const shardBytes = bytes <= most ? aligned(bytes) : Math.min(most, Math.max(small, target));
  const dataCount = Math.ceil(bytes / shardBytes);
  const parityCount = table[dataCount] ?? Math.ceil((dataCount * share) / 1000);
  return { dataCount, parityCount, shardBytes };
}

interface Settled {
  readonly atNs: number;
  readonly isComplete: boolean;
  readonly loss: FrameLoss;
}

/** What the receiver knows of a frame when it is closed. */
function settle(frame: number, sent: Sent, sentNs: number, arrivals: Float64Array): Settled {
  const { dataCount, parityCount } = sent;
  const total = dataCount + parityCount;
  const order = Array.from({ length: total }, (_, i) => i)
    .filter((i) => Number.isFinite(arrivals[i]))
    .sort((a, b) => (arrivals[a] as number) - (arrivals[b] as number));
  const windowNs = sentNs + limit("loss_window_ms") * 1e6;
  const last = order[dataCount - 1];
  const isComplete = last !== undefined && (arrivals[last] as number) <= windowNs;
  const settledNs = isComplete ? (arrivals[last] as number) : windowNs;
  let newestNs = settledNs;
  let end = 0;
  let late = 0;
  const came = new Uint8Array(total);
  for (const i of order) {
    const atNs = arrivals[i] as number;
    if (atNs > newestNs + waitNs) break;
    came[i] = 1;
    if (atNs <= settledNs) end = Math.max(end, i + 1);
    else if (!isComplete || i < end) late++;
    newestNs = Math.max(newestNs, atNs);
  }
  return { atNs: newestNs + waitNs, isComplete, loss: { ...shapeOf(frame, sent, came), late } };
}

function shapeOf(frame: number, { dataCount, parityCount }: Sent, came: Uint8Array) {
  let [lost, places, runs, longestRun, run] = [0, 0, 0, 0, 0];
  came.forEach((is, i) => {
    run = is === 1 ? 0 : run + 1;
    if (run === 0) return;
    lost++;
    places += i;
    if (run === 1) runs++;
    longestRun = Math.max(longestRun, run);
  });
  const spread = lost * (came.length - lost);
  const tailLost =
    spread === 0 ? lost : Math.round((lost * (places - (lost * (lost - 1)) / 2)) / spread);
  return { frame, dataCount, parityCount, lost, tailLost, runs, longestRun };
}

/** The client's end: frames as they are closed become reports. */
class Receiver {
  readonly #waiting: Settled[] = [];
  #earlier: LossCounters = zero;
  #packets = 0;

  take(settled: Settled, packets: number): void {
    this.#waiting.push(settled);
    this.#packets += packets;
  }

  report(atMs: number) {
    const due = this.#waiting.filter(({ atNs }) => atNs <= atMs * 1e6);
    this.#waiting.splice(0, Infinity, ...this.#waiting.filter(({ atNs }) => atNs > atMs * 1e6));
    const losses = due.map(({ loss }) => loss);
    const sum = (of: (loss: FrameLoss) => number) =>
      losses.reduce((total, loss) => total + of(loss), 0);
    const { packetsLost, packetsLate, framesComplete, framesLost, shardsSettled } = this.#earlier;
    const complete = due.filter(({ isComplete }) => isComplete).length;
    const later: LossCounters = {
      ...this.#earlier,
      atMs,
      packets: this.#packets,
      packetsLost: packetsLost + sum(({ lost }) => lost),
      packetsLate: packetsLate + sum(({ late }) => late),
      framesComplete: framesComplete + complete,
      framesLost: framesLost + due.length - complete,
      shardsSettled: shardsSettled + sum((loss) => loss.dataCount + loss.parityCount),
    };
    const report = lossReport(this.#earlier, later, losses);
    this.#earlier = later;
    return report;
  }
}

const zero: LossCounters = {
  atMs: 0,
  packets: 0,
  packetsLost: 0,
  packetsLate: 0,
  packetsDropped: 0,
  framesComplete: 0,
  framesRecovered: 0,
  framesLost: 0,
  shardsSettled: 0,
};

/** Runs a trace with a share that stays (in thousandths) or one that adapts. */
export function simulate(trace: Trace, share: number | "adaptive", seed = 1): Simulation {
  const random = new SeededRandom(seed);
  const path = trace.open(new SeededRandom(seed + 1));
  const receiver = new Receiver();
  const initial = perMille(share === "adaptive" ? limit("parity_permille_default") : share);
  let state: ParityState = initialParityState(initial, share !== "adaptive");
  let table = parityTable(state.share);
  const meanBytes = (trace.mbps * 1e6) / 8 / framesPerSecond;
  let [reportMs, keyframeAt] = [-1000 * trace.onset, 0];
  let [frames, framesLost, dataPackets, parityPackets] = [0, 0, 0, 0];
  const shares: { seconds: number; permille: number }[] = [];
  const causes = new Set<string>();
  for (let frame = 0; frame < (trace.onset + trace.seconds) * framesPerSecond; frame++) {
    const nowMs = (frame * 1000) / framesPerSecond - 1000 * trace.onset;
    for (; reportMs + reportDelayMs <= nowMs; reportMs += lossIntervalMs) {
      const event = { type: "report", report: receiver.report(reportMs) } as const;
      const before = state;
      state = adaptParity(state, event, reportMs + reportDelayMs).state;
      if (state.share !== before.share || state.loss !== before.loss) {
        table = parityTable(state.share, state.loss);
      }
      if (nowMs < 0) continue;
      shares.push({ seconds: nowMs / 1000, permille: state.share });
      causes.add(state.cause);
    }
    const factor = frame === keyframeAt ? keyframeFactor : 0.5 + random.unit();
    const sent = cut(meanBytes * factor, state.share, table);
    const departures = depart(sent, trace.mbps, nowMs * 1e6);
    const arrivals = new Float64Array(departures.count).fill(Number.POSITIVE_INFINITY);
    const link = nowMs < 0 ? clean : path(nowMs / 1000);
    const lost = link(departures, (i, atNs) => {
      arrivals[i] = Math.min(arrivals[i] as number, atNs);
    });
    const sentNs = departures.atNs[departures.count - 1] as number;
    const settled = settle(frame, sent, sentNs, arrivals);
    receiver.take(settled, departures.count - lost);
    if (!settled.isComplete && keyframeAt <= frame) keyframeAt = frame + keyframeDelayFrames;
    if (nowMs < 0) continue;
    frames++;
    if (!settled.isComplete) framesLost++;
    dataPackets += sent.dataCount;
    parityPackets += sent.parityCount;
  }
  const parityPct = (100 * parityPackets) / dataPackets;
  return { frames, framesLost, parityPct, shares, adaptedMs: adapted(shares), causes: [...causes] };
}

const clean: Link = ({ count, packetBytes, atNs }, arrive) => {
  for (let i = 0; i < count; i++) arrive(i, atNs[i] as number, packetBytes);
  return 0;
};

/** The burst leaves at once, the rest at four times the stream's rate. */
function depart(sent: Sent, mbps: number, nowNs: number): Departures {
  const count = sent.dataCount + sent.parityCount;
  const packetBytes = sent.shardBytes + packetHeader.bytes + shardHeader.bytes + sealTagBytes;
  const atNs = new Float64Array(count);
  const pacedNsPerByte = 8e3 / (mbps * limit("pace_multiple"));
  for (let i = 0, at = nowNs; i < count; i++) {
    atNs[i] = at;
    at += packetBytes * (i * packetBytes < limit("burst_bytes") ? nsPerByte : pacedNsPerByte);
  }
  return { count, packetBytes, atNs };
}

/** A share that stays within so many thousandths of what it was did not have to adapt. */
const changeMin = 25;
/** Of the way from the first share to the mean. */
const adaptedPart = 0.8;

function adapted(shares: Simulation["shares"]): number | null {
  const soon = shares.filter(({ seconds }) => seconds < 20);
  const [first] = soon;
  if (first === undefined) return null;
  const mean = soon.reduce((sum, { permille }) => sum + permille, 0) / soon.length;
  if (Math.abs(mean - first.permille) < changeMin) return null;
  const there = soon.find(({ permille }) => {
    return (permille - first.permille) / (mean - first.permille) >= adaptedPart;
  });
  return there === undefined ? null : Math.round(1000 * there.seconds);
}
