/** What becomes of the bitrate that a client asks for. */
import { type Kbps, kbps } from "../../base/units.ts";
import { limit } from "../../wire/limits.ts";

/** The bitrate that the host takes: the wish, or the default, within the protocol's limits. */
export function resolveBitrate(requested: number | null): Kbps {
  if (requested === null || !Number.isFinite(requested)) return kbps(limit("bitrate_kbps_default"));
  const whole = Math.round(requested);
  return kbps(Math.min(limit("bitrate_kbps_max"), Math.max(limit("bitrate_kbps_min"), whole)));
}
