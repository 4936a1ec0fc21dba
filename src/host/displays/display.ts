/** What every desktop that can be streamed has in common; one file a compositor beside this one. */
import type { Mode } from "../../wire/mode.ts";

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

export type DisplayKind = "sway" | "wlroots";

export interface CreateOptions {
  /** Ends the creation; the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** A display that pictures are taken from and that input is given to. */
export interface Display {
  readonly kind: DisplayKind;
  /** Absolute path of the compositor's Wayland socket. */
  readonly socketPath: string;
  /** The output to capture; also the one that absolute positions refer to. */
  readonly outputName: string;
  /** Read back from the compositor. */
  readonly mode: Mode;
  /** What is worth telling about it, as a sentence; empty when nothing is. */
  readonly note: string;
  /** Resolves with a sentence when the display ends without `destroy`. */
  readonly ended: Promise<string>;
  /** Removes it and all that it started. Idempotent; never rejects. */
  destroy(): Promise<void>;
}
