/**
 * A screen of the host's own: an Xvfb at the client's exact size with one application in it. It
 * runs under pf_supervise in a private folder, lets only holders of its cookie in, and writes the
 * number of its display when it can be connected to. It can't change its size: for another one it
 * is started anew.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { PfError } from "../../base/errors.ts";
import { Supervised } from "../../ffi/supervise/supervise.ts";
import { X11Input, X11Stage } from "../../ffi/x11/x11.ts";
import type { Mode } from "../../wire/mode.ts";
import type { InputTarget } from "../inject/target.ts";
import type { PictureStage, StageWiring } from "../sources.ts";
import { notFound, plainProgram } from "./application.ts";
import type { CreateOptions, Display, InputWiring } from "./display.ts";
import { type DesktopUser, desktopEnvironment, runtimeBase } from "./user.ts";

/** Xvfb starts in 0.1 to 0.5 s. */
const readyMsMax = 10_000;
/** An application that ends sooner has put itself into the background. */
const startMsMax = 2000;
const setLayoutMsMax = 5000;
/** How much later than an application's the end of its server is noticed. */
const graceMs = 200;

export interface XvfbOptions {
  readonly program: string;
  readonly app: string;
  readonly user: DesktopUser | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export class XvfbDisplay implements Display {
  readonly kind = "x11";
  readonly note = "";
  readonly ended: Promise<string>;
  mode: Mode;
  readonly #options: XvfbOptions;
  readonly #ending = Promise.withResolvers<string>();
  #server: XServer | undefined;

  private constructor(options: XvfbOptions, mode: Mode) {
    this.#options = options;
    this.mode = mode;
    this.ended = this.#ending.promise;
  }

  /** Throws PF_SOURCE_FAILED, or the signal's reason. */
  static async start(
    options: XvfbOptions,
    mode: Mode,
    create: CreateOptions,
  ): Promise<XvfbDisplay> {
    const display = new XvfbDisplay(options, mode);
    await display.#launch(mode, create);
    return display;
  }

  openStage({ sink, events, stage }: StageWiring): PictureStage {
    const { refreshMilliHz } = this.mode;
    return new X11Stage({ sink, display: this.address, refreshMilliHz, events, stage });
  }

  openInput(wiring: InputWiring): InputTarget {
    const { keyboardLayout = "us", ...rest } = wiring;
    const hasLayout = this.#server?.setLayout(keyboardLayout) === true;
    const input = new X11Input({ display: this.address, ...rest });
    return hasLayout ? Object.assign(input, { keyboardLayout }) : input;
  }

  async reconfigure(mode: Mode, options: CreateOptions = {}): Promise<void> {
    const { width, height } = this.mode;
    if (mode.width !== width || mode.height !== height) {
      await this.#server?.stop();
      await this.#launch(mode, options);
    }
    this.mode = mode;
  }

  async destroy(): Promise<void> {
    await this.#server?.stop();
  }

  /** As X11Stage takes it; another one after each start. */
  get address(): string {
    return this.#server?.address ?? "";
  }

  async #launch(mode: Mode, { signal }: CreateOptions): Promise<void> {
    signal?.throwIfAborted();
    const server = new XServer(this.#options, mode);
    this.#server = server;
    void server.ended.then((words) => this.#ending.resolve(words));
    try {
      await server.begin(signal);
    } catch (error) {
      await server.stop();
      throw error;
    }
  }
}

/** One run of Xvfb. */
class XServer {
  /** As X11Stage takes it. */
  address = "";
  /** Resolves with a sentence when it ends without `stop`. */
  readonly ended: Promise<string>;
  readonly #ending = Promise.withResolvers<string>();
  readonly #ready = Promise.withResolvers<void>();
  readonly #app: string;
  readonly #cookie = randomBytes(16);
  readonly #env: Readonly<Record<string, string>>;
  readonly #supervised: Supervised;
  #readyAt = 0;
  #stopped = false;

  constructor({ program, app, user, env }: XvfbOptions, { width, height }: Mode) {
    this.#app = app;
    this.ended = this.#ending.promise;
    this.#ready.promise.catch(() => {});
    const folder = join(
      runtimeBase(env),
      `punktfunk-${process.pid}-${randomBytes(4).toString("hex")}`,
    );
    const own = desktopEnvironment(env, user, folder);
    own["XDG_SESSION_TYPE"] = "x11";
    own["XDG_CURRENT_DESKTOP"] = "X";
    own["XAUTHORITY"] = join(folder, "authority");
    own["FOLDER"] = folder;
    own["XVFB"] = program;
    own["SCREEN"] = `${width}x${height}x24`;
    if (Bun.which("xterm", { PATH: own["PATH"] ?? "" }) !== null) own["TERMINAL"] ??= "xterm";
    const home = own["HOME"];
    this.#env = own;
    this.#supervised = new Supervised({
      command: ["sh", join(folder, "server")],
      env: own,
      cwd: home !== undefined && home !== folder && existsSync(home) ? home : "/",
      folder,
      files: {
        server: serverScript(this.#cookie),
        application: applicationScript(app),
      },
      ...(user === undefined ? {} : { user }),
      onLine: (line) => this.#onLine(line),
    });
    void this.#supervised.exited.then((status) => {
      const failure = this.#failure(`Xvfb ended with status ${status}`);
      this.#ready.reject(failure);
      if (!this.#stopped) this.#ending.resolve(failure.message);
    });
  }

  /** Resolves when it can be connected to. */
  async begin(signal: AbortSignal | undefined): Promise<void> {
    const abort = () => this.#ready.reject(signal?.reason);
    const late = () => this.#ready.reject(this.#failure("Xvfb did not get ready in time"));
    const timer = setTimeout(late, readyMsMax);
    signal?.addEventListener("abort", abort);
    try {
      await this.#ready.promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  /** An XKB layout, as us or de(nodeadkeys); long done when the first key comes. False without. */
  setLayout(layout: string): boolean {
    const env = this.#env;
    const program = Bun.which("setxkbmap", { PATH: env["PATH"] ?? "" });
    if (program === null) return false;
    const [display = ""] = this.address.split("#");
    Bun.spawn([program, "-layout", layout], {
      env: { ...env, DISPLAY: display },
      stdio: ["ignore", "ignore", "ignore"],
      timeout: setLayoutMsMax,
      killSignal: "SIGKILL",
    });
    return true;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#supervised.stop();
  }

  #onLine(line: string): void {
    const [word, value] = line.split(" ");
    if (word === "ready") {
      this.address = `:${value}#${this.#cookie.toString("hex")}`;
      this.#readyAt = performance.now();
      this.#ready.resolve();
    } else if (word === "application-ended") {
      void this.#onApplication(Number(value));
    }
  }

  async #onApplication(status: number): Promise<void> {
    const isStart = performance.now() - this.#readyAt < startMsMax;
    if (isStart && status === 0) return; // its windows are those of a process in the background
    // Without its server an application fails as well: then the server's words are the reason.
    if (status !== 0) await Promise.race([this.#supervised.exited, Bun.sleep(graceMs)]);
    const app = plainProgram(this.#app) ?? this.#app;
    const words =
      status === 127
        ? notFound(this.#app, app).message
        : status === 0
          ? "The application has ended."
          : this.#failure(`The application "${this.#app}" ended with status ${status}`).message;
    this.#ending.resolve(words);
    void this.stop();
  }

  /** With the last words of Xvfb and the application. */
  #failure(what: string): PfError {
    const words = this.#supervised.errorLines.slice(-5).join("\n");
    return new PfError("PF_SOURCE_FAILED", words === "" ? `${what}.` : `${what}:\n${words}`);
  }
}

/**
 * The authority file has one entry for every address: u16 family 65535, then address, number, name
 * and data, each a u16 length and its bytes, in network byte order (Xau(3)).
 */
function serverScript(cookie: Uint8Array): string {
  const octal = (bytes: Uint8Array) =>
    Array.from(bytes, (byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
  const name = "MIT-MAGIC-COOKIE-1";
  const head = octal(Uint8Array.of(255, 255, 0, 0, 0, 0, 0, name.length));
  return `umask 077
printf '${head}${name}${octal(Uint8Array.of(0, cookie.length))}${octal(cookie)}' >"$XAUTHORITY"
mkfifo "$FOLDER/number"
(
  read -r number <"$FOLDER/number" || exit
  export DISPLAY=":$number"
  echo "ready $number"
  exec sh "$FOLDER/application"
) &
exec "$XVFB" -displayfd 3 -screen 0 "$SCREEN" -nolisten tcp -noreset -auth "$XAUTHORITY" \\
  3>"$FOLDER/number" >&2
`;
}

/** Standard output is this program's; the application's goes where Xvfb's messages go. */
const applicationScript = (app: string) => `(
${app}
) >&2
echo "application-ended $?"
`;
