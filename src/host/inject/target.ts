/** What a desktop takes input through; one implementation a way in, made by the display. */

/** A finger's life on the picture. */
export type TouchPhase = "down" | "move" | "up" | "cancel";

/**
 * Where checked input goes. No method blocks, waits or throws: what a desktop can't take is counted
 * and dropped. Order is kept.
 */
export interface InputTarget {
  /** XKB layout by which key codes are read; undefined = the desktop's own, which is not known. */
  readonly keyboardLayout?: string;
  /** `code` is an evdev KEY_*. */
  key(code: number, down: boolean): void;
  /** `code` is an evdev BTN_*. */
  button(code: number, down: boolean): void;
  /** Relative motion in pixels and parts of them; right and down are positive. */
  motion(dx: number, dy: number): void;
  /** A place on the picture, both 0…65535. */
  position(x: number, y: number): void;
  /** In 1/120 of a notch; right and down are positive. */
  scroll(horizontal: number, vertical: number): void;
  /** A finger 0…15 at a place on the picture, both 0…65535. */
  touch(finger: number, phase: TouchPhase, x: number, y: number): void;
  /**
   * Types a text, whatever modifiers are held; false when it can't be taken, and then none of it is
   * typed.
   */
  text(text: string): boolean;
  /** Releases what is down and frees. Idempotent. */
  close(): void;
}

/** Takes everything and does nothing. */
export const noInput: InputTarget = {
  key: () => {},
  button: () => {},
  motion: () => {},
  position: () => {},
  scroll: () => {},
  touch: () => {},
  text: () => true,
  close: () => {},
};
