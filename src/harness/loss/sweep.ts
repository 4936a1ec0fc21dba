/** Runs every combination of what is asked for, one cell after the other. */

import type { LinkModelName, LinkShape } from "./models.ts";
import { type Cell, type LossScheme, type Row, runCell } from "./run.ts";

export interface SweepOptions {
  readonly schemes: readonly LossScheme[];
  readonly models: readonly LinkModelName[];
  /** Percents, 0…100. */
  readonly lossPcts: readonly number[];
  /** Bytes of a coded picture, 1 … `pictureBytesMax`. */
  readonly frameBytes: readonly number[];
  /** Whole percents. `none` has no parity and runs once for all of them. */
  readonly parityPcts: readonly number[];
  readonly frames: number;
  readonly seed: number;
  readonly shape: LinkShape;
}

export interface SweepHooks {
  /** Ends the sweep after the frame at hand; the cell that it is in gives no row. */
  readonly interrupted: AbortSignal;
  /** Of the whole sweep, a few times a second. */
  readonly progress?: (framesDone: number, framesTotal: number) => void;
}

/** How long a sweep works before it looks whether anything else wants to run. */
const turnMs = 25;

/** The cells of a sweep: all of one picture size and model together, schemes beside each other. */
export function cellsOf(options: SweepOptions): Cell[] {
  const cells: Cell[] = [];
  const { frames } = options;
  for (const model of options.models) {
    for (const frameBytes of options.frameBytes) {
      for (const [i, parityPct] of options.parityPcts.entries()) {
        for (const lossPct of options.lossPcts) {
          for (const scheme of options.schemes) {
            if (scheme === "none" && i > 0) continue;
            const parity = scheme === "none" ? 0 : parityPct;
            cells.push({ scheme, model, lossPct, frameBytes, parityPct: parity, frames });
          }
        }
      }
    }
  }
  return cells;
}

/** The rows of a sweep as they are done. Ends early when it is interrupted. */
export async function* runSweep(options: SweepOptions, hooks: SweepHooks): AsyncGenerator<Row> {
  const cells = cellsOf(options);
  const framesTotal = cells.length * options.frames;
  let turnEndsAt = performance.now();
  for (const [i, cell] of cells.entries()) {
    const run = runCell(cell, options);
    try {
      for (let step = run.next(); ; step = run.next()) {
        if (step.done === true) {
          yield step.value;
          break;
        }
        if (performance.now() < turnEndsAt) continue;
        hooks.progress?.(i * options.frames + step.value, framesTotal);
        await Bun.sleep(0);
        if (hooks.interrupted.aborted) return;
        turnEndsAt = performance.now() + turnMs;
      }
    } finally {
      run.return(undefined as never);
    }
  }
}
