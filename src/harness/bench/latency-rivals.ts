/**
 * Other ways to carry the same pictures, side by side with punktfunk in one run: same source, same
 * encoder, same decoder, same tap that reads the markers, all in one process by turns.
 */
import { PfError } from "../../base/errors.ts";
import type { Histogram } from "../../base/stats.ts";
import { kbps, millis } from "../../base/units.ts";
import { PictureTap } from "../../ffi/decode/tap.ts";
import type { RivalPath } from "../../ffi/rival/rival.ts";
import { parseMode } from "../../wire/mode.ts";
import { runLoopback } from "../loopback.ts";
import { streamRival } from "../rival-path.ts";
import { percentile, type Row, show, type Verdict, verdictOf } from "./row.ts";

const mode = parseMode("1280x720@60");
const bitrate = kbps(20_000);
/** Each way by turns, so that all see the same machine. */
const turns = 5;
const seconds = 4;
const addedUsWanted = 300;

type Way = "punktfunk" | RivalPath;
const ways: Readonly<Record<Way, string>> = {
  punktfunk: "punktfunk, sealed and with parity",
  bareRtp: "bare RTP over UDP",
  playerRtp: "RTP to libavformat's demuxer",
  srt: "SRT, latency 0",
};

interface Median {
  readonly p50: number;
  readonly p99: number;
}

/** Of each turn; empty where this machine can't go that way. */
type Medians = Readonly<Record<Way, readonly Median[]>>;

export async function rivalRows(progress: (text: string) => void): Promise<Row[]> {
  progress(`${turns} turns of ${Object.keys(ways).length} ways, ${seconds} s each`);
  const medians: Record<Way, Median[]> = { punktfunk: [], bareRtp: [], playerRtp: [], srt: [] };
  for (let turn = 0; turn < turns; turn++) {
    for (const way of Object.keys(ways) as Way[]) {
      const seen = await (way === "punktfunk" ? streamOurs() : streamTheirs(way));
      const figures = seen?.percentiles();
      if (figures === null) throw new Error(`no picture came by ${ways[way]}`);
      if (figures !== undefined) medians[way].push(figures);
    }
  }
  return [
    againstRow(medians, "bareRtp", littleMore),
    againstRow(medians, "srt", less),
    againstRow(medians, "playerRtp"),
  ];
}

async function streamOurs(): Promise<Histogram> {
  const tap = new PictureTap({ readMarkers: true });
  tap.setClockOffset(0n);
  try {
    const { error } = await runLoopback({
      client: { mode, bitrateKbps: bitrate, pictureSink: tap.sink() },
      durationMs: millis(seconds * 1000),
    });
    if (error !== undefined) throw error;
    return tap.counters.histogram("marker_to_tap_us");
  } finally {
    tap.close();
  }
}

/** undefined where this machine's libavformat can't. */
async function streamTheirs(path: RivalPath): Promise<Histogram | undefined> {
  const pictures = (seconds * mode.refreshMilliHz) / 1000;
  try {
    const { markerToTapUs } = await streamRival({ path, mode, bitrateKbps: bitrate, pictures });
    return markerToTapUs;
  } catch (error) {
    if (error instanceof PfError && /has no srt/.test(error.message)) return undefined;
    throw error;
  }
}

interface Goal {
  readonly wanted: string;
  readonly isReached: (addedUs: number) => boolean;
}

const littleMore: Goal = {
  wanted: `≤ ${addedUsWanted} µs more`,
  isReached: (addedUs) => addedUs <= addedUsWanted,
};
const less: Goal = { wanted: "less", isReached: (addedUs) => addedUs < 0 };

function againstRow(medians: Medians, rival: RivalPath, goal?: Goal): Row {
  const of = (way: Way, name: "p50" | "p99") =>
    percentile(
      medians[way].map((figures) => figures[name]),
      0.5,
    );
  const [p50, p99] = [of("punktfunk", "p50"), of("punktfunk", "p99")];
  const [rivalP50, rivalP99] = [of(rival, "p50"), of(rival, "p99")];
  // Of each turn by itself: what else the machine does changes slower than that.
  const added = percentile(
    medians[rival].map((theirs, turn) => (medians.punktfunk[turn] as Median).p50 - theirs.p50),
    0.5,
  );
  const verdict = (): Verdict => {
    if (added === null) return "absent";
    return goal === undefined ? "report" : verdictOf(goal.isReached(added));
  };
  return {
    what: `beside ${ways[rival]}`,
    wanted: goal?.wanted ?? "",
    seen:
      added === null
        ? "this machine's libavformat has no such way"
        : `${show(added)} µs: p50 ${show(p50)} and ${show(rivalP50)} µs, ` +
          `p99 ${show(p99)} and ${show(rivalP99)} µs`,
    verdict: verdict(),
    method:
      `capture to decoded pixels, 1280x720@60, libx264 at ${bitrate / 1000} Mbps, one process; ` +
      `median of ${turns} turns of ${seconds} s`,
    figures: { added, p50, rivalP50, p99, rivalP99 },
  };
}
