/** Where a bitrate lies on a slider: on a logarithmic scale, so that 1 and 100 Mbps have room. */
import { limit } from "../../wire/limits.ts";

export const bitrateKbpsMin = limit("bitrate_kbps_min");
export const bitrateKbpsMax = limit("bitrate_kbps_max");
/** Steps of the slider; an arrow key is one: 1.7%. */
export const sliderSteps = 500;

const span = Math.log(bitrateKbpsMax / bitrateKbpsMin);

/** @returns 0…sliderSteps */
export function sliderOf(kbps: number): number {
  const place = (Math.log(clampBitrate(kbps) / bitrateKbpsMin) / span) * sliderSteps;
  return Math.round(place);
}

/** The bitrate at a place of the slider, with the two digits that people choose by. */
export function bitrateAt(slider: number): number {
  const exact = bitrateKbpsMin * Math.exp((slider / sliderSteps) * span);
  return clampBitrate(Number(exact.toPrecision(2)));
}

/** Within what encoders take, in whole kbps. */
export function clampBitrate(kbps: number): number {
  return Math.round(Math.min(bitrateKbpsMax, Math.max(bitrateKbpsMin, kbps)));
}
