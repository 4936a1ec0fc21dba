/** What every desktop that can be streamed has in common; one file a compositor beside this one. */
import type { EventQueue } from "../../ffi/core/core.ts";
import type { DisplayKind } from "../../wire/displays.ts";
import type { Mode } from "../../wire/mode.ts";
import type { InputTarget } from "../inject/target.ts";
import type { PictureStage, StageWiring } from "../sources.ts";

/** Whether a kind of display can work on this machine. */
export interface Availability {
  readonly ok: boolean;
  /** A sentence: what it is, or what is missing and how to get it. */
  readonly why: string;
  /** The compositor's version, where it is known. */
  readonly version: string | null;
}

/** What there is to create displays with. */
export interface DisplayBackend {
  readonly kind: DisplayKind;
  available(): Promise<Availability>;
  /**
   * A display at exactly this mode, ready to be captured and controlled. Throws PfError
   * (PF_DISPLAY_MISSING, PF_SOURCE_FAILED); leaves nothing behind when it throws or when `signal`
   * aborts it.
   */
  create(mode: Mode, options?: CreateOptions): Promise<Display>;
}

export interface CreateOptions {
  /** Ends the creation; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface InputWiring {
  readonly events: EventQueue;
  /** Stage number for events. */
  readonly stage: number;
  /**
   * XKB layout of the keyboard that is given to the desktop, where it takes one; default us. A
   * desktop whose layout is its own ignores it.
   */
  readonly keyboardLayout?: string;
}

/** A display that pictures are taken from and that input is given to. */
export interface Display {
  readonly kind: DisplayKind;
  /** Read back from the compositor. */
  readonly mode: Mode;
  /** What is worth telling about it, as a sentence; empty when nothing is. */
  readonly note: string;
  /** Resolves with a sentence when the display ends without `destroy`. */
  readonly ended: Promise<string>;
  /** Opens the native stage that captures it; one at a time. Throws PF_SOURCE_FAILED. */
  openStage(wiring: StageWiring): PictureStage;
  /** Opens its keyboard, pointer and touch; one at a time. Throws PF_INPUT_FAILED. */
  openInput(wiring: InputWiring): InputTarget;
  /**
   * Changes the mode, while neither a stage nor an input of it is open; both are opened anew
   * afterwards. Throws PF_MODE_REFUSED when the display stays as it was, PF_SOURCE_FAILED when it
   * is of no more use.
   */
  reconfigure(mode: Mode, options?: CreateOptions): Promise<void>;
  /** Removes it and all that it started. Idempotent; never rejects. */
  destroy(): Promise<void>;
}
