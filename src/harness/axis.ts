/** What every plot needs: round numbers on its axes, and short ones in its paths. */

/** Ticks at round numbers from 0 to at least `most` (> 0), about as many as `intervals`. */
export function ticksTo(most: number, intervals = 5): number[] {
  const raw = most / intervals;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power;
  const count = Math.ceil(most / step - 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}

/** A coordinate with two decimals at most. */
export const number = (value: number) => String(Math.round(value * 100) / 100);
