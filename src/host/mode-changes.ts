/**
 * A session's picture changes its mode while the connection, the sender and the numbers of its
 * frames go on: source and encoder end, the display changes, and both begin anew with a keyframe.
 * One change at a time; of several that are asked for meanwhile the last one counts. A source that
 * fails before its first picture begins anew the same way, a bounded number of times.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { PfError, toPfError } from "../base/errors.ts";
import { formatMode, type Mode, modeProblem } from "../wire/mode.ts";
import { displayRetry, faultOf, nextStep, retrying } from "./displays/retry.ts";
import type { HostPipeline } from "./pipeline.ts";
import type { PreparedSource } from "./sources.ts";

export interface ModeChangesOptions {
  readonly source: PreparedSource;
  readonly pipeline: HostPipeline;
  /** The session ends. */
  readonly signal: AbortSignal;
  /** The source has another mode, and nothing of it has been sent yet. */
  readonly changed: () => void;
  /** It stays as it is; why, as a sentence. */
  readonly refused: (why: string) => void;
  /** There is no picture any more. */
  readonly failed: (error: PfError) => void;
}

export class ModeChanges {
  readonly #options: ModeChangesOptions;
  #wanted: Mode | undefined;
  #running: Promise<void> | undefined;
  /** Of sources at this mode, none of which gave a picture. */
  #failures = 0;
  #beganAt = performance.now();

  constructor(options: ModeChangesOptions) {
    this.#options = options;
  }

  /** Asks for a mode. Never throws; the outcome is told. */
  ask(mode: Mode): void {
    const problem = modeProblem(mode);
    if (problem !== undefined) {
      this.#options.refused(`The mode: ${problem}`);
      return;
    }
    this.#wanted = mode;
    if (this.#running === undefined) this.#begin();
  }

  /** The source has failed: whether it is tried anew. False: it is lost for good. */
  retry(error: PfError): boolean {
    const { pipeline, signal } = this.#options;
    // What is on its way out may fail.
    if (this.#running !== undefined) return true;
    if (pipeline.hasPicture || signal.aborted) return false;
    const progress = { attempts: ++this.#failures, elapsedMs: performance.now() - this.#beganAt };
    const step = nextStep(displayRetry, progress, faultOf(error));
    if (step.kind === "stop") return false;
    this.#begin(async () => {
      pipeline.endPicture();
      await sleep(step.afterMs, undefined, { signal });
      await retrying(async () => pipeline.beginPicture(), { signal });
    });
    return true;
  }

  /** Resolves when nothing changes any more. */
  async close(): Promise<void> {
    this.#wanted = undefined;
    await this.#running;
  }

  #begin(before?: () => Promise<void>): void {
    this.#running = this.#run(before).finally(() => {
      this.#running = undefined;
    });
  }

  async #run(before?: () => Promise<void>): Promise<void> {
    const { signal, failed } = this.#options;
    try {
      await before?.();
      while (this.#wanted !== undefined && !signal.aborted) {
        const mode = this.#wanted;
        this.#wanted = undefined;
        await this.#change(mode);
      }
    } catch (thrown) {
      if (!signal.aborted) failed(toPfError(thrown));
    }
  }

  async #change(mode: Mode): Promise<void> {
    const { source, pipeline, signal, changed, refused } = this.#options;
    if (formatMode(source.mode) === formatMode(mode)) {
      changed();
      return;
    }
    let problem: string | undefined;
    pipeline.endPicture();
    try {
      await source.reconfigure(mode, signal);
    } catch (thrown) {
      const error = toPfError(thrown);
      if (error.code !== "PF_MODE_REFUSED") throw error;
      problem = error.sentence();
    }
    signal.throwIfAborted();
    if (problem === undefined) changed();
    else refused(problem);
    this.#failures = 0;
    this.#beganAt = performance.now();
    this.#open(mode);
  }

  /** An encoder that does not take the new size would leave a session without a picture. */
  #open(mode: Mode): void {
    try {
      this.#options.pipeline.beginPicture();
    } catch (cause) {
      const { message } = toPfError(cause);
      throw new PfError("PF_ENCODER_FAILED", `${formatMode(mode)} can't be encoded: ${message}`);
    }
  }
}
