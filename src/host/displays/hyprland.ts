/**
 * Hyprland: a headless output of the session's own at the client's mode, added to the running
 * desktop by its control socket and removed at the end. It is captured and controlled by the
 * protocols of wlroots, which Hyprland has as well.
 */
import { randomBytes } from "node:crypto";
import { PfError, toPfError } from "../../base/errors.ts";
import { milliHz } from "../../base/units.ts";
import { formatMode, type Mode } from "../../wire/mode.ts";
import type { InputTarget } from "../inject/target.ts";
import { probeHyprland } from "../readiness/wayland.ts";
import type { PictureStage, StageWiring } from "../sources.ts";
import { availabilityOf } from "./availability.ts";
import type {
  Availability,
  CreateOptions,
  Display,
  DisplayBackend,
  InputWiring,
} from "./display.ts";
import { HyprlandIpc, hyprlandFolder } from "./hyprland-ipc.ts";
import { captureOutput, controlOutput } from "./screencopy.ts";
import { sameMode } from "./versions.ts";
import { waylandSocket } from "./wlroots.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const startHint = "Start the host inside Hyprland.";
const answerMsMax = 2000;
/** A mode is set at the output's next frame. */
const modeMsMax = 1000;
const modeLookMs = 10;

export class HyprlandDisplays implements DisplayBackend {
  readonly kind = "hyprland";
  readonly #env: Environment;

  constructor(options: { readonly env?: Environment } = {}) {
    this.#env = options.env ?? process.env;
  }

  async available(): Promise<Availability> {
    return availabilityOf(await probeHyprland({ env: this.#env, msMax: answerMsMax }));
  }

  /** Throws PF_DISPLAY_MISSING without Hyprland, PF_SOURCE_FAILED when it adds no output. */
  async create(mode: Mode, options: CreateOptions = {}): Promise<Display> {
    options.signal?.throwIfAborted();
    const ipc = new HyprlandIpc(hyprlandFolder(this.#env));
    const output = new HyprlandOutput(ipc, waylandSocket(this.#env, startHint), mode);
    try {
      await output.begin(mode);
      options.signal?.throwIfAborted();
      return output;
    } catch (error) {
      await output.destroy();
      throw error;
    }
  }
}

class HyprlandOutput implements Display {
  readonly kind = "hyprland";
  readonly note = "";
  readonly ended: Promise<string>;
  readonly socketPath: string;
  readonly outputName = `punktfunk-${randomBytes(3).toString("hex")}`;
  mode: Mode;
  readonly #ipc: HyprlandIpc;
  readonly #ending = Promise.withResolvers<string>();
  readonly #news: ReturnType<HyprlandIpc["follow"]>;
  #isAdded = false;
  #destroyed: Promise<void> | undefined;

  constructor(ipc: HyprlandIpc, socketPath: string, mode: Mode) {
    this.#ipc = ipc;
    this.socketPath = socketPath;
    this.mode = mode;
    this.ended = this.#ending.promise;
    this.#news = ipc.follow((name, data) => {
      if (name === "monitorremoved" && data === this.outputName)
        this.#end("The output was removed.");
    });
    void this.#news.ended.then(() => this.#end("Hyprland has ended."));
  }

  async begin(mode: Mode): Promise<void> {
    await this.#ipc.command(`output create headless ${this.outputName}`);
    this.#isAdded = true;
    await this.#take(mode);
    // New windows come where the focus is; a configuration in Lua has another word for it.
    await this.#ipc.ask(`dispatch focusmonitor ${this.outputName}`);
  }

  openStage(wiring: StageWiring): PictureStage {
    return captureOutput(this, wiring);
  }

  openInput(wiring: InputWiring): InputTarget {
    return controlOutput(this, wiring);
  }

  async reconfigure(mode: Mode): Promise<void> {
    const before = this.mode;
    try {
      await this.#take(mode);
    } catch (cause) {
      await this.#take(before);
      const { message } = toPfError(cause);
      throw new PfError(
        "PF_MODE_REFUSED",
        `Hyprland does not take ${formatMode(mode)}: ${message}`,
      );
    }
  }

  destroy(): Promise<void> {
    this.#destroyed ??= this.#remove();
    return this.#destroyed;
  }

  async #remove(): Promise<void> {
    this.#news.close();
    if (!this.#isAdded) return;
    await this.#ipc.command(`output remove ${this.outputName}`).catch(() => {});
  }

  #end(words: string): void {
    if (this.#destroyed === undefined) this.#ending.resolve(words);
  }

  /** Gives the output a mode and reads it back. */
  async #take(mode: Mode): Promise<void> {
    const size = `${mode.width}x${mode.height}@${mode.refreshMilliHz / 1000}`;
    try {
      await this.#ipc.command(`keyword monitor ${this.outputName},${size},auto,1`);
    } catch (error) {
      // From 0.55 on the configuration may be a Lua program, which takes no keywords.
      const rule = `output = "${this.outputName}", mode = "${size}", position = "auto", scale = 1`;
      await this.#ipc.command(`eval hl.monitor({ ${rule} })`).catch(() => {
        throw error;
      });
    }
    const until = performance.now() + modeMsMax;
    for (;;) {
      const active = await this.#activeMode();
      if (active !== undefined && sameMode(active, mode)) {
        this.mode = mode;
        return;
      }
      if (performance.now() > until) throw wrongMode(active, mode);
      await Bun.sleep(modeLookMs);
    }
  }

  async #activeMode(): Promise<Mode | undefined> {
    const found = (await this.#ipc.monitors()).find(({ name }) => name === this.outputName);
    if (found === undefined) return undefined;
    const { width, height, refreshRate } = found;
    return { width, height, refreshMilliHz: milliHz(Math.round(refreshRate * 1000)) };
  }
}

function wrongMode(active: Mode | undefined, wanted: Mode): PfError {
  const words =
    active === undefined
      ? "Hyprland did not add the output."
      : `Hyprland gave ${formatMode(active)} instead of ${formatMode(wanted)}.`;
  return new PfError("PF_SOURCE_FAILED", words);
}
