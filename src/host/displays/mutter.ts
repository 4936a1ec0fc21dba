/**
 * Mutter: a virtual monitor at the client's mode in the GNOME session that runs here, or where none
 * does, in a headless Mutter of the host's own.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PfError } from "../../base/errors.ts";
import type { PipeWireRemote } from "../../ffi/screencast/screencast.ts";
import { formatMode, type Mode } from "../../wire/mode.ts";
import { sessionBusAddress } from "../bus/address.ts";
import { Bus } from "../bus/bus.ts";
import { openMutterInput } from "../inject/mutter.ts";
import type { InputTarget } from "../inject/target.ts";
import { probeMutter } from "../readiness/bus.ts";
import { versionIn } from "../readiness/readiness.ts";
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
import { MutterCast, mutterFailure, mutterNames } from "./mutter-cast.ts";
import { MutterProcess } from "./mutter-own.ts";
import { desktopUser } from "./user.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const answerMsMax = 2000;
/** What a Mutter of the host's own needs, beside the application. */
const programs = ["mutter", "dbus-daemon", "pipewire", "wireplumber"];

export interface MutterDisplaysOptions {
  /** Shell command of the application in a Mutter of the host's own; default: a terminal. */
  readonly app?: string;
  /** Default: this process's. */
  readonly env?: Environment;
}

export class MutterDisplays implements DisplayBackend {
  readonly kind = "mutter";
  readonly #options: MutterDisplaysOptions;
  readonly #env: Environment;

  constructor(options: MutterDisplaysOptions = {}) {
    this.#options = options;
    this.#env = options.env ?? process.env;
  }

  async available(): Promise<Availability> {
    if (await this.runs()) {
      return availabilityOf(await probeMutter({ env: this.#env, msMax: answerMsMax }));
    }
    const missing = this.#missing();
    if (missing !== undefined) {
      return { ok: false, why: missing.sentence(), version: null };
    }
    const program = this.#which("mutter") as string;
    const asked = Bun.spawn([program, "--version"], { stdin: "ignore", stderr: "ignore" });
    const version = versionIn(await new Response(asked.stdout).text());
    return { ok: true, why: "mutter is installed.", version };
  }

  /** Whether a Mutter runs in this session. */
  async runs(): Promise<boolean> {
    const address = sessionBusAddress(this.#env);
    if (address === undefined) return false;
    const bus = await Bus.connect(address, { msMax: answerMsMax }).catch(() => undefined);
    if (bus === undefined) return false;
    try {
      const owners = await Promise.all(mutterNames.map((name) => bus.ownerOf(name)));
      return owners.every((owner) => owner !== null);
    } catch {
      return false;
    } finally {
      await bus.close();
    }
  }

  /** Throws PF_DISPLAY_MISSING without a Mutter, else PF_SOURCE_FAILED or PF_MODE_REFUSED. */
  async create(mode: Mode, options: CreateOptions = {}): Promise<Display> {
    const { signal } = options;
    signal?.throwIfAborted();
    const isOwn = !(await this.runs());
    const own = isOwn ? await this.#startOwn(options) : undefined;
    const address = own?.busAddress ?? (sessionBusAddress(this.#env) as string);
    const remote = own?.remote ?? pipeWireOf(this.#env);
    let display: MutterDisplay | undefined;
    try {
      display = await MutterDisplay.open({ address, remote, own }, mode);
      signal?.throwIfAborted();
      await own?.startApplication();
      return display;
    } catch (thrown) {
      await display?.destroy();
      await own?.stop();
      signal?.throwIfAborted();
      throw mutterFailure(thrown);
    }
  }

  async #startOwn({ signal }: CreateOptions): Promise<MutterProcess> {
    const missing = this.#missing();
    if (missing !== undefined) throw missing;
    const which = (name: string) => this.#which(name);
    const app = chooseApplication({ app: this.#options.app, which });
    const user = desktopUser(this.#env);
    return await MutterProcess.start({ app, user, env: this.#env }, signal);
  }

  #missing(): PfError | undefined {
    const missing = programs.filter((name) => this.#which(name) === null);
    if (missing.length === 0) return undefined;
    const none = "No GNOME session runs here";
    const words = `${none}, and a Mutter of the host's own lacks ${missing.join(", ")}.`;
    const packages = missing.map((name) => (name === "dbus-daemon" ? "dbus" : name)).join(" ");
    return new PfError("PF_DISPLAY_MISSING", words, {
      hint: `Log in to GNOME, or install (Debian, Fedora and Arch): ${packages}.`,
    });
  }

  #which(name: string): string | null {
    return Bun.which(name, { PATH: this.#env["PATH"] ?? "" });
  }
}

/** The user's PipeWire, as libpipewire finds it. */
function pipeWireOf(env: Environment): PipeWireRemote {
  const folder = env["PIPEWIRE_RUNTIME_DIR"] || env["XDG_RUNTIME_DIR"];
  const socketPath = join(folder ?? "/run/user", env["PIPEWIRE_REMOTE"] || "pipewire-0");
  if (existsSync(socketPath)) return { socketPath };
  throw new PfError(
    "PF_SOURCE_FAILED",
    `Mutter gives pictures by PipeWire; ${socketPath} is not there.`,
    {
      hint: "Start it with: systemctl --user enable --now pipewire.socket wireplumber",
    },
  );
}

interface MutterDisplayOptions {
  readonly address: string;
  readonly remote: PipeWireRemote;
  /** Undefined in a session that was found running. */
  readonly own: MutterProcess | undefined;
}

class MutterDisplay implements Display {
  readonly kind = "mutter";
  readonly ended: Promise<string>;
  /** Set by `open`. */
  mode!: Mode;
  note = "";
  readonly #bus: Bus;
  readonly #cast: MutterCast;
  readonly #own: MutterProcess | undefined;
  #destroyed: Promise<void> | undefined;

  private constructor(bus: Bus, cast: MutterCast, own: MutterProcess | undefined) {
    this.#bus = bus;
    this.#cast = cast;
    this.#own = own;
    this.ended = new Promise((resolve) => {
      const tell = (words: string) => {
        if (this.#destroyed === undefined) resolve(words);
      };
      if (own === undefined) void cast.ended.then(tell);
      else void own.ended.then(tell); // it has more words than its bus
    });
  }

  /** Takes `own` over when it succeeds. */
  static async open(
    { address, remote, own }: MutterDisplayOptions,
    mode: Mode,
  ): Promise<MutterDisplay> {
    const bus = await Bus.connect(address);
    try {
      const display = new MutterDisplay(bus, await MutterCast.open(bus, remote), own);
      await display.#apply(mode);
      return display;
    } catch (error) {
      await bus.close();
      throw error;
    }
  }

  openStage(wiring: StageWiring): PictureStage {
    return this.#cast.openStage(wiring, this.mode);
  }

  openInput(_wiring: InputWiring): InputTarget {
    const { width, height } = this.mode;
    const { session, inputReadyAt: readyAt } = this.#cast;
    const keyboard = this.#own?.keyboard;
    return openMutterInput({ bus: this.#bus, session, width, height, readyAt, ...keyboard });
  }

  /** The monitor stays, with its windows. */
  async reconfigure(mode: Mode, { signal }: CreateOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    await this.#apply(mode);
  }

  destroy(): Promise<void> {
    this.#destroyed ??= this.#remove();
    return this.#destroyed;
  }

  async #apply(mode: Mode): Promise<void> {
    this.mode = await this.#cast.setMode(mode);
    const isExact = Math.abs(this.mode.refreshMilliHz - mode.refreshMilliHz) <= rateMilliHzMax;
    this.note = isExact ? "" : `Mutter gave its monitor ${formatMode(this.mode)}.`;
  }

  async #remove(): Promise<void> {
    const { stream: _, ...session } = this.#cast.session;
    await this.#bus.call({ ...session, member: "Stop" }).catch(() => {}); // it may be over
    await this.#bus.close();
    await this.#own?.stop();
  }
}

/** Rates travel as fractions. */
const rateMilliHzMax = 10;
