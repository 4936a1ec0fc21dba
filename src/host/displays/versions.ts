/**
 * What a compositor of a version lacks, compared with the version that has all that punktfunk uses.
 * Older ones work with what they have. Pure.
 */
import { formatMode, type Mode } from "../../wire/mode.ts";
import { compareVersions } from "../readiness/readiness.ts";

/** From these versions on nothing is missing. */
export const versionFloor = {
  /** Runs without a screen, and takes input through a socket of its own. */
  gamescope: "3.16.22",
  /** Gives a virtual output any refresh rate. */
  kwin: "6.5.6",
} as const;

/** Why a gamescope can't be used, as a sentence; undefined when it can. */
export function gamescopeLacks(version: string): string | undefined {
  if (compareVersions(version, versionFloor.gamescope) >= 0) return undefined;
  return `gamescope ${version} can't run without a screen: ${versionFloor.gamescope} can.`;
}

export interface KwinOutputFound {
  /** Null where it is not known. */
  readonly version: string | null;
  readonly wanted: Mode;
  /** As KWin tells it. */
  readonly active: Mode;
}

/** What differs from what was asked for, as a sentence; empty when nothing does. */
export function kwinNote({ version, wanted, active }: KwinOutputFound): string {
  if (sameMode(wanted, active)) return "";
  const name = version === null ? "This KWin" : `KWin ${version}`;
  const isOld = version !== null && compareVersions(version, versionFloor.kwin) < 0;
  const advice = isOld ? ` ${versionFloor.kwin} can give it any rate.` : "";
  const is = formatMode(active);
  return `${name} runs the output at ${is} instead of ${formatMode(wanted)}.${advice}`;
}

/** 1%: 60 Hz and 59.94 Hz are the same. */
export function sameMode(a: Mode, b: Mode): boolean {
  const difference = Math.abs(a.refreshMilliHz - b.refreshMilliHz);
  const isSize = a.width === b.width && a.height === b.height;
  return isSize && difference * 100 <= b.refreshMilliHz;
}
