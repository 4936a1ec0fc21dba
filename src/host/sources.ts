/**
 * Where a session's pictures come from. `prepare` makes the desktop at the client's mode (which may
 * take seconds); `open` then makes the native stage that feeds the encoder.
 */
import type { EventQueue } from "../ffi/core/core.ts";
import type { Sink } from "../ffi/library.ts";
import { type SourcePattern, SyntheticSource } from "../ffi/source/source.ts";
import type { Mode } from "../wire/mode.ts";
import { type Injector, SessionInjector } from "./inject/inject.ts";
import { noInput } from "./inject/target.ts";

/** Numbers by which a session's native stages are known in its events. */
export const stageNumber = {
  source: 1,
  encode: 2,
  send: 3,
  session: 4,
  input: 5,
  filler: 6,
} as const;

/** The native stage that pushes pictures. */
export interface PictureStage {
  readonly counters: { get(field: "frames"): number };
  start(): void;
  stop(): void;
  close(): void;
}

export interface StageWiring {
  readonly sink: Sink;
  readonly events: EventQueue;
  readonly stage: number;
}

/** A desktop or test picture that is ready at a mode. */
export interface PreparedSource {
  readonly name: string;
  /** Why it was chosen, as a sentence. */
  readonly why: string;
  readonly mode: Mode;
  /** Where input goes; null where there is nothing to control. Another one after `reconfigure`. */
  readonly injector: Injector | null;
  /** Resolves with a sentence when the desktop ends without `destroy`. */
  readonly ended: Promise<string>;
  openStage(wiring: StageWiring): PictureStage;
  /**
   * Changes the mode, while no stage is open. Throws PF_MODE_REFUSED when it stays as it was,
   * PF_SOURCE_FAILED when it is of no more use.
   */
  reconfigure(mode: Mode, signal: AbortSignal): Promise<void>;
  /** Ends the desktop and everything that runs in it. After the stage was closed. */
  destroy(): Promise<void>;
}

/** The synthetic test picture at any mode; it answers keys and buttons by its marker. */
export function prepareSynthetic(mode: Mode, pattern: SourcePattern, why: string): PreparedSource {
  let source: SyntheticSource | undefined;
  let mark = 0;
  const flip = (_code: number, down: boolean) => {
    if (!down) return;
    mark = (mark + 1) % 256;
    source?.setMark(mark);
  };
  let current = mode;
  return {
    name: "synthetic",
    why,
    get mode() {
      return current;
    },
    injector: new SessionInjector({ ...noInput, key: flip, button: flip }),
    ended: new Promise(() => {}),
    reconfigure: async (wanted) => {
      current = wanted;
    },
    openStage: ({ sink, events, stage }) => {
      source = new SyntheticSource({
        sink,
        width: current.width,
        height: current.height,
        refreshMilliHz: current.refreshMilliHz,
        pattern,
        // A still has been drawn after one picture, which is not the end of the session.
        ...(pattern === "still" ? {} : { events }),
        stage,
      });
      return source;
    },
    destroy: async () => {},
  };
}
