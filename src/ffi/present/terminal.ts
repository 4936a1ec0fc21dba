/** Shows the stream in the terminal: kitty or sixel graphics where it has them, else half blocks. */
import { writeFileSync } from "node:fs";
import { openLibrary } from "../library.ts";
import { NativePresenter, type PresenterOptions, presentFlag } from "./presenter.ts";

export interface TerminalOptions extends PresenterOptions {
  /** Path of the terminal; /dev/tty when left out. */
  readonly terminal?: string;
  /** true: its keyboard and mouse come as events, so nobody else may read from it. */
  readonly input?: boolean;
}

/**
 * Throws PF_DISPLAY_MISSING where there is no terminal, or one that can't show pictures. The
 * terminal is restored by stop, by close, and when the process exits without either.
 */
export class TerminalPresenter extends NativePresenter {
  readonly #stopAtExit = () => super.stop();

  constructor(options: TerminalOptions = {}) {
    const terminal = options.terminal ?? "/dev/tty";
    const flags =
      (options.input === true ? 0 : presentFlag.noInput) |
      (options.text === true ? presentFlag.text : 0);
    super("terminal", "The terminal", options, { terminal, flags });
  }

  override start(): void {
    process.once("exit", this.#stopAtExit);
    super.start();
  }

  override stop(): void {
    process.off("exit", this.#stopAtExit);
    super.stop();
  }
}

const symbols = { pf_presenter_restore_text: { args: [], returns: "cstring" } } as const;

/** Makes a terminal usable again after a presenter's process died without a word. */
export function restoreTerminal(terminal = "/dev/tty"): void {
  const { functions } = openLibrary("terminal", symbols);
  writeFileSync(terminal, String(functions.pf_presenter_restore_text()));
}
