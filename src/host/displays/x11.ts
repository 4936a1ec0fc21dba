/**
 * X11, the last fallback: the desktop that $DISPLAY names, at the client's size where an output of
 * it has such a mode, else as it is; without a $DISPLAY, an Xvfb of the host's own.
 */
import { PfError } from "../../base/errors.ts";
import { milliHz } from "../../base/units.ts";
import { noSink } from "../../ffi/library.ts";
import { X11Input, X11Stage } from "../../ffi/x11/x11.ts";
import { formatMode, type Mode } from "../../wire/mode.ts";
import type { InputTarget } from "../inject/target.ts";
import { probeX11 } from "../readiness/x11.ts";
import { askXServer, displayNumber } from "../readiness/x11-setup.ts";
import type { PictureStage, StageWiring } from "../sources.ts";
import { chooseApplication } from "./application.ts";
import { availabilityOf } from "./availability.ts";
import type {
  Availability,
  CreateOptions,
  Display,
  DisplayBackend,
  InputWiring,
} from "./display.ts";
import { desktopUser } from "./user.ts";
import { activeOutputs, fittingMode, setMode, type XOutput } from "./xrandr.ts";
import { XvfbDisplay } from "./xvfb.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const answerMsMax = 2000;
const xvfbHint = "Install it (Debian: xvfb, Fedora: xorg-x11-server-Xvfb, Arch: xorg-server-xvfb).";

export interface X11DisplaysOptions {
  /** Shell command of the application in a screen of the host's own; default: a terminal. */
  readonly app?: string;
  /** Default: this process's. */
  readonly env?: Environment;
}

export class X11Displays implements DisplayBackend {
  readonly kind = "x11";
  readonly #options: X11DisplaysOptions;
  readonly #env: Environment;

  constructor(options: X11DisplaysOptions = {}) {
    this.#options = options;
    this.#env = options.env ?? process.env;
  }

  async available(): Promise<Availability> {
    if (this.#env["DISPLAY"]) {
      return availabilityOf(await probeX11({ env: this.#env, msMax: answerMsMax }));
    }
    const ok = this.#which("Xvfb") !== null;
    const why = ok ? "Xvfb is installed." : `$DISPLAY is not set and Xvfb not there. ${xvfbHint}`;
    return { ok, why, version: null };
  }

  /** Throws PF_DISPLAY_MISSING without a server, PF_SOURCE_FAILED when it can't be captured. */
  async create(mode: Mode, options: CreateOptions = {}): Promise<Display> {
    options.signal?.throwIfAborted();
    const name = this.#env["DISPLAY"];
    if (name) return await FoundDisplay.open(name, this.#env, mode);
    const program = this.#which("Xvfb");
    if (program === null) {
      throw new PfError("PF_DISPLAY_MISSING", "Xvfb is not installed.", { hint: xvfbHint });
    }
    const which = (wanted: string) => this.#which(wanted);
    const app = chooseApplication({ app: this.#options.app, which, shows: "x11" });
    const user = desktopUser(this.#env);
    return await XvfbDisplay.start({ program, app, user, env: this.#env }, mode, options);
  }

  #which(name: string): string | null {
    return Bun.which(name, { PATH: this.#env["PATH"] ?? "" });
  }
}

/** Displays of this machine whose mode a session has set: others take it as it is. */
const claimed = new Set<string>();

/** What $DISPLAY names. */
class FoundDisplay implements Display {
  readonly kind = "x11";
  /** The capture tells when it ends. */
  readonly ended = new Promise<string>(() => {});
  mode: Mode;
  note = "";
  readonly #name: string;
  readonly #env: Environment;
  #claims = false;
  /** The output and its mode before; undefined where nothing was changed. */
  #before: { readonly output: string; readonly mode: Mode } | undefined;

  private constructor(name: string, env: Environment, mode: Mode) {
    this.#name = name;
    this.#env = env;
    this.mode = mode;
  }

  static async open(name: string, env: Environment, mode: Mode): Promise<FoundDisplay> {
    const number = displayNumber(name);
    if (number !== undefined) {
      // Its C library would wait for ever for a server that hangs.
      const asking = askXServer(number, { env, extensions: [], msMax: answerMsMax });
      await asking.catch((cause: Error) => {
        throw new PfError("PF_DISPLAY_MISSING", `No X server answers: ${cause.message}.`, {
          hint: "Check $DISPLAY and $XAUTHORITY.",
        });
      });
    }
    const display = new FoundDisplay(name, env, mode);
    try {
      await display.#apply(mode);
      return display;
    } catch (error) {
      await display.destroy();
      throw error;
    }
  }

  openStage({ sink, events, stage }: StageWiring): PictureStage {
    const { refreshMilliHz } = this.mode;
    return new X11Stage({ sink, display: this.#name, refreshMilliHz, events, stage });
  }

  openInput(wiring: InputWiring): InputTarget {
    return new X11Input({ display: this.#name, ...wiring });
  }

  async reconfigure(mode: Mode): Promise<void> {
    const was = this.mode;
    await this.#apply(mode);
    const { width, height } = this.mode;
    if (width === mode.width && height === mode.height) return;
    this.mode = { ...this.mode, refreshMilliHz: was.refreshMilliHz };
    const here = formatMode(this.mode);
    throw new PfError("PF_MODE_REFUSED", `The X display ${this.#name} stays at ${here}.`, {
      hint: this.#claims
        ? "It has no such mode: xrandr lists those that it has."
        : "Another client shares it, who came before and decides.",
    });
  }

  async destroy(): Promise<void> {
    if (this.#claims) claimed.delete(this.#name);
    this.#claims = false;
    const before = this.#before;
    this.#before = undefined;
    if (before !== undefined) await setMode(this.#env, before.output, before.mode).catch(() => {});
  }

  /** Sets the mode where that is possible, and takes what is there in any case. */
  async #apply(wanted: Mode): Promise<void> {
    this.#claim();
    let { width, height } = this.#size();
    if ((width !== wanted.width || height !== wanted.height) && this.#claims) {
      await this.#setMode(wanted);
      ({ width, height } = this.#size());
    }
    this.mode = { width, height, refreshMilliHz: wanted.refreshMilliHz };
    const isExact = width === wanted.width && height === wanted.height;
    const others = this.#claims ? "" : " Another client shares it, who came before and decides.";
    this.note = isExact
      ? ""
      : `The X display ${this.#name} is streamed as it is, at ${width}x${height}.${others}`;
  }

  /** The first session decides on the mode; when it is gone, who asks next. */
  #claim(): void {
    if (this.#claims || claimed.has(this.#name)) return;
    this.#claims = true;
    claimed.add(this.#name);
  }

  async #setMode(wanted: Mode): Promise<void> {
    const outputs = await activeOutputs(this.#env);
    // Several monitors make one screen, whose size is not that of any of them.
    const [output] = outputs;
    if (output === undefined || outputs.length > 1) return;
    const mode = fittingMode(output, wanted);
    if (mode === undefined) return;
    await setMode(this.#env, output.name, mode)
      .then(() => this.#changed(output))
      .catch(() => {}); // the size that is read back tells
  }

  #changed({ name, current }: XOutput): void {
    if (current !== undefined) this.#before ??= { output: name, mode: current };
  }

  #size(): { readonly width: number; readonly height: number } {
    const refreshMilliHz = milliHz(60_000);
    const stage = new X11Stage({ sink: noSink, display: this.#name, refreshMilliHz });
    try {
      return stage.describe();
    } finally {
      stage.close();
    }
  }
}
