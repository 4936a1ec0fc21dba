/**
 * What a session shows: the desktop or test picture that was made for it, the path from there to
 * the wire, the changes of its mode, and what is to be done when the desktop ends or fails.
 */
import { PfError } from "../base/errors.ts";
import { millis } from "../base/units.ts";
import type { NativeEvent } from "../ffi/core/core.ts";
import type { Mode } from "../wire/mode.ts";
import { type PrepareOptions, prepareSource, type SourceSettings } from "./displays/prepare.ts";
import { retrying } from "./displays/retry.ts";
import type { Injector } from "./inject/inject.ts";
import { ModeChanges, type ModeChangesOptions } from "./mode-changes.ts";
import { HostPipeline, type HostPipelineOptions } from "./pipeline.ts";
import { initialKeyframeState, onKeyframeRequest } from "./policy/keyframe.ts";
import { type PreparedSource, stageNumber } from "./sources.ts";

export interface PictureOptions extends PrepareOptions {
  readonly settings: SourceSettings;
  readonly pipeline: Omit<HostPipelineOptions, "source" | "events">;
  readonly changed: ModeChangesOptions["changed"];
  readonly refused: ModeChangesOptions["refused"];
  /** There is no picture any more, for a reason of the encoder's or the source's; once or more. */
  readonly failed: (error: PfError) => void;
}

export class SessionPicture {
  readonly source: PreparedSource;
  readonly pipeline: HostPipeline;
  readonly #modes: ModeChanges;
  readonly #failed: (error: PfError) => void;
  #keyframes = initialKeyframeState;

  private constructor(source: PreparedSource, pipeline: HostPipeline, options: PictureOptions) {
    this.source = source;
    this.pipeline = pipeline;
    this.#failed = options.failed;
    this.#modes = new ModeChanges({ ...options, source, pipeline });
    void source.ended.then((words) => this.#failed(new PfError("PF_SOURCE_FAILED", words)));
  }

  /** Makes the source and opens its path. Throws PfError; leaves nothing behind when it throws. */
  static async open(options: PictureOptions): Promise<SessionPicture> {
    const { settings, events, signal } = options;
    const source = await prepareSource(settings, options);
    try {
      const parts = { ...options.pipeline, source, events };
      const pipeline = await retrying(async () => new HostPipeline(parts), { signal });
      return new SessionPicture(source, pipeline, options);
    } catch (error) {
      source.injector?.releaseAll();
      await source.destroy();
      throw error;
    }
  }

  /** Where input goes; null where there is nothing to control. Another one after each mode. */
  get injector(): Injector | null {
    return this.source.injector;
  }

  /** Asks for a mode; the outcome is told. */
  askMode(mode: Mode): void {
    this.#modes.ask(mode);
  }

  /** The client asks for a keyframe: it gets one if it is time for one. */
  requestKeyframe(): void {
    const { state, force } = onKeyframeRequest(this.#keyframes, millis(performance.now()));
    this.#keyframes = state;
    if (force) this.pipeline.requestKeyframe();
  }

  /** Takes an event of the source or of the stages behind it. */
  onEvent(event: NativeEvent): void {
    if (event.kind === "path") {
      // What was encoded before the path was known went nowhere.
      this.pipeline.requestKeyframe();
    } else if (event.stage !== stageNumber.source) {
      this.#failed(new PfError("PF_ENCODER_FAILED", event.text));
    } else {
      const words = event.text === "" ? "The desktop that was captured has ended." : event.text;
      const error = new PfError("PF_SOURCE_FAILED", words);
      if (!this.#modes.retry(error)) this.#failed(error);
    }
  }

  /** Releases what is held, closes the path and ends the desktop. The signal is to be aborted. */
  async close(): Promise<void> {
    this.injector?.releaseAll();
    await this.#modes.close();
    this.pipeline.close();
    await this.source.destroy();
  }
}
