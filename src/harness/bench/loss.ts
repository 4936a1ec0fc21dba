/** A network that loses packets: how many frames it costs, and for how long the picture is gone. */
import { millis } from "../../base/units.ts";
import { PictureTap } from "../../ffi/decode/tap.ts";
import { runLoopback } from "../loopback.ts";
import { type Row, type Section, show, verdictOf } from "./row.ts";

const seconds = 10;
const loss = 0.05;
const framesLostPctWanted = 0.2;
const gapMsWanted = 100;
const seed = 20_240_501;
/** How closely the times of pictures are seen. */
const pollMs = 1;

export const benchLoss: Section = async (progress) => {
  progress(`1280x720@60 for ${seconds} s over a link that loses ${100 * loss}% of packets`);
  const tap = new PictureTap({ readMarkers: true });
  const gaps = new GapWatch(() => tap.counters.get("frames"));
  try {
    const { summary, error, link, reports } = await runLoopback({
      host: { encoder: "libx264" },
      client: { pictureSink: tap.sink() },
      down: { loss },
      seed,
      durationMs: millis(seconds * 1000),
    });
    gaps.stop();
    if (error !== undefined) throw error;
    if (summary === undefined || link === undefined) throw new Error("there was no stream");
    const sent = reports.find((report) => report.type === "session-ended");
    const { frames } = summary;
    const lostPct = (100 * frames.lost) / (frames.received + frames.lost);
    const dataPackets = sent === undefined ? null : sent.packetsSent - sent.parityPackets;
    const parityPct =
      sent === undefined || dataPackets === null ? null : (100 * sent.parityPackets) / dataPackets;
    const packetsLostPct = (100 * link.down.lost) / (link.down.lost + link.down.forwarded);
    const unreadable = tap.counters.get("markers_unreadable");
    const how =
      `libx264, ${seconds} s, seed ${seed}: ${show(packetsLostPct, 2)}% of packets lost, ` +
      `parity really sent ${show(parityPct, 1)}% of data`;
    const rows: Row[] = [
      {
        what: "frames lost at 5% loss",
        wanted: `< ${framesLostPctWanted}%`,
        seen:
          `${show(lostPct, 2)}% (${frames.lost} of ${frames.received + frames.lost}, ` +
          `${frames.recovered} rebuilt)`,
        verdict: verdictOf(lostPct < framesLostPctWanted),
        method: how,
        figures: { ...frames, lostPct, packetsLostPct, parityPct },
      },
      {
        what: "longest time without a right picture",
        wanted: `≤ ${gapMsWanted} ms`,
        seen: `${show(gaps.longestMs)} ms (${unreadable} pictures unreadable)`,
        verdict: verdictOf(gaps.longestMs <= gapMsWanted && unreadable === 0),
        method: `between decoded pictures, each with a marker that reads; seen each ${pollMs} ms`,
        figures: { longestMs: gaps.longestMs, unreadable },
      },
    ];
    return rows;
  } finally {
    gaps.stop();
    tap.close();
  }
};

/** The longest time in which a count did not grow, after it had begun to. */
class GapWatch {
  longestMs = 0;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(count: () => number) {
    let seen = 0;
    let since = 0;
    this.#timer = setInterval(() => {
      const now = performance.now();
      const current = count();
      if (current === seen) return;
      if (seen > 0) this.longestMs = Math.max(this.longestMs, now - since);
      seen = current;
      since = now;
    }, pollMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
