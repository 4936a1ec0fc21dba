/** What a session did in the last two minutes, one row of figures a second. */
import { byStage, type StageName } from "../../base/stages.ts";
import type { Figures } from "../../wire/management.ts";

export const windowSeconds = 120;

/** Figures that a chart or a table shows, each with how to read it; null: not measured. */
export const readings = {
  captured: (figures: Figures) => figures.fps.captured,
  sent: (figures: Figures) => figures.fps.sent,
  presented: (figures: Figures) => figures.fps.presented,
  bitrate: (figures: Figures) => figures.bitrateKbps,
  loss: (figures: Figures) => figures.lossPct,
  whole: (figures: Figures) => figures.captureToPresentedUs?.p50 ?? null,
  ...byStage(stage),
} as const satisfies Record<string, (figures: Figures) => number | null>;
export type Reading = keyof typeof readings;

function stage(name: StageName): (figures: Figures) => number | null {
  return (figures) => figures.latencyUs[name]?.p50 ?? null;
}

/** A value and how many seconds before the newest one it was measured. */
export interface Point {
  readonly ageSeconds: number;
  readonly value: number | null;
}

export interface Summary {
  readonly now: number | null;
  readonly lowest: number | null;
  readonly mean: number | null;
  readonly highest: number | null;
}

export class History {
  #rows: { readonly atMs: number; readonly figures: Figures }[] = [];

  /** The same second twice counts once. A clock that was set back starts anew. */
  add(figures: Figures): void {
    const atMs = Date.parse(figures.at);
    const newest = this.#rows.at(-1)?.atMs;
    if (newest !== undefined && atMs === newest) return;
    if (newest !== undefined && atMs < newest) this.#rows = [];
    this.#rows.push({ atMs, figures });
    const oldest = atMs - windowSeconds * 1000;
    while ((this.#rows[0]?.atMs ?? atMs) < oldest) this.#rows.shift();
  }

  points(reading: Reading): Point[] {
    const newest = this.#rows.at(-1)?.atMs ?? 0;
    return this.#rows.map(({ atMs, figures }) => ({
      ageSeconds: (newest - atMs) / 1000,
      value: readings[reading](figures),
    }));
  }

  summary(reading: Reading): Summary {
    const all = this.#rows.map(({ figures }) => readings[reading](figures));
    const measured = all.filter((value) => value !== null);
    if (measured.length === 0) return { now: null, lowest: null, mean: null, highest: null };
    return {
      now: all.at(-1) ?? null,
      lowest: Math.min(...measured),
      mean: measured.reduce((sum, value) => sum + value, 0) / measured.length,
      highest: Math.max(...measured),
    };
  }
}
