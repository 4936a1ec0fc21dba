/**
 * The desktop that $WAYLAND_DISPLAY names. On sway, a virtual output of the session's own is added
 * to it at the client's mode and removed at the end; on other wlroots compositors, which have no
 * common way to add one, the first output is streamed as it is.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PfError, toPfError } from "../../base/errors.ts";
import { milliHz } from "../../base/units.ts";
import { type CapturedOutput, probeOutput } from "../../ffi/capture/capture.ts";
import { defaultRefreshHz, formatMode, type Mode } from "../../wire/mode.ts";
import type { InputTarget } from "../inject/target.ts";
import type { PictureStage, StageWiring } from "../sources.ts";
import type { Availability, CreateOptions, DisplayBackend, InputWiring } from "./display.ts";
import { SwayIpc } from "./ipc.ts";
import { captureOutput, controlOutput, type WlrootsDisplay } from "./screencopy.ts";
import { customMode } from "./sway.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** sway that can remove an output again. */
const unplugVersion = { major: 1, minor: 10 };

/** Outputs of ours that an older sway could not remove and that no session uses, by IPC socket. */
const spareOutputs = new Map<string, string[]>();

/** What is adding an output now, by IPC socket: which one is new is only seen one at a time. */
const adding = new Map<string, Promise<unknown>>();

export class WlrootsDisplays implements DisplayBackend {
  readonly kind = "wlroots";
  readonly #env: Environment;

  constructor(options: { readonly env?: Environment } = {}) {
    this.#env = options.env ?? process.env;
  }

  async available(): Promise<Availability> {
    try {
      const output = probeOutput(waylandSocket(this.#env));
      const sway = await this.#ipc();
      const version = sway === undefined ? null : (await sway.version()).human_readable;
      sway?.close();
      const why =
        sway === undefined
          ? `Its output ${output.name} can be captured.`
          : "It is sway, so the client gets an output of its own.";
      return { ok: true, why, version };
    } catch (thrown) {
      return { ok: false, why: toPfError(thrown).message, version: null };
    }
  }

  /** Throws PF_DISPLAY_MISSING without a desktop, PF_SOURCE_FAILED when it can't be captured. */
  async create(mode: Mode, options: CreateOptions = {}): Promise<WlrootsDisplay> {
    options.signal?.throwIfAborted();
    const socketPath = waylandSocket(this.#env);
    const ipc = await this.#ipc();
    if (ipc === undefined) return foundDisplay(socketPath, mode);
    const own = new SwayOutput(ipc, socketPath, this.#env["SWAYSOCK"] as string);
    try {
      await own.begin(mode);
      options.signal?.throwIfAborted();
      return own;
    } catch (error) {
      await own.destroy();
      throw error;
    }
  }

  /** Undefined where the compositor is not sway. */
  async #ipc(): Promise<SwayIpc | undefined> {
    const path = this.#env["SWAYSOCK"];
    if (path === undefined || !existsSync(path)) return undefined;
    return await SwayIpc.connect(path).catch(() => undefined);
  }
}

const sourceHint = "Start the host inside a wlroots desktop such as sway, or use --source sway.";

/** The socket that libwayland would use. Throws PF_DISPLAY_MISSING with the hint. */
export function waylandSocket(env: Environment, hint = sourceHint): string {
  const name = env["WAYLAND_DISPLAY"];
  const folder = env["XDG_RUNTIME_DIR"];
  if (name === undefined || name === "") {
    throw new PfError("PF_DISPLAY_MISSING", "$WAYLAND_DISPLAY is not set.", { hint });
  }
  if (!name.startsWith("/") && (folder === undefined || folder === "")) {
    throw new PfError("PF_DISPLAY_MISSING", "$XDG_RUNTIME_DIR is not set.", { hint });
  }
  const path = name.startsWith("/") ? name : join(folder as string, name);
  if (!existsSync(path)) {
    throw new PfError("PF_DISPLAY_MISSING", `There is no desktop at ${path}.`, { hint });
  }
  return path;
}

function foundDisplay(socketPath: string, wanted: Mode): WlrootsDisplay {
  const output = probeOutput(socketPath);
  const mode = modeOf(output);
  const same = formatMode(mode) === formatMode(wanted);
  const place = { socketPath, outputName: output.name, mode };
  return {
    kind: "wlroots",
    ...place,
    openStage: (wiring) => captureOutput(place, wiring),
    openInput: (wiring) => controlOutput(place, wiring),
    reconfigure: async () => {
      const why = `This compositor's ${output.name} stays at ${formatMode(mode)}.`;
      throw new PfError("PF_MODE_REFUSED", why);
    },
    note: same
      ? ""
      : `This compositor adds no outputs: ${output.name} is streamed at ${formatMode(mode)}.`,
    ended: new Promise(() => {}), // the capture sees it
    destroy: async () => {},
  };
}

function modeOf(output: CapturedOutput): Mode {
  const refreshMilliHz = output.refreshMilliHz ?? milliHz(defaultRefreshHz * 1000);
  return { width: output.width, height: output.height, refreshMilliHz };
}

/** An output that was added to a running sway. */
class SwayOutput implements WlrootsDisplay {
  readonly kind = "wlroots";
  readonly socketPath: string;
  readonly ended: Promise<string>;
  outputName = "";
  mode: Mode = { width: 0, height: 0, refreshMilliHz: milliHz(0) };
  note = "";
  readonly #ipc: SwayIpc;
  readonly #ipcPath: string;
  #canUnplug = false;
  #destroyed: Promise<void> | undefined;

  constructor(ipc: SwayIpc, socketPath: string, ipcPath: string) {
    this.#ipc = ipc;
    this.#ipcPath = ipcPath;
    this.socketPath = socketPath;
    this.ended = new Promise((resolve) => {
      void ipc.closed.then(() => {
        if (this.#destroyed === undefined) resolve("sway has ended.");
      });
    });
  }

  async begin(mode: Mode): Promise<void> {
    const { major, minor } = await this.#ipc.version();
    const { major: sinceMajor, minor: sinceMinor } = unplugVersion;
    this.#canUnplug = major > sinceMajor || (major === sinceMajor && minor >= sinceMinor);
    this.outputName = spareOutputs.get(this.#ipcPath)?.pop() ?? (await this.#addInTurn());
    if (!this.#canUnplug) {
      const version = `sway ${major}.${minor}`;
      this.note = `${version} can't remove an output: ${this.outputName} stays until sway ends.`;
    }
    await this.#take(mode);
    await this.#ipc.command(`focus output ${this.outputName}`);
  }

  openStage(wiring: StageWiring): PictureStage {
    return captureOutput(this, wiring);
  }

  openInput(wiring: InputWiring): InputTarget {
    return controlOutput(this, wiring);
  }

  async reconfigure(mode: Mode, options: CreateOptions = {}): Promise<void> {
    const before = this.mode;
    try {
      await this.#take(mode);
    } catch (cause) {
      const { message } = toPfError(cause);
      await this.#take(before);
      throw new PfError("PF_MODE_REFUSED", `sway does not take ${formatMode(mode)}: ${message}`);
    }
    options.signal?.throwIfAborted();
  }

  /** Gives the output a mode and reads it back. */
  async #take(mode: Mode): Promise<void> {
    const command = `output ${this.outputName} mode --custom ${customMode(mode)} scale 1`;
    await this.#ipc.command(command);
    const output = probeOutput(this.socketPath, this.outputName);
    if (output.width !== mode.width || output.height !== mode.height) {
      throw new PfError(
        "PF_SOURCE_FAILED",
        `sway gave ${output.width}x${output.height} instead of ${formatMode(mode)}.`,
      );
    }
    this.mode = mode;
  }

  #addInTurn(): Promise<string> {
    const before = adding.get(this.#ipcPath) ?? Promise.resolve();
    const added = before.then(() => this.#add());
    const settled = added.catch(() => {});
    adding.set(this.#ipcPath, settled);
    void settled.then(() => {
      if (adding.get(this.#ipcPath) === settled) adding.delete(this.#ipcPath);
    });
    return added;
  }

  async #add(): Promise<string> {
    const before = new Set((await this.#ipc.outputs()).map((output) => output.name));
    await this.#ipc.command("create_output");
    const added = (await this.#ipc.outputs()).find((output) => !before.has(output.name));
    if (added !== undefined) return added.name;
    throw new PfError("PF_SOURCE_FAILED", "sway did not add an output.", {
      hint: "Start it with WLR_BACKENDS=drm,headless or a version from 1.5 on.",
    });
  }

  destroy(): Promise<void> {
    this.#destroyed ??= this.#remove();
    return this.#destroyed;
  }

  async #remove(): Promise<void> {
    if (this.outputName !== "" && this.#canUnplug) {
      await this.#ipc.command(`output ${this.outputName} unplug`).catch(() => {});
    } else if (this.outputName !== "") {
      /* A disabled one would break later mode changes of such a sway: keep it for the next time. */
      const spare = spareOutputs.get(this.#ipcPath) ?? [];
      spareOutputs.set(this.#ipcPath, [...spare, this.outputName]);
    }
    this.#ipc.close();
  }
}
