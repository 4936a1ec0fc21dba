/** Shows the stream in an SDL window and turns its keyboard and mouse into events. */
import { presentFlag as flag, NativePresenter, type PresenterOptions } from "./presenter.ts";

export interface WindowOptions extends PresenterOptions {
  readonly title: string;
  /** Expected picture size; the window opens with it, or smaller on a small screen. */
  readonly width: number;
  readonly height: number;
  /** Path of a TrueType or OpenType font; without one there is no overlay. */
  readonly font?: string;
  readonly fullscreen?: boolean;
  /** Starts with the pointer and the keyboard grabbed. */
  readonly grab?: boolean;
  /** false: no input events, as for a viewer. */
  readonly input?: boolean;
}

/** The config holds 127 bytes; a UTF-16 unit takes at most 3 of them. */
const titleUnitsMax = 42;

/**
 * Throws PF_DISPLAY_MISSING where no window can be opened. F11 switches full screen;
 * Ctrl+Alt+Shift with Z grabs and frees the pointer and keyboard, with S shows the overlay, with T
 * changes between keys by their place and text, with Q closes the window (event `window_closed`).
 * These keys never reach the host.
 */
export class WindowPresenter extends NativePresenter {
  constructor(options: WindowOptions) {
    super("window", "The window", options, {
      title: options.title.slice(0, titleUnitsMax),
      font: options.font ?? "",
      width: options.width,
      height: options.height,
      flags:
        (options.fullscreen === true ? flag.fullscreen : 0) |
        (options.grab === true ? flag.grab : 0) |
        (options.input === false ? flag.noInput : 0) |
        (options.text === true ? flag.text : 0),
    });
  }

  setGrab(grab: boolean): void {
    this.set("grab", grab ? 1n : 0n);
  }

  setFullscreen(fullscreen: boolean): void {
    this.set("fullscreen", fullscreen ? 1n : 0n);
  }
}
