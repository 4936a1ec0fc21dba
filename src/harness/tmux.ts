/** A terminal with a person in front of it, for tests: tmux, its keys and its screen. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./processes.ts";
import { programCommand } from "./program.ts";

export interface TmuxOptions {
  readonly columns?: number;
  readonly rows?: number;
}

export class Tmux {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Runs a shell's script. Dispose of it at the end: that takes the terminal away. */
  static async open(script: string, { columns = 100, rows = 40 }: TmuxOptions = {}): Promise<Tmux> {
    const tmux = new Tmux(await mkdtemp(join(tmpdir(), "punktfunk-tmux-")));
    const size = ["-x", `${columns}`, "-y", `${rows}`];
    await tmux.#run("new-session", "-d", ...size, script);
    return tmux;
  }

  /** The program's command line for a script: one person's state, no display but the terminal. */
  static punktfunk(home: string, ...args: readonly string[]): string {
    const words = [...programCommand, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
    return `env -u DISPLAY -u WAYLAND_DISPLAY CONSOLA_LEVEL=3 PUNKTFUNK_HOME=${home} ${words.join(" ")}`;
  }

  /** Types keys by tmux's names of them, or text. */
  async type(...keys: string[]): Promise<void> {
    await this.#run("send-keys", ...keys);
  }

  /** What is on the screen, and what has left it at the top. */
  screen(): Promise<string> {
    return this.#run("capture-pane", "-p", "-J", "-S", "-");
  }

  /** The screen with its colours. */
  colours(): Promise<string> {
    return this.#run("capture-pane", "-p", "-e");
  }

  async shows(words: string | RegExp): Promise<void> {
    const has = (text: string) =>
      typeof words === "string" ? text.includes(words) : words.test(text);
    await until(async () => has(await this.screen()), `${words} on the screen`, 10_000);
  }

  /** No longer than it takes to see it. */
  async hides(words: string): Promise<void> {
    const isGone = async () => !(await this.screen()).includes(words);
    await until(isGone, `no "${words}" on the screen`, 10_000);
  }

  /** As tmux formats it: `#{pane_pid}`, `#{pane_tty}`. */
  async format(text: string): Promise<string> {
    return (await this.#run("display-message", "-p", text)).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#run("kill-server").catch(() => {});
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #run(...words: string[]): Promise<string> {
    const socket = join(this.#folder, "socket");
    const { stdout } = await Bun.$`tmux -u -S ${socket} -f /dev/null ${words}`.quiet();
    return stdout.toString();
  }
}

/** Why there is none; undefined: there is. */
export const tmuxMissing = Bun.which("tmux") === null ? "there is no tmux" : undefined;
