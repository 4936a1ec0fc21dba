/**
 * gamescope, the compositor of games: a session of the host's own without a screen, at the client's
 * mode, with one application in it. It runs under pf_supervise in a private folder, gives its
 * picture to the user's PipeWire and takes input by a socket for libei.
 *
 * Its mode is fixed when it starts: for another one it is started anew, with its application. One
 * whose client has left is kept for a while, so that a client which comes back finds the game as it
 * was.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PfError } from "../../base/errors.ts";
import { milliHz } from "../../base/units.ts";
import { type PipeWireRemote, ScreencastStage } from "../../ffi/screencast/screencast.ts";
import { Supervised } from "../../ffi/supervise/supervise.ts";
import { formatMode, type Mode } from "../../wire/mode.ts";
import { openEiInput } from "../inject/ei.ts";
import type { InputTarget } from "../inject/target.ts";
import { probeGamescope } from "../readiness/programs.ts";
import type { PictureStage, StageWiring } from "../sources.ts";
import { chooseApplication, notFound, plainProgram } from "./application.ts";
import { availabilityOf } from "./availability.ts";
import type {
  Availability,
  CreateOptions,
  Display,
  DisplayBackend,
  InputWiring,
} from "./display.ts";
import { gamescopeReason, readLine } from "./gamescope-words.ts";
import { desktopEnvironment, runtimeBase } from "./user.ts";
import { gamescopeLacks } from "./versions.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** Vulkan drivers take seconds at their first start, when they fill their caches. */
const readyMsMax = 20_000;
/** An application that ends sooner and well has put itself into the background. */
const startMsMax = 2000;
const answerMsMax = 2000;
const keptMsDefault = 30_000;
const missingHint = "Install it (Debian contrib, Fedora and Arch: the package gamescope).";

export interface GamescopeOptions {
  /** Shell command of the application; default: a terminal. */
  readonly app?: string;
  /** Default: this process's. */
  readonly env?: Environment;
  /** How long a session without a client is kept; default 30,000. */
  readonly keptMs?: number;
}

export class GamescopeDisplays implements DisplayBackend {
  readonly kind = "gamescope";
  readonly #options: GamescopeOptions;
  readonly #env: Environment;

  constructor(options: GamescopeOptions = {}) {
    this.#options = options;
    this.#env = options.env ?? process.env;
  }

  async available(): Promise<Availability> {
    const found = availabilityOf(await probeGamescope({ env: this.#env, msMax: answerMsMax }));
    const lacking = found.ok ? pipeWireLacks(this.#env) : undefined;
    return lacking === undefined ? found : { ...found, ok: false, why: lacking };
  }

  /** Throws PF_DISPLAY_MISSING without gamescope or PipeWire, PF_SOURCE_FAILED when it fails. */
  async create(mode: Mode, options: CreateOptions = {}): Promise<Display> {
    options.signal?.throwIfAborted();
    const which = (name: string) => Bun.which(name, { PATH: this.#env["PATH"] ?? "" });
    const program = which("gamescope");
    if (program === null) {
      const hint = missingHint;
      throw new PfError("PF_DISPLAY_MISSING", "gamescope is not installed.", { hint });
    }
    const lacking = pipeWireLacks(this.#env);
    if (lacking !== undefined) throw new PfError("PF_DISPLAY_MISSING", lacking);
    const app = chooseApplication({ app: this.#options.app, which, shows: "x11" });
    const keptMs = this.#options.keptMs ?? keptMsDefault;
    return await GamescopeDisplay.open({ program, app, env: this.#env, keptMs }, mode, options);
  }
}

/** Why gamescope's picture could not be reached, as a sentence. */
function pipeWireLacks(env: Environment): string | undefined {
  const { socketPath } = pipeWireOf(env);
  if (existsSync(socketPath)) return undefined;
  const who = process.geteuid?.() === 0 ? " Run the host as the user who has one." : "";
  return `gamescope gives its picture to PipeWire, and none is at ${socketPath}.${who}`;
}

function pipeWireOf(env: Environment): { readonly socketPath: string } {
  const folder = env["PIPEWIRE_RUNTIME_DIR"] || env["XDG_RUNTIME_DIR"] || "/run/user/0";
  return { socketPath: join(folder, env["PIPEWIRE_REMOTE"] || "pipewire-0") };
}

interface SessionOptions {
  readonly program: string;
  readonly app: string;
  readonly env: Environment;
  readonly keptMs: number;
}

/** Where it is too old, that is the reason, whatever it says. */
const tellVersion =
  ({ env }: SessionOptions) =>
  async (error: unknown): Promise<never> => {
    const { version } = await probeGamescope({ env, msMax: answerMsMax });
    const lacking = version === null ? undefined : gamescopeLacks(version);
    throw lacking === undefined ? error : new PfError("PF_DISPLAY_MISSING", lacking);
  };

/** Sessions without a client, by what they run. */
const kept = new Map<string, { readonly session: Session; readonly timer: NodeJS.Timeout }>();

const keyOf = ({ program, app, env }: SessionOptions) =>
  [program, app, env["XDG_RUNTIME_DIR"] ?? ""].join("\n");

/** Ends the sessions that are kept for clients that come back. */
export async function endKeptSessions(): Promise<void> {
  const all = [...kept.values()];
  kept.clear();
  for (const { timer } of all) clearTimeout(timer);
  await Promise.all(all.map(({ session }) => session.stop()));
}

/** A kept session of this mode; one of another mode is ended, since it would run beside the new. */
async function takeKept(options: SessionOptions, mode: Mode): Promise<Session | undefined> {
  const key = keyOf(options);
  const found = kept.get(key);
  if (found === undefined) return undefined;
  kept.delete(key);
  clearTimeout(found.timer);
  if (found.session.isAlive && sameSession(found.session.mode, mode)) return found.session;
  await found.session.stop();
  return undefined;
}

const sameSession = (a: Mode, b: Mode) => formatMode(modeOf(a)) === formatMode(modeOf(b));

/** gamescope counts whole pictures a second. */
const modeOf = ({ width, height, refreshMilliHz }: Mode): Mode => ({
  width,
  height,
  refreshMilliHz: milliHz(1000 * Math.max(1, Math.round(refreshMilliHz / 1000))),
});

class GamescopeDisplay implements Display {
  readonly kind = "gamescope";
  readonly note = "";
  readonly ended: Promise<string>;
  readonly #options: SessionOptions;
  readonly #ending = Promise.withResolvers<string>();
  #session: Session;
  #destroyed = false;

  private constructor(options: SessionOptions, session: Session) {
    this.#options = options;
    this.ended = this.#ending.promise;
    this.#session = session;
    this.#follow(session);
  }

  static async open(
    options: SessionOptions,
    mode: Mode,
    create: CreateOptions,
  ): Promise<GamescopeDisplay> {
    const old = await takeKept(options, mode);
    const session = old ?? (await Session.start(options, mode, create).catch(tellVersion(options)));
    return new GamescopeDisplay(options, session);
  }

  get mode(): Mode {
    return this.#session.mode;
  }

  openStage({ sink, events, stage }: StageWiring): PictureStage {
    const { node, mode, remote } = this.#session;
    const { refreshMilliHz } = mode;
    return new ScreencastStage({ sink, node, remote, refreshMilliHz, size: mode, events, stage });
  }

  openInput(wiring: InputWiring): InputTarget {
    const { eisPath, mode } = this.#session;
    const { width, height } = mode;
    return openEiInput({ server: { path: eisPath }, width, height, ...wiring });
  }

  async reconfigure(mode: Mode, options: CreateOptions = {}): Promise<void> {
    if (sameSession(this.mode, mode)) return;
    const old = this.#session;
    await old.stop();
    const session = await Session.start(this.#options, mode, options);
    this.#session = session;
    this.#follow(session);
  }

  async destroy(): Promise<void> {
    if (this.#destroyed) return;
    this.#destroyed = true;
    const session = this.#session;
    const key = keyOf(this.#options);
    if (!session.isAlive || kept.has(key) || this.#options.keptMs === 0) return session.stop();
    const timer = setTimeout(() => {
      kept.delete(key);
      void session.stop();
    }, this.#options.keptMs);
    timer.unref();
    kept.set(key, { session, timer });
  }

  #follow(session: Session): void {
    void session.ended.then((words) => {
      if (this.#session === session) this.#ending.resolve(words);
    });
  }
}

/** One run of gamescope. */
class Session {
  readonly mode: Mode;
  readonly remote: NonNullable<PipeWireRemote>;
  /** Resolves with a sentence when it ends without `stop`. */
  readonly ended: Promise<string>;
  node = 0;
  eisPath = "";
  isAlive = true;
  readonly #folder: string;
  readonly #app: string;
  readonly #token = randomBytes(8).toString("hex");
  readonly #supervised: Supervised;
  readonly #lines: string[] = [];
  readonly #hasNode = Promise.withResolvers<void>();
  readonly #hasApp = Promise.withResolvers<void>();
  readonly #ending = Promise.withResolvers<string>();
  #appAt = 0;
  #stopped = false;

  private constructor({ program, app, env }: SessionOptions, mode: Mode) {
    this.mode = modeOf(mode);
    this.remote = pipeWireOf(env);
    this.ended = this.#ending.promise;
    this.#app = app;
    const name = `punktfunk-${process.pid}-${randomBytes(4).toString("hex")}`;
    this.#folder = join(runtimeBase(env), name);
    const home = env["HOME"];
    this.#supervised = new Supervised({
      command: ["sh", join(this.#folder, "session")],
      env: sessionEnvironment(env, this.#folder),
      cwd: home !== undefined && existsSync(home) ? home : "/",
      folder: this.#folder,
      files: {
        session: sessionScript(program, this.#folder, this.mode),
        application: applicationScript(app, this.#token),
      },
      onLine: (line) => this.#onLine(line),
    });
    void this.#supervised.exited.then((status) => this.#onExit(status));
  }

  /** Throws PF_SOURCE_FAILED with what gamescope's words mean, or the signal's reason. */
  static async start(options: SessionOptions, mode: Mode, create: CreateOptions): Promise<Session> {
    const { signal } = create;
    signal?.throwIfAborted();
    const session = new Session(options, mode);
    const failed = Promise.withResolvers<never>();
    const abort = () => failed.reject(signal?.reason);
    const late = () => failed.reject(session.#failure("gamescope did not get ready in time"));
    const timer = setTimeout(late, readyMsMax);
    signal?.addEventListener("abort", abort);
    const early = session.ended.then((words) => {
      throw new PfError("PF_SOURCE_FAILED", words);
    });
    const ready = Promise.all([session.#hasNode.promise, session.#hasApp.promise]);
    try {
      await Promise.race([ready, failed.promise, early]);
      return session;
    } catch (error) {
      await session.stop();
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      early.catch(() => {});
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.isAlive = false;
    await this.#supervised.stop();
  }

  #onLine(line: string): void {
    const said = readLine(line, { token: this.#token });
    if (said.kind === "other") {
      this.#lines.push(line);
      if (this.#lines.length > linesMax) this.#lines.shift();
    } else if (said.kind === "node" && this.node === 0) {
      this.node = said.node;
      this.#hasNode.resolve();
    } else if (said.kind === "ready") {
      this.eisPath = said.eis.startsWith("/") ? said.eis : join(this.#folder, said.eis);
      this.#appAt = performance.now();
      this.#hasApp.resolve();
    } else if (said.kind === "ended") {
      this.#onApplication(said.status);
    }
  }

  #onApplication(status: number): void {
    if (status === 0 && performance.now() - this.#appAt < startMsMax) return;
    const app = plainProgram(this.#app) ?? this.#app;
    this.#ending.resolve(
      status === 127 ? notFound(this.#app, app).message : "The application has ended.",
    );
    void this.stop();
  }

  #onExit(status: number): void {
    this.isAlive = false;
    if (this.#stopped) return;
    this.#ending.resolve(this.#failure(`gamescope ended with status ${status}`).message);
  }

  /** What its last words mean, else those words. */
  #failure(what: string): PfError {
    const lines = [...this.#lines, ...this.#supervised.errorLines];
    const reason = gamescopeReason(lines);
    const words = reason ?? lines.slice(-5).join("\n");
    return new PfError("PF_SOURCE_FAILED", words === "" ? `${what}.` : `${what}: ${words}`);
  }
}

/** Of what gamescope and its application say; enough to hold a driver's list of formats. */
const linesMax = 60;

function sessionEnvironment(env: Environment, folder: string): Record<string, string> {
  const own = desktopEnvironment(env, undefined, folder);
  const shared = env["XDG_RUNTIME_DIR"] ?? "";
  own["XDG_CURRENT_DESKTOP"] = "gamescope";
  // Its sockets lie in a folder of its own; PipeWire, its sound and the message bus are the user's.
  own["PIPEWIRE_RUNTIME_DIR"] = env["PIPEWIRE_RUNTIME_DIR"] || shared;
  own["PULSE_SERVER"] ??= `unix:${join(shared, "pulse/native")}`;
  if (existsSync(join(shared, "bus"))) {
    own["DBUS_SESSION_BUS_ADDRESS"] ??= `unix:path=${join(shared, "bus")}`;
  }
  return own;
}

/** All of its words on standard output, so that they come in order with the application's marks. */
function sessionScript(program: string, folder: string, mode: Mode): string {
  const { width, height, refreshMilliHz } = mode;
  const size = `-W ${width} -H ${height} -w ${width} -h ${height}`;
  return `exec '${program}' --backend headless ${size} -r ${refreshMilliHz / 1000} \\
  -- sh '${folder}/application' 2>&1
`;
}

const applicationScript = (app: string, token: string) => `
echo "punktfunk ${token} ready $LIBEI_SOCKET"
(
${app}
)
echo "punktfunk ${token} ended $?"
`;
