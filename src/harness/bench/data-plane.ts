/**
 * The data plane, part by part and whole: the erasure codes, sending and receiving by the processor
 * time that each end uses, sealing, and a speed test over a cable. The folders of src/ffi measure;
 * here is what each figure must reach.
 */
import { type FecFigure, bench as measureFec } from "../../ffi/fec/bench.ts";
import { type MediaFigure, bench as measureMedia } from "../../ffi/media/bench.ts";
import { type Row, type Section, show, verdictOf } from "./row.ts";
import { benchSpeed } from "./speed.ts";

export const benchDataPlane: Section = async (progress) => [
  ...(await benchFec(progress)),
  ...(await benchMedia(progress)),
  ...(await benchSpeed(progress)),
];

/** GB/s of data that catid/leopard reached with AVX2 on an AMD EPYC of two cores, one used. */
const leopard: Readonly<Record<string, number>> = {
  "gf16 encode 1740+348x1216 avx2": 2.9,
  "gf16 encode 435+87x1216 avx2": 4,
  "gf16 encode 174+35x1216 avx2": 7.3,
  "gf16 encode 35+7x1216 avx2": 13.7,
  "gf16 decode 1740+348x1216 -348 avx2": 0.62,
  "gf16 decode 35+7x1216 -7 avx2": 2.9,
};

export const benchFec: Section = async (progress) => {
  progress("the erasure codes, each shape by several kernels in turn");
  return (await measureFec()).map(fecRow);
};

function fecRow({ name, gbPerS, wantedGbPerS, timesReference }: FecFigure): Row {
  const least = wantedGbPerS ?? leopard[name];
  return {
    what: name,
    wanted: least === undefined ? "" : `≥ ${least} GB/s`,
    seen: `${show(gbPerS, 1)} GB/s, ${show(timesReference, 1)} times ssse3`,
    verdict: least === undefined ? "report" : verdictOf(gbPerS >= least),
    method:
      leopard[name] === undefined
        ? "data (without parity) a second on one core, median of 31 runs"
        : "the same; wanted is what catid/leopard reaches with AVX2",
    figures: { gbPerS, timesReference },
  };
}

/** What must be reached, by the line's name: its figure, and whether it is the least or the most. */
const mediaGoals: Readonly<
  Record<string, readonly [figure: string, kind: "≥" | "≤", goal: number]>
> = {
  "send 2 MB frames by GSO": ["gbpsPerCore", "≥", 10],
  "receive 2 MB frames, none lost": ["gbpsPerCore", "≥", 10],
  "receive 2 MB frames, 5% lost": ["gbpsPerCore", "≥", 6],
  "100 Mbps at 60 fps": ["sendCpuPercent", "≤", 3],
};

export const benchMedia: Section = async (progress) => {
  progress("access units through sender, loopback and receiver");
  return (await measureMedia()).map(mediaRow);
};

function mediaRow({ name, ...rest }: MediaFigure): Row {
  const figures = Object.fromEntries(
    Object.entries(rest).filter((entry): entry is [string, number] => Number.isFinite(entry[1])),
  );
  const words = Object.entries(figures).map(
    ([figure, value]) => `${figure} ${show(value, Number.isInteger(value) ? 0 : 1)}`,
  );
  const goal = mediaGoals[name];
  const value = goal === undefined ? undefined : figures[goal[0]];
  return {
    what: name,
    wanted: goal === undefined ? "" : `${goal[0]} ${goal[1]} ${goal[2]}`,
    seen: words.join(", "),
    verdict:
      goal === undefined || value === undefined
        ? "report"
        : verdictOf(goal[1] === "≥" ? value >= goal[2] : value <= goal[2]),
    method: "20% parity and AES-128-GCM; access units by the processor time of each end's threads",
    figures,
  };
}
