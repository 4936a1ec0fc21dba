/** What is measured: every combination of what was asked for, each a run with a name of its own. */
import type { CodecName } from "../../src/wire/media.ts";

export interface Matrix {
  /** Names of the two ends; every client is measured against the host. */
  readonly host: string;
  readonly clients: readonly string[];
  /** As WxH@Hz. */
  readonly modes: readonly string[];
  readonly codecs: readonly CodecName[];
  /** null = the usual one. */
  readonly bitratesKbps: readonly (number | null)[];
  /** Share of parity in permille; null = auto. */
  readonly fecsPermille: readonly (number | null)[];
  /** Packets thrown away on the way to the client, in percent. */
  readonly lossesPct: readonly number[];
  readonly durationMs: number;
  /** What the cable lets through; null = all that it can. */
  readonly linkKbps: number | null;
}

export interface Plan {
  /** The same for the same measurement, so that what was done is found again. */
  readonly id: string;
  readonly host: string;
  readonly client: string;
  readonly mode: string;
  readonly codec: CodecName;
  readonly bitrateKbps: number | null;
  readonly fecPermille: number | null;
  readonly lossPct: number;
  readonly durationMs: number;
  readonly linkKbps: number | null;
}

/** Every combination, in the order in which it is run: what is compared stands together. */
export function plansOf(matrix: Matrix): Plan[] {
  const { host, durationMs, linkKbps } = matrix;
  const plans = matrix.clients.flatMap((client) =>
    matrix.modes.flatMap((mode) =>
      matrix.codecs.flatMap((codec) =>
        matrix.bitratesKbps.flatMap((bitrateKbps) =>
          matrix.fecsPermille.flatMap((fecPermille) =>
            matrix.lossesPct.map((lossPct) => ({
              ...{ host, client, mode, codec, bitrateKbps, fecPermille, lossPct },
              ...{ durationMs, linkKbps },
            })),
          ),
        ),
      ),
    ),
  );
  const byId = new Map(plans.map((plan) => [idOf(plan), { id: idOf(plan), ...plan }]));
  return [...byId.values()];
}

function idOf(plan: Omit<Plan, "id">): string {
  const { host, client, mode, codec, durationMs, linkKbps } = plan;
  const link = linkKbps === null ? "" : ` over ${showRate(linkKbps)}`;
  const ends = host === "local" ? host : `${host} > ${client}`;
  return `${ends}${link}, ${mode} ${codec}, ${variantOf(plan)}, ${durationMs / 1000} s`;
}

/** What sets a run apart from others of the same mode and codec. */
export function variantOf(plan: Pick<Plan, "bitrateKbps" | "fecPermille" | "lossPct">): string {
  const fec = plan.fecPermille === null ? "auto" : `${plan.fecPermille / 10}%`;
  const bitrate = plan.bitrateKbps === null ? "usual rate" : showRate(plan.bitrateKbps);
  return `${bitrate}, FEC ${fec}, loss ${plan.lossPct}%`;
}

/** 20,000 as "20 Mbps". */
export function showRate(kbps: number): string {
  if (kbps >= 1e6) return `${kbps / 1e6} Gbps`;
  return kbps >= 1000 ? `${kbps / 1000} Mbps` : `${kbps} kbps`;
}
