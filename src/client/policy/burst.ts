/**
 * What a burst of a speed test says: its figures from what both ends counted, and whether the path
 * carries its rate. Pure. A figure that was not measured is null, never 0.
 */
import type { MessageOf } from "../../wire/control.ts";
import { limit } from "../../wire/limits.ts";

/** What the client counted during a burst. */
export interface BurstCounts {
  /** Packets of filler and its parity that were opened. */
  readonly packets: number;
  /** Of all packets: those that came behind a newer one, or after they had been given up. */
  readonly packetsDisordered: number;
  readonly packetsLate: number;
  readonly frames: number;
  readonly frameBytes: number;
  readonly framesRecovered: number;
  /** When the first and the last frame were complete, and the size of the first. */
  readonly firstNs: number;
  readonly lastNs: number;
  readonly firstBytes: number;
  readonly jitterNs: number;
  /** Packets for which the client's socket had no room. */
  readonly kernelDrops: number;
  /** Packets that came and were refused. */
  readonly clientDrops: number;
}

export interface Burst {
  /** What the host was to send. */
  readonly targetKbps: number;
  /** The most that the host sends. */
  readonly ceilingKbps: number;
  /** At which the host really sent; null when it sent nothing. */
  readonly sentKbps: number | null;
  /** Goodput: bytes of whole frames. */
  readonly throughputKbps: number | null;
  readonly durationMs: number;
  /** Of packets. */
  readonly lossPct: number | null;
  readonly jitterUs: number | null;
  readonly packets: {
    readonly sent: number;
    readonly received: number;
    readonly lost: number;
    readonly late: number;
    readonly disordered: number;
  };
  readonly frames: {
    readonly offered: number;
    readonly sent: number;
    readonly received: number;
    readonly recovered: number;
    readonly lost: number;
  };
  /** Packets by the place where they were dropped. */
  readonly drops: {
    readonly sender: number;
    readonly network: number;
    readonly kernel: number;
    readonly client: number;
  };
}

type Started = MessageOf<"probeStarted">;
type Result = MessageOf<"probeResult">;

export function burstOf(started: Started, result: Result, counts: BurstCounts): Burst {
  const received = Math.min(counts.packets, result.packetsSent);
  const lost = result.packetsSent - received;
  return {
    targetKbps: started.rateKbps,
    ceilingKbps: started.rateKbpsMax,
    sentKbps: sentRate(result),
    throughputKbps: throughput(result, counts),
    durationMs: result.durationMs,
    lossPct: percent(lost, result.packetsSent),
    jitterUs: counts.frames < 2 ? null : Math.round(counts.jitterNs / 1000),
    packets: {
      sent: result.packetsSent,
      received,
      lost,
      late: counts.packetsLate,
      disordered: counts.packetsDisordered,
    },
    frames: {
      offered: result.framesOffered,
      sent: result.framesSent,
      received: counts.frames,
      recovered: counts.framesRecovered,
      lost: Math.max(0, result.framesSent - counts.frames),
    },
    drops: {
      sender: result.packetsDropped,
      network: Math.max(0, lost - counts.kernelDrops - counts.clientDrops),
      kernel: counts.kernelDrops,
      client: counts.clientDrops,
    },
  };
}

/** A host that is too slow needs longer than the burst was to be. */
function sentRate({ framesSent, framesOffered, bytesSent, sendUs }: Result): number | null {
  if (framesSent === 0) return null;
  const wholeMs = framesOffered * frameMs;
  return Math.round((bytesSent * 8) / Math.max(wholeMs, sendUs / 1000));
}

const frameMs = 1000 / limit("probe_frames_per_second");

/**
 * Kilobits a second from the completion of the first frame to that of the last, in which all but
 * the first came; never over less time than the burst had, or frames lost at its ends would not
 * count. A queue on the path makes the time longer.
 */
function throughput(result: Result, counts: BurstCounts): number | null {
  if (result.framesOffered < 2) return null;
  if (counts.frames < 2) return counts.frames === 0 ? 0 : null;
  const spanMs = Math.max(
    (counts.lastNs - counts.firstNs) / 1e6,
    (result.framesOffered - 1) * frameMs,
  );
  return Math.round(((counts.frameBytes - counts.firstBytes) * 8) / spanMs);
}

/** With two decimals; null of nothing. */
export function percent(part: number, whole: number): number | null {
  return whole <= 0 ? null : Math.round((part / whole) * 10_000) / 100;
}

/** Whether a rate was carried, or what kept it from that. */
export type Verdict = "held" | "host" | "network" | "client";

/** A frame at each end of a short burst may fall out of its time. */
const heldShareMin = 0.95;

/** Loss in percent that the usual share of parity is meant for: frames come through it. */
export const lossPctBearable = limit("parity_permille_default") / 10 / 4;

/** Whether the path carries a burst with at most `lossPctMost` of its packets lost. */
export function judgeBurst(burst: Burst, lossPctMost: number): Verdict {
  const { drops, packets, targetKbps } = burst;
  if ((burst.sentKbps ?? 0) < targetKbps * heldShareMin) return "host";
  if (packets.sent < (packets.sent + drops.sender) * heldShareMin) return "host";
  const carries = (burst.throughputKbps ?? 0) >= targetKbps * heldShareMin;
  if (carries && (burst.lossPct ?? 0) <= lossPctMost) return "held";
  return drops.kernel + drops.client > drops.network ? "client" : "network";
}

/** What of a measured rate a stream should take: it needs room for what else the path carries. */
const recommendedShare = 0.7;

/** A bitrate for streams on a path that carries `throughputKbps`; null when it carries nothing. */
export function recommendedKbps(throughputKbps: number | null): number | null {
  if (throughputKbps === null || throughputKbps === 0) return null;
  return Math.min(limit("bitrate_kbps_max"), Math.floor(throughputKbps * recommendedShare));
}
