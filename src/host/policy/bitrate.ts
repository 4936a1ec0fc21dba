/** What becomes of the bitrate that a client asks for. */
import { type Kbps, kbps } from "../../base/units.ts";
import { limit } from "../../wire/limits.ts";

export interface BitrateBounds {
  /** For a client that asks for none. */
  readonly bitrateKbpsDefault: number;
  /** What the host gives at most. */
  readonly bitrateKbpsMax: number;
}

const protocol: BitrateBounds = {
  bitrateKbpsDefault: limit("bitrate_kbps_default"),
  bitrateKbpsMax: limit("bitrate_kbps_max"),
};

/** The bitrate that the host takes: the wish, or the default, within its and the protocol's limits. */
export function resolveBitrate(requested: number | null, bounds: BitrateBounds = protocol): Kbps {
  const isWish = requested !== null && Number.isFinite(requested);
  const whole = Math.round(isWish ? requested : bounds.bitrateKbpsDefault);
  const most = Math.min(limit("bitrate_kbps_max"), bounds.bitrateKbpsMax);
  return kbps(Math.min(most, Math.max(limit("bitrate_kbps_min"), whole)));
}
