/**
 * The rate that a headless sway without a GPU is run at, so that a busy desktop reaches the rate
 * that the client asked for.
 *
 * wlroots' headless output draws a frame, and only then begins to wait a frame time in whole
 * milliseconds for the next one. Drawing and copying by the processor takes 3 ms at 1920x1080: at
 * 60 Hz a frame then comes each 16 + 3 ms, 52 a second. With a wait that is shorter by the time of
 * drawing they come in time; what is too many when there is less to draw, the capture leaves out.
 */
import { type MilliHz, milliHz } from "../../base/units.ts";
import type { Mode } from "../../wire/mode.ts";

/** Drawing all of the output and copying it for the capture, by one core of 2020. */
const drawNsPerPixel = 1.5;
/** A rate that is low by no more than this is left as it was asked for. */
const shortfallMax = 0.05;

/** What to ask sway for. Small or slow outputs have just the client's rate. */
export function headlessRate({ width, height, refreshMilliHz }: Mode): MilliHz {
  const frameMs = 1_000_000 / refreshMilliHz;
  const drawMs = (width * height * drawNsPerPixel) / 1e6;
  if (Math.floor(frameMs) + drawMs <= frameMs * (1 + shortfallMax)) return refreshMilliHz;
  // Where drawing takes most of the frame time, no wait makes it faster.
  const waitMs = Math.max(1, Math.floor(Math.max(frameMs / 2, frameMs - drawMs)));
  return milliHz(Math.max(refreshMilliHz, Math.floor(1_000_000 / waitMs)));
}
