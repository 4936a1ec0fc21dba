/** A display mode as people write it (`1280x720@60`) and as it travels. */
import { PfError } from "../base/errors.ts";
import { type MilliHz, milliHz } from "../base/units.ts";
import { limit } from "./limits.ts";

export interface Mode {
  /** Pixels, even. */
  readonly width: number;
  /** Pixels, even. */
  readonly height: number;
  readonly refreshMilliHz: MilliHz;
}

const pattern = /^(\d{1,5})x(\d{1,5})(?:@(\d{1,4}(?:\.\d{1,3})?)(?:hz)?)?$/i;

/** The refresh rate that is meant when only a size is given. */
export const defaultRefreshHz = 60;

/** Parses `WxH` or `WxH@Hz`. Throws PF_MODE_INVALID with what would be right. */
export function parseMode(text: string): Mode {
  const match = pattern.exec(text.trim());
  if (match === null) {
    throw new PfError("PF_MODE_INVALID", `"${text}" is not a display mode.`, {
      hint: "Write WIDTHxHEIGHT@HZ, for example 1920x1080@60.",
    });
  }
  const mode: Mode = {
    width: Number(match[1]),
    height: Number(match[2]),
    refreshMilliHz: milliHz(Math.round(Number(match[3] ?? defaultRefreshHz) * 1000)),
  };
  const problem = modeProblem(mode);
  if (problem !== undefined) throw new PfError("PF_MODE_INVALID", `Mode ${text}: ${problem}`);
  return mode;
}

/** What is wrong with a mode, as a sentence; undefined when nothing is. */
export function modeProblem(mode: Mode): string | undefined {
  const { width, height, refreshMilliHz } = mode;
  const outside = (value: number, low: number, high: number) =>
    !Number.isInteger(value) || value < low || value > high;
  if (outside(width, limit("width_min"), limit("width_max"))) {
    return `the width must be ${limit("width_min")} to ${limit("width_max")} pixels.`;
  }
  if (outside(height, limit("height_min"), limit("height_max"))) {
    return `the height must be ${limit("height_min")} to ${limit("height_max")} pixels.`;
  }
  if (width % 2 !== 0 || height % 2 !== 0) {
    return "width and height must be even, since colour is coded for blocks of 2x2 pixels.";
  }
  const [low, high] = [limit("refresh_hz_min"), limit("refresh_hz_max")];
  if (outside(refreshMilliHz, low * 1000, high * 1000)) {
    return `the refresh rate must be ${low} to ${high} Hz.`;
  }
  return undefined;
}

/** `1280x720@60`, with up to three digits of a fractional rate. */
export function formatMode(mode: Mode): string {
  return `${mode.width}x${mode.height}@${mode.refreshMilliHz / 1000}`;
}
