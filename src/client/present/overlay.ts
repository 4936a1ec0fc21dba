/** The statistics over the picture: a line, and below it where there is room the stages. */
import { type ByStage, stageNames, stages } from "../../base/stages.ts";
import type { CodecName } from "../../wire/media.ts";

interface Times {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** Figures of the last second; null = not measured. */
export interface OverlayFigures {
  readonly framesPerSecond: number;
  readonly kbps: number | null;
  readonly latencyUs: Times;
  readonly stagesUs: ByStage<Times | null>;
  readonly packetLossPct: number | null;
  readonly clock: {
    readonly skewCorrected: boolean;
    readonly errorNs: number | null;
    readonly suspect: boolean;
  };
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
  const { kbps, latencyUs, packetLossPct, clock } = figures;
  return [
    `${figures.framesPerSecond.toFixed(0)} fps`,
    kbps === null ? "– Mbps" : `${(kbps / 1000).toFixed(1)} Mbps`,
    latencyUs.p50 === null
      ? "– ms"
      : `${milliseconds(latencyUs.p50)} ms (p99 ${milliseconds(latencyUs.p99)})`,
    ...(clock.suspect ? ["clock offset suspect"] : []),
    packetLossPct === null ? "loss –" : `loss ${Number(packetLossPct.toFixed(2))}%`,
    `${codecLabels[stream.codec]} ${stream.mode.width}x${stream.mode.height}`,
  ].join("  ");
}

/** The line, then a table of the stages in milliseconds, and what the times across machines are worth. */
export function overlayText(figures: OverlayFigures, stream: OverlayStream): string {
  const row = (name: string, cells: readonly string[]) =>
    name.padEnd(10) + cells.map((cell) => cell.padStart(7)).join("");
  const times = (of: Times | null) =>
    [of?.p50, of?.p95, of?.p99, of?.max].map((us) => milliseconds(us ?? null));
  return [
    overlayLine(figures, stream),
    row("ms", ["p50", "p95", "p99", "max"]),
    ...stageNames.map((name) => row(stages[name].label, times(figures.stagesUs[name]))),
    row("Whole", times(figures.latencyUs)),
    trustWords(figures.clock),
  ].join("\n");
}

function trustWords({ skewCorrected, errorNs, suspect }: OverlayFigures["clock"]): string {
  if (suspect) return "clock offset suspect: nothing across machines is measured";
  if (!skewCorrected) return "clocks not compared: nothing across machines is measured";
  return `clock offset right to ± ${milliseconds((errorNs ?? 0) / 1000)} ms`;
}

/** Two figures that matter: 0.85, 4.2, 12. */
function milliseconds(us: number | null): string {
  if (us === null) return "–";
  const value = us / 1000;
  return value.toFixed(value < 1 ? 2 : value < 10 ? 1 : 0);
}
