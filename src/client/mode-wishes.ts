/**
 * The modes that a client asks for while it streams: the next of a list at a key, or the size of
 * its window once that has come to rest.
 */
import type { MessageOf } from "../wire/control.ts";
import { limit } from "../wire/limits.ts";
import { formatMode, type Mode } from "../wire/mode.ts";

export interface ModeWishesOptions {
  /** What the host streams now. */
  readonly mode: Mode;
  /** What the key goes through, the first one again after the last. */
  readonly list: readonly Mode[];
  readonly followsWindow: boolean;
  readonly send: (message: MessageOf<"reconfigure">) => void;
  /** Pictures of this size may come from now on, also before the host has said so. */
  readonly expect: (mode: Mode) => void;
}

/** A window that is dragged has many sizes; only the one that it is left at counts. */
const restMs = 300;

export class ModeWishes {
  readonly #options: ModeWishesOptions;
  #current: Mode;
  #asked: Mode | undefined;
  #resting: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ModeWishesOptions) {
    this.#options = options;
    this.#current = options.mode;
  }

  /** What the host streams now. */
  get current(): Mode {
    return this.#current;
  }

  /** The host has told what is in force. True when that is another mode than before. */
  settle(mode: Mode): boolean {
    const isNew = formatMode(mode) !== formatMode(this.#current);
    this.#current = mode;
    this.#asked = undefined;
    // The host may change it by itself.
    this.#options.expect(mode);
    return isNew;
  }

  /** The window has another size, in pixels. */
  onResized(width: number, height: number): void {
    if (!this.#options.followsWindow) return;
    clearTimeout(this.#resting);
    this.#resting = setTimeout(() => {
      this.ask(windowMode(width, height, this.#current));
    }, restMs);
  }

  /** A person asks for the next mode of the list. */
  next(): void {
    const { list } = this.#options;
    const now = formatMode(this.#asked ?? this.#current);
    const at = list.findIndex((mode) => formatMode(mode) === now);
    const next = list[(at + 1) % list.length];
    if (next !== undefined) this.ask(next);
  }

  ask(mode: Mode): void {
    if (formatMode(mode) === formatMode(this.#asked ?? this.#current)) return;
    this.#asked = mode;
    this.#options.expect(mode);
    this.#options.send({
      type: "reconfigure",
      mode,
      bitrateKbps: null,
      parityPermille: null,
    });
  }

  close(): void {
    clearTimeout(this.#resting);
  }
}

/** The mode that fits a window: even sides within the limits, at the rate that there was. Pure. */
export function windowMode(width: number, height: number, { refreshMilliHz }: Mode): Mode {
  const side = (pixels: number, low: number, high: number) =>
    Math.min(high, Math.max(low, pixels - (pixels % 2)));
  return {
    width: side(width, limit("width_min"), limit("width_max")),
    height: side(height, limit("height_min"), limit("height_max")),
    refreshMilliHz,
  };
}

/** What the key goes through when a person named one mode: that, and the usual sizes. Pure. */
export function usualModes(mode: Mode): Mode[] {
  const sizes = [
    [1280, 720],
    [1920, 1080],
    [2560, 1440],
  ] as const;
  const others = sizes.filter(([width, height]) => width !== mode.width || height !== mode.height);
  return [mode, ...others.map(([width, height]) => ({ ...mode, width, height }))];
}
