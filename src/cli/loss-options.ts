/** Reads the flags of a sweep. Throws PF_USAGE with what would be right. */
import { PfError } from "../base/errors.ts";
import { type LinkModelName, linkModelNames } from "../harness/loss/models.ts";
import { type LossScheme, lossSchemes, pictureBytesMax } from "../harness/loss/run.ts";
import type { SweepOptions } from "../harness/loss/sweep.ts";
import { limit } from "../wire/limits.ts";
import { parseChoice, parseCount, parseDuration } from "./arguments.ts";

export interface SweepFlags {
  readonly schemes: string;
  readonly model: string;
  readonly loss: string;
  readonly "frame-bytes": string;
  readonly parity: string;
  readonly frames: string;
  readonly fps: string;
  readonly seed: string;
  readonly burst: string;
  readonly hold: string;
  readonly jitter: string;
  readonly queue: string;
}

/** More frames than this in a row say nothing that fewer would not. */
const framesMax = 1_000_000;
/** The packets of this many milliseconds at `fpsMax` fit the slots of the lab. */
const delayMsMost = 250;
const fpsMax = 240;
const burstMax = 65_535;

export function parseSweep(flags: SweepFlags): SweepOptions {
  const [parityMin, parityMax] = [limit("parity_permille_min"), limit("parity_permille_max")];
  return {
    schemes: parseList(
      flags.schemes,
      "--schemes",
      (text): LossScheme => parseChoice(text, "scheme", lossSchemes),
    ),
    models: parseList(
      flags.model,
      "--model",
      (text): LinkModelName => parseChoice(text, "model", linkModelNames),
    ),
    lossPcts: parseList(flags.loss, "--loss", parsePercent),
    frameBytes: parseList(flags["frame-bytes"], "--frame-bytes", (text) =>
      parseCount(text, "the bytes of a frame", 1, pictureBytesMax),
    ),
    parityPcts: parseList(flags.parity, "--parity", (text) =>
      parseCount(text, "the percent of parity", parityMin / 10, parityMax / 10),
    ),
    frames: parseCount(flags.frames, "the frames in a row", 1, framesMax),
    seed: parseCount(flags.seed, "a seed", 0, 0xffff_ffff),
    shape: {
      intervalMs: 1000 / parseCount(flags.fps, "the frames a second", 1, fpsMax),
      burstPackets: parseCount(flags.burst, "the packets of a burst", 1, burstMax),
      holdMs: parseDelay(flags.hold, "--hold"),
      jitterMs: parseDelay(flags.jitter, "--jitter"),
      queueMs: parseDelay(flags.queue, "--queue"),
    },
  };
}

/** `a,b,c`, each once. */
function parseList<Item>(text: string, flag: string, parse: (text: string) => Item): Item[] {
  const items = text.split(",").map((part) => parse(part.trim()));
  if (new Set(items).size < items.length) {
    throw new PfError("PF_USAGE", `${flag} "${text}" names something twice.`, {
      hint: "Write each once, with commas between.",
    });
  }
  return items;
}

function parsePercent(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value > 100) {
    throw new PfError("PF_USAGE", `"${text}" is not a share of loss.`, {
      hint: "Write 0 to 100 percent, with commas between several.",
    });
  }
  return value;
}

function parseDelay(text: string, flag: string): number {
  const delayMs = parseDuration(text);
  if (delayMs > delayMsMost) {
    throw new PfError("PF_USAGE", `${flag} ${text} is too long.`, {
      hint: `Write at most ${delayMsMost}ms.`,
    });
  }
  return delayMs;
}
