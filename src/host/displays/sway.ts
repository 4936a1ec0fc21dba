/**
 * A desktop of the host's own: a headless sway at the client's exact mode with one application in
 * it. It runs under pf_supervise in a private folder, so that nothing of it outlives the session or
 * the host. Readiness is told by sway itself: its configuration runs a line that writes to standard
 * output, and so does the end of the application.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PfError, toPfError } from "../../base/errors.ts";
import { milliHz } from "../../base/units.ts";
import { Supervised } from "../../ffi/supervise/supervise.ts";
import { formatMode, type Mode } from "../../wire/mode.ts";
import type { InputTarget } from "../inject/target.ts";
import type { PictureStage, StageWiring } from "../sources.ts";
import { chooseApplication, notFound, plainProgram } from "./application.ts";
import type { Availability, CreateOptions, DisplayBackend, InputWiring } from "./display.ts";
import { headlessRate } from "./headless-rate.ts";
import { SwayIpc, windowCount } from "./ipc.ts";
import { captureOutput, controlOutput, type WlrootsDisplay } from "./screencopy.ts";
import {
  type DesktopUser,
  desktopEnvironment,
  desktopUser,
  renderNode,
  runtimeBase,
} from "./user.ts";

/** sway starts in 0.1 to 0.5 s; a machine that is this slow can't stream. */
const readyMsMax = 10_000;
/** How long the first window is waited for; a slower application shows up in the stream. */
const windowMsMax = 2000;
const outputName = "HEADLESS-1";
const missingHint =
  "Install it (Debian, Fedora and Arch: the package sway), or use --source synthetic.";

type Environment = Readonly<Record<string, string | undefined>>;

export interface SwayOptions {
  /** Shell command of the application; default: a terminal. */
  readonly app?: string;
  /** Default: this process's. */
  readonly env?: Environment;
}

/** Makes desktops by starting sway. */
export class SwayDisplays implements DisplayBackend {
  readonly kind = "sway";
  readonly #env: Environment;
  readonly #app: string | undefined;

  constructor(options: SwayOptions = {}) {
    this.#env = options.env ?? process.env;
    this.#app = options.app;
  }

  async available(): Promise<Availability> {
    const program = this.#which("sway");
    if (program === null) {
      return { ok: false, why: `sway is not installed. ${missingHint}`, version: null };
    }
    const asked = Bun.spawn([program, "--version"], {
      stdout: "pipe",
      stderr: "ignore",
      stdin: "ignore",
    });
    const text = await new Response(asked.stdout).text();
    const version = /(\d+(?:\.\d+)+)/.exec(text)?.[1] ?? null;
    return { ok: true, why: "sway is installed.", version };
  }

  /** Throws PF_DISPLAY_MISSING without sway, PF_SOURCE_FAILED when it or the application fails. */
  async create(mode: Mode, options: CreateOptions = {}): Promise<WlrootsDisplay> {
    options.signal?.throwIfAborted();
    const program = this.#which("sway");
    if (program === null)
      throw new PfError("PF_DISPLAY_MISSING", "sway is not installed.", { hint: missingHint });
    const app = chooseApplication({ app: this.#app, which: (name) => this.#which(name) });
    const user = desktopUser(this.#env);
    const folder = join(
      runtimeBase(this.#env),
      `punktfunk-${process.pid}-${randomBytes(4).toString("hex")}`,
    );
    const desktop = new SwayDesktop({ program, app, user, folder, mode, env: this.#env });
    try {
      await desktop.begin(options.signal);
      return desktop;
    } catch (error) {
      await desktop.destroy();
      throw error;
    }
  }

  #which(name: string): string | null {
    return Bun.which(name, { PATH: this.#env["PATH"] ?? "" });
  }
}

interface DesktopOptions {
  readonly program: string;
  readonly app: string;
  readonly user: DesktopUser | undefined;
  readonly folder: string;
  readonly mode: Mode;
  readonly env: Environment;
}

class SwayDesktop implements WlrootsDisplay {
  readonly kind = "sway";
  readonly outputName = outputName;
  readonly ended: Promise<string>;
  socketPath = "";
  mode: Mode;
  note = "";
  readonly #options: DesktopOptions;
  readonly #drawsByProcessor: boolean;
  readonly #supervised: Supervised;
  readonly #ready = Promise.withResolvers<void>();
  readonly #window = Promise.withResolvers<void>();
  readonly #appStatus = Promise.withResolvers<number>();
  readonly #ending = Promise.withResolvers<string>();
  #ipc: SwayIpc | undefined;
  #appEnded = false;
  #windowSeen = false;
  #destroyed = false;

  constructor(options: DesktopOptions) {
    const { folder, user, env, program, mode, app } = options;
    this.#options = options;
    this.mode = mode;
    this.#drawsByProcessor = renderNode(user) === undefined;
    this.ended = this.#ending.promise;
    const own = swayEnvironment(env, user, folder);
    const home = own["HOME"];
    this.#supervised = new Supervised({
      command: [program, "--unsupported-gpu", "--config", join(folder, "config")],
      env: own,
      cwd: home !== undefined && home !== folder && existsSync(home) ? home : "/",
      folder,
      files: {
        config: swayConfig({
          folder,
          mode: this.#outputMode(mode),
          xwayland: Bun.which("Xwayland", { PATH: own["PATH"] ?? "" }) !== null,
        }),
        ready: readyScript,
        application: applicationScript(app),
      },
      ...(user === undefined ? {} : { user }),
      onLine: (line) => this.#onLine(line),
    });
    void this.#supervised.exited.then((status) => this.#onExit(status));
  }

  /** Resolves when the output has the mode and the application has had time to show a window. */
  async begin(signal: AbortSignal | undefined): Promise<void> {
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const abort = () => reject(signal?.reason);
    const timer = setTimeout(
      () => reject(this.#failure("sway did not get ready in time")),
      readyMsMax,
    );
    signal?.addEventListener("abort", abort);
    const early = this.#supervised.exited.then((status) => {
      throw this.#failure(`sway ended at its start with status ${status}`);
    });
    try {
      await Promise.race([this.#setUp(), early, aborted]);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      aborted.catch(() => {});
      early.catch(() => {});
    }
  }

  async #setUp(): Promise<void> {
    await this.#ready.promise;
    const ipc = await SwayIpc.connect(join(this.#options.folder, ipcName));
    this.#ipc = ipc;
    if (this.#destroyed) return ipc.close();
    ipc.onEvent = (_name, event) => this.#onWindow(String(event["change"]));
    await ipc.subscribe(["window"]);
    this.mode = await this.#readMode(ipc, this.#options.mode);
    if (windowCount(await ipc.tree()) > 0) this.#onWindow("new");
    await this.#firstWindow();
  }

  openStage(wiring: StageWiring): PictureStage {
    return captureOutput(this, wiring);
  }

  openInput(wiring: InputWiring): InputTarget {
    return controlOutput(this, wiring);
  }

  async reconfigure(mode: Mode, options: CreateOptions = {}): Promise<void> {
    const ipc = this.#ipc;
    if (ipc === undefined || this.#destroyed) throw this.#failure("sway has ended");
    try {
      await ipc.command(`output ${outputName} mode --custom ${customMode(this.#outputMode(mode))}`);
      this.mode = await this.#readMode(ipc, mode);
    } catch (cause) {
      const { message } = toPfError(cause);
      throw new PfError("PF_MODE_REFUSED", `sway does not take ${formatMode(mode)}: ${message}`);
    }
    options.signal?.throwIfAborted();
  }

  /** What sway is asked for; the client's but for the rate. */
  #outputMode(mode: Mode): Mode {
    return this.#drawsByProcessor ? { ...mode, refreshMilliHz: headlessRate(mode) } : mode;
  }

  async #readMode(ipc: SwayIpc, wish: Mode): Promise<Mode> {
    const output = (await ipc.outputs()).find((one) => one.name === outputName);
    const current = output?.current_mode;
    if (current === undefined) throw this.#failure(`sway has no output ${outputName}`);
    const { width, height } = current;
    const mode = { width, height, refreshMilliHz: milliHz(current.refresh) };
    const wanted = this.#outputMode(wish);
    /* sway reads the rate as a 32-bit float: 59.94 Hz may come back as 59.939. */
    const close = Math.abs(mode.refreshMilliHz - wanted.refreshMilliHz) <= 5;
    if (width === wanted.width && height === wanted.height && close) return wish;
    throw this.#failure(`sway gave ${formatMode(mode)} instead of ${formatMode(wanted)}`);
  }

  async #firstWindow(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, windowMsMax);
    const failed = this.#appStatus.promise.then((status) => {
      if (status !== 0) throw this.#applicationFailure(status);
      return this.#window.promise; /* it may have started its window in the background */
    });
    failed.catch(() => {});
    try {
      await Promise.race([this.#window.promise, failed, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  #onLine(line: string): void {
    const [word, value] = line.split(" ");
    if (word === "ready") {
      this.socketPath = join(this.#options.folder, value ?? "");
      this.#ready.resolve();
    } else if (word === "application-ended") {
      this.#appEnded = true;
      this.#appStatus.resolve(Number(value));
      void this.#endWithoutWindows();
    }
  }

  #onWindow(change: string): void {
    if (change === "new") {
      this.#windowSeen = true;
      this.#window.resolve();
    } else if (change === "close") {
      void this.#endWithoutWindows();
    }
  }

  /** A desktop whose application has ended and whose last window is closed shows nothing more. */
  async #endWithoutWindows(): Promise<void> {
    if (!this.#appEnded || !this.#windowSeen || this.#ipc === undefined) return;
    const tree = await this.#ipc.tree().catch(() => undefined);
    if (tree === undefined || windowCount(tree) > 0 || this.#destroyed) return;
    this.#ending.resolve("The application has ended.");
    void this.#supervised.stop();
  }

  #onExit(status: number): void {
    this.#ipc?.close();
    if (this.#destroyed) return;
    this.#ending.resolve(this.#failure(`sway ended with status ${status}`).message);
  }

  #applicationFailure(status: number): PfError {
    const { app } = this.#options;
    if (status === 127) return notFound(app, plainProgram(app) ?? app);
    return this.#failure(`The application "${app}" ended at once with status ${status}`);
  }

  /** With the last words of sway and the application. */
  #failure(what: string): PfError {
    const words = this.#supervised.errorLines.slice(-5).join("\n");
    return new PfError("PF_SOURCE_FAILED", words === "" ? `${what}.` : `${what}:\n${words}`);
  }

  async destroy(): Promise<void> {
    this.#destroyed = true;
    this.#ipc?.close();
    await this.#supervised.stop();
  }
}

const ipcName = "sway.sock";

function swayEnvironment(
  env: Environment,
  user: DesktopUser | undefined,
  folder: string,
): Record<string, string> {
  const own = desktopEnvironment(env, user, folder);
  own["SWAYSOCK"] = join(folder, ipcName);
  own["WLR_BACKENDS"] = "headless";
  own["WLR_LIBINPUT_NO_DEVICES"] = "1";
  if (renderNode(user) === undefined) {
    own["WLR_RENDERER"] = "pixman";
    own["LIBGL_ALWAYS_SOFTWARE"] = "1";
  }
  return own;
}

interface ConfigOptions {
  readonly folder: string;
  readonly mode: Mode;
  readonly xwayland: boolean;
}

/** In the words of sway's commands. */
export function customMode({ width, height, refreshMilliHz }: Mode): string {
  return `${width}x${height}@${refreshMilliHz / 1000}Hz`;
}

/** No borders, bars or wallpaper: one window fills the output. */
export function swayConfig({ folder, mode, xwayland }: ConfigOptions): string {
  return [
    `xwayland ${xwayland ? "enable" : "disable"}`,
    "default_border none",
    "default_floating_border none",
    "titlebar_border_thickness 0",
    "focus_on_window_activation focus",
    "swaybg_command -",
    `output ${outputName} mode --custom ${customMode(mode)}`,
    `output ${outputName} position 0 0 scale 1`,
    `exec sh ${folder}/ready`,
    `exec sh ${folder}/application`,
    "",
  ].join("\n");
}

const readyScript = `echo "ready $WAYLAND_DISPLAY"\n`;

/** Standard output is this program's; the application's goes where sway's messages go. */
const applicationScript = (app: string) => `(
${app}
) >&2
echo "application-ended $?"
`;
