/**
 * KWin, the compositor of KDE Plasma: a virtual output of the session's own in the desktop that
 * $WAYLAND_DISPLAY names, cast by PipeWire; where KWin can't add one, its first output as it is.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { PfError, toPfError } from "../../base/errors.ts";
import { milliHz } from "../../base/units.ts";
import { EventQueue, type NativeEvent } from "../../ffi/core/core.ts";
import { KwinInput, KwinOutput } from "../../ffi/kwin/kwin.ts";
import { type PipeWireRemote, ScreencastStage } from "../../ffi/screencast/screencast.ts";
import { defaultRefreshHz, formatMode, type Mode } from "../../wire/mode.ts";
import type { InputTarget } from "../inject/target.ts";
import { probeKwin } from "../readiness/wayland.ts";
import type { PictureStage, StageWiring } from "../sources.ts";
import { availabilityOf } from "./availability.ts";
import type {
  Availability,
  CreateOptions,
  Display,
  DisplayBackend,
  InputWiring,
} from "./display.ts";
import { kwinNote, sameMode } from "./versions.ts";
import { waylandSocket } from "./wlroots.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const startHint = "Start the host inside a Plasma desktop.";
const permissionHint =
  "KWin has it only for programs whose desktop entry asks for it: punktfunk probe-compositor kwin tells the command.";
/** How long KWin is asked what it can do. */
const answerMsMax = 2000;

export class KwinDisplays implements DisplayBackend {
  readonly kind = "kwin";
  readonly #env: Environment;

  constructor(options: { readonly env?: Environment } = {}) {
    this.#env = options.env ?? process.env;
  }

  async available(): Promise<Availability> {
    return availabilityOf(await probeKwin({ env: this.#env, msMax: answerMsMax }));
  }

  /** Throws PF_DISPLAY_MISSING without a desktop, PF_SOURCE_FAILED when KWin casts nothing. */
  async create(mode: Mode, options: CreateOptions = {}): Promise<Display> {
    options.signal?.throwIfAborted();
    const display = new KwinDisplay(this.#env, waylandSocket(this.#env, startHint), mode);
    try {
      await display.begin(mode, options);
      return display;
    } catch (error) {
      await display.destroy();
      throw error;
    }
  }
}

class KwinDisplay implements Display {
  readonly kind = "kwin";
  readonly ended: Promise<string>;
  mode: Mode;
  note = "";
  readonly #env: Environment;
  readonly #socketPath: string;
  readonly #ending = Promise.withResolvers<string>();
  #cast: Cast | undefined;

  constructor(env: Environment, socketPath: string, mode: Mode) {
    this.#env = env;
    this.#socketPath = socketPath;
    this.mode = mode;
    this.ended = this.#ending.promise;
  }

  async begin(mode: Mode, { signal }: CreateOptions): Promise<void> {
    const old = this.#cast;
    const wanted = { socketPath: this.#socketPath, mode };
    const cast = await Cast.open({ ...wanted, isVirtual: true }, signal).catch((error) =>
      this.#castFirst(wanted, error, signal),
    );
    void cast.ended.then((words) => {
      if (this.#cast === cast) this.#ending.resolve(words);
    });
    this.#cast = cast;
    // Only now, so that windows go from one output to the other.
    await old?.close();
    this.mode = cast.mode;
    this.note = cast.isVirtual ? await this.#noteOf(mode) : this.note;
  }

  openStage({ sink, events, stage }: StageWiring): PictureStage {
    const { mode } = this;
    const remote = pipeWireOf(this.#env);
    return new ScreencastStage({
      sink,
      node: this.#cast?.node ?? 0,
      ...(remote === undefined ? {} : { remote }),
      refreshMilliHz: mode.refreshMilliHz,
      size: mode,
      events,
      stage,
    });
  }

  openInput(wiring: InputWiring): InputTarget {
    const outputName = this.#cast?.name ?? "";
    return new KwinInput({ socketPath: this.#socketPath, outputName, ...wiring });
  }

  async reconfigure(mode: Mode, options: CreateOptions = {}): Promise<void> {
    try {
      await this.begin(mode, options);
    } catch (thrown) {
      options.signal?.throwIfAborted();
      const { message } = toPfError(thrown);
      const here = formatMode(this.mode);
      throw new PfError("PF_MODE_REFUSED", `The output stays at ${here}: ${message}`);
    }
  }

  async destroy(): Promise<void> {
    const cast = this.#cast;
    this.#cast = undefined;
    await cast?.close();
  }

  /** Where KWin can't make outputs, it may still cast one that is there. Not beside another cast. */
  async #castFirst(
    wanted: { readonly socketPath: string; readonly mode: Mode },
    error: unknown,
    signal: AbortSignal | undefined,
  ): Promise<Cast> {
    signal?.throwIfAborted();
    if (this.#cast !== undefined) throw error;
    const cast = await Cast.open({ ...wanted, isVirtual: false }, signal).catch((second) => {
      const words = [toPfError(error).message, toPfError(second).message];
      const { hint } = toPfError(error);
      throw new PfError(
        "PF_SOURCE_FAILED",
        [...new Set(words)].join(" Nor one that is there: "),
        hint === undefined ? {} : { hint },
      );
    });
    this.note = `KWin adds no output here: ${cast.name} is streamed at ${formatMode(cast.mode)}.`;
    return cast;
  }

  async #noteOf(wanted: Mode): Promise<string> {
    if (sameMode(this.mode, wanted)) return "";
    const { version } = await probeKwin({ env: this.#env, msMax: answerMsMax });
    return kwinNote({ version, wanted, active: this.mode });
  }
}

interface CastOptions {
  readonly socketPath: string;
  readonly mode: Mode;
  readonly isVirtual: boolean;
}

/** An output that is cast. */
class Cast {
  readonly isVirtual: boolean;
  node = 0;
  name = "";
  mode: Mode;
  /** Resolves with a sentence when it ends by itself. */
  readonly ended: Promise<string>;
  readonly #events = new EventQueue();
  readonly #listening: Promise<void>;
  readonly #output: KwinOutput;
  readonly #ready = Promise.withResolvers<void>();
  readonly #ending = Promise.withResolvers<string>();

  private constructor({ socketPath, mode, isVirtual }: CastOptions) {
    this.isVirtual = isVirtual;
    this.mode = mode;
    this.ended = this.#ending.promise;
    this.#ready.promise.catch(() => {});
    this.#output = new KwinOutput({
      socketPath,
      ...(isVirtual ? { name: `punktfunk-${randomBytes(3).toString("hex")}` } : {}),
      ...mode,
      events: this.#events,
    });
    this.#listening = this.#events.listen((event) => this.#onEvent(event));
  }

  static async open(options: CastOptions, signal: AbortSignal | undefined): Promise<Cast> {
    const cast = new Cast(options);
    const abort = () => cast.#ready.reject(signal?.reason);
    signal?.addEventListener("abort", abort);
    try {
      await cast.#ready.promise;
      return cast;
    } catch (error) {
      await cast.close();
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  async close(): Promise<void> {
    this.#output.close();
    await this.#events.close();
    await this.#listening;
  }

  #onEvent({ kind, a, text }: NativeEvent): void {
    if (kind === "started") {
      const { width, height, refreshMilliHz } = this.#output.describe();
      const rate = refreshMilliHz ?? milliHz(defaultRefreshHz * 1000);
      // Pictures have no odd last row or column.
      this.mode = { width: width & ~1, height: height & ~1, refreshMilliHz: rate };
      this.node = a;
      this.name = text;
      this.#ready.resolve();
    } else if (kind === "failed" || kind === "ended") {
      const isForbidden = /has no zkde_screencast/.test(text);
      const options = isForbidden ? { hint: permissionHint } : {};
      this.#ready.reject(new PfError("PF_SOURCE_FAILED", text, options));
      this.#ending.resolve(text);
    }
  }
}

/** The PipeWire of a desktop's environment; undefined = this process's own. */
export function pipeWireOf(env: Environment): PipeWireRemote {
  const folder = env["PIPEWIRE_RUNTIME_DIR"] || env["XDG_RUNTIME_DIR"];
  if (env === process.env || !folder) return undefined;
  return { socketPath: join(folder, env["PIPEWIRE_REMOTE"] || "pipewire-0") };
}
