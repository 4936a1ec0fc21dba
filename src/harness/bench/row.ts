/** A line of the benchmark's report: the figure that is wanted beside the one that was seen. */

/** `report`: nothing is wanted of it. `absent`: this machine could not show it. */
export type Verdict = "pass" | "short" | "report" | "absent";

export interface Row {
  /** What was measured, as a person says it. */
  readonly what: string;
  /** The figure to reach; "" where none is. */
  readonly wanted: string;
  readonly seen: string;
  readonly verdict: Verdict;
  /** How the figure came about. */
  readonly method: string;
  /** The numbers behind `seen`, for machines; null = not measured. */
  readonly figures: Readonly<Record<string, number | null>>;
}

/** Measures and returns its lines. `progress` tells a person what goes on. */
export type Section = (progress: (text: string) => void) => Promise<Row[]>;

/** pass or short. */
export const verdictOf = (reached: boolean): Verdict => (reached ? "pass" : "short");

/** A figure, or a dash where there is none. */
export function show(value: number | null | undefined, digits = 0): string {
  return value === null || value === undefined ? "–" : value.toFixed(digits);
}

/** The value below which `share` (0…1) of the samples lie; null without samples. */
export function percentile(samples: readonly number[], share: number): number | null {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}
