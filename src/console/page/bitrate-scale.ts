/**
 * Where a bitrate lies on a slider. Its places are round numbers, about equal factors apart, so
 * that 1 and 100 Mbps have the same room and each arrow key leads to another one.
 */
import { limit } from "../../wire/limits.ts";

export const bitrateKbpsMin = limit("bitrate_kbps_min");
export const bitrateKbpsMax = limit("bitrate_kbps_max");

/** Of each power of ten, in tenths: steps of 7 to 18%. */
const roundTenths = [
  ...[10, 11, 12, 13, 15, 17, 20, 22, 25, 28],
  ...[30, 35, 40, 45, 50, 55, 60, 70, 80, 90],
];

const stops = [10, 100, 1000, 10_000, 100_000]
  .flatMap((decade) => roundTenths.map((tenths) => tenths * decade))
  .filter((kbps) => kbps >= bitrateKbpsMin && kbps <= bitrateKbpsMax);

/** The slider's last place; the first is 0. */
export const sliderMax = stops.length - 1;

/** The place that is nearest to a bitrate. */
export function sliderOf(kbps: number): number {
  const distance = (stop: number) => Math.abs(Math.log(stop / clampBitrate(kbps)));
  return stops.reduce(
    (best, stop, index) => (distance(stop) < distance(stops[best] ?? 0) ? index : best),
    0,
  );
}

/** The bitrate at a place of the slider. */
export function bitrateAt(slider: number): number {
  return stops[Math.min(sliderMax, Math.max(0, Math.round(slider)))] ?? bitrateKbpsMin;
}

/** Within what encoders take, in whole kbps. */
export function clampBitrate(kbps: number): number {
  return Math.round(Math.min(bitrateKbpsMax, Math.max(bitrateKbpsMin, kbps)));
}
