/** Where a session's time and frames went in the last seconds, as its host knows it. */
import { diagnose, type StreamFigures } from "../../base/bottleneck.ts";
import { byStage } from "../../base/stages.ts";
import { type Percentiles, typical } from "../../base/stats.ts";
import type { MessageOf } from "../../wire/control.ts";
import type { Why } from "../../wire/management.ts";
import { clockOf, freshStats, hostStage, type LiveSample } from "./live.ts";

type Stats = MessageOf<"clientStats">;

/** Of samples in the order of time; null while there are fewer than two. */
export function whyOf(
  samples: readonly LiveSample[],
  facts: { readonly session: number; readonly peer: string },
): Why | null {
  const [earlier, later] = [samples[0], samples.at(-1)];
  if (earlier === undefined || later === undefined || earlier === later) return null;
  const told = toldIn(samples.slice(1));
  const client = (read: (stats: Stats) => Percentiles | null) => typical(told.map(read));
  const stagesUs = byStage(
    (stage) =>
      hostStage(stage, earlier, later) ??
      client(({ stagesUs: of }) => of?.[stage as keyof NonNullable<typeof of>] ?? null),
  );
  const figures: StreamFigures = { ...countsBetween(earlier, later), stages: stagesUs };
  return {
    ...facts,
    side: "host",
    mode: later.stream.mode,
    seconds: figures.seconds,
    ...diagnose(figures),
    stagesUs,
    captureToPresentedUs: client((stats) => stats.captureToPresentedUs),
    clock: clockOf(freshStats(later)),
  };
}

/** What the client told of the time between the samples, each once. */
function toldIn(samples: readonly LiveSample[]): readonly Stats[] {
  const byTime = new Map(samples.map(({ heard }) => [heard.statsAtMs, heard.stats]));
  return [...byTime.values()].filter((stats) => stats !== null);
}

function countsBetween(earlier: LiveSample, later: LiveSample): Omit<StreamFigures, "stages"> {
  const [first, last] = [earlier.heard, later.heard];
  const isHeard = last.reports > first.reports;
  const reported = (name: keyof LiveSample["heard"]["packets"]) =>
    isHeard ? last.packets[name] - first.packets[name] : null;
  const told = (
    name: "framesDecoded" | "packetsDisordered" | "decodeRefused" | "presentReplaced",
  ) => {
    const now = freshStats(later)?.[name] ?? null;
    // Before its first figures the client had counted nothing.
    const before = first.stats === null ? 0 : first.stats[name];
    return now === null || before === null ? null : now - before;
  };
  return {
    seconds: (later.atMs - earlier.atMs) / 1000,
    sourceSeconds: null,
    refreshHz: later.refreshHz,
    framesCaptured: later.framesCaptured - earlier.framesCaptured,
    framesReplaced: later.framesReplaced - earlier.framesReplaced,
    framesSent: later.framesSent - earlier.framesSent,
    sendDropped: later.packetsDropped - earlier.packetsDropped,
    packetsReceived: reported("received"),
    packetsLost: reported("lost"),
    packetsLate: reported("late"),
    socketDropped: reported("dropped"),
    clientHeldUs: null,
    framesLost: isHeard ? last.frames.lost - first.frames.lost : null,
    packetsDisordered: told("packetsDisordered"),
    decodeRefused: told("decodeRefused"),
    framesDecoded: told("framesDecoded"),
    presentReplaced: told("presentReplaced"),
    isClockSuspect: freshStats(later)?.clockSuspect ?? false,
  };
}
