/** Shows the stream in the terminal: kitty or sixel graphics where it has them, else half blocks. */
import { writeFileSync } from "node:fs";
import { openLibrary } from "../library.ts";
import { NativePresenter, type PresenterOptions } from "./presenter.ts";

export interface TerminalOptions extends PresenterOptions {
  /** Path of the terminal; /dev/tty when left out. */
  readonly terminal?: string;
}

const symbols = { pf_presenter_restore_text: { args: [], returns: "cstring" } } as const;

/**
 * Throws PF_DISPLAY_MISSING where there is no terminal, or one that can't show pictures. The
 * terminal is restored by stop, by close, and when the process exits without either.
 */
export class TerminalPresenter extends NativePresenter {
  readonly #restore: () => void;

  constructor(options: TerminalOptions = {}) {
    const terminal = options.terminal ?? "/dev/tty";
    super("terminal", "The terminal", "PF_DISPLAY_MISSING", options, { terminal });
    const text = String(openLibrary("terminal", symbols).functions.pf_presenter_restore_text());
    this.#restore = () => writeFileSync(terminal, text);
  }

  override start(): void {
    process.once("exit", this.#restore);
    super.start();
  }

  override stop(): void {
    super.stop();
    process.off("exit", this.#restore);
  }
}
