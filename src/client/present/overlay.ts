/** The statistics line over the picture. */
import type { CodecName } from "../../wire/media.ts";

/** Figures of the last second; null = not measured. */
export interface OverlayFigures {
  readonly framesPerSecond: number;
  readonly kbps: number | null;
  readonly latencyUs: { readonly p50: number | null; readonly p99: number | null };
  readonly packetLossPct: number | null;
}

export interface OverlayStream {
  readonly codec: CodecName;
  readonly mode: { readonly width: number; readonly height: number };
}

const codecLabels: Readonly<Record<CodecName, string>> = {
  h264: "H.264",
  hevc: "HEVC",
  av1: "AV1",
};

/** As `60 fps  19.8 Mbps  4.2 ms (p99 7.9)  loss 0%  H.264 1920x1080`. */
export function overlayLine(figures: OverlayFigures, stream: OverlayStream): string {
  const { kbps, latencyUs, packetLossPct } = figures;
  return [
    `${figures.framesPerSecond.toFixed(0)} fps`,
    kbps === null ? "– Mbps" : `${(kbps / 1000).toFixed(1)} Mbps`,
    latencyUs.p50 === null
      ? "– ms"
      : `${milliseconds(latencyUs.p50)} ms (p99 ${milliseconds(latencyUs.p99)})`,
    packetLossPct === null ? "loss –" : `loss ${Number(packetLossPct.toFixed(2))}%`,
    `${codecLabels[stream.codec]} ${stream.mode.width}x${stream.mode.height}`,
  ].join("  ");
}

/** Two figures that matter: 0.85, 4.2, 12. */
function milliseconds(us: number | null): string {
  if (us === null) return "–";
  const value = us / 1000;
  return value.toFixed(value < 1 ? 2 : value < 10 ? 1 : 0);
}
