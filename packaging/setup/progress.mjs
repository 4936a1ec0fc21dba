/** Runs the commands of set-up: a live line of what they do, their whole output in a log. */
import { spawn } from "node:child_process";
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

const quietUpdateMs = 10_000;
const tailLines = 30;

/** A failure that is told as its message alone. */
export class SetupError extends Error {}

/** Ctrl-C or a polite kill; `status` is the exit status of a program that ended by it. */
export class Interrupted extends Error {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super("Interrupted; the next run goes on from here.");
    this.status = signal === "SIGINT" ? 130 : 143;
  }
}

export class Progress {
  #log;
  #started = performance.now();
  #live = process.stderr.isTTY === true;
  /** @type {import("node:child_process").ChildProcess | undefined} */
  #child;
  #killed = false;
  /** @type {NodeJS.Signals | undefined} */
  #signal;

  /** @param {string} log path of the log; made when the first command runs */
  constructor(log) {
    this.#log = log;
    for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM"])) {
      process.on(signal, () => this.#interrupt(signal));
    }
  }

  /** Seconds since the beginning, as "12.3 s". */
  get elapsed() {
    return seconds(performance.now() - this.#started);
  }

  /** Prints a line. @param {string} line */
  say(line) {
    process.stderr.write(`${line}\n`);
  }

  /** Starts a new log. */
  openLog() {
    mkdirSync(dirname(this.#log), { recursive: true });
    writeFileSync(this.#log, "");
  }

  /**
   * Runs a command to its end and returns its exit status (127: not found) and last lines.
   * @param {string} what as people read it, as "compiling"
   * @param {string[]} words
   * @param {{ terminal?: boolean, cwd?: string, namespace?: boolean }} [options] terminal: it may
   *   ask the person; namespace: it keeps a namespace, and has to be killed to end at Ctrl-C
   */
  async run(what, words, { terminal = false, cwd, namespace = false } = {}) {
    const started = performance.now();
    const [program = "", ...args] = words;
    appendFileSync(this.#log, `$ ${words.join(" ")}\n`);
    const child = spawn(program, args, {
      cwd,
      stdio: [terminal ? "inherit" : "ignore", "pipe", "pipe"],
    });
    this.#child = child;
    this.#killed = namespace;
    /** @type {string[]} */
    let tail = [];
    let shown = started;
    const show = () => {
      const now = performance.now();
      const line = `  ${what} ${seconds(now - started)}  ${tail.at(-1) ?? ""}`;
      if (this.#live) {
        process.stderr.write(`\r\x1b[K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
      } else if (now - shown >= quietUpdateMs) {
        shown = now;
        this.say(line);
      }
    };
    const ticker = setInterval(show, this.#live ? 200 : 1000);
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
        appendFileSync(this.#log, text);
        tail = [...tail, ...text.split(/[\r\n]+/).filter((line) => line.trim() !== "")];
        tail = tail.slice(-tailLines);
      });
    }
    const status = await new Promise((resolve) => {
      child.on("error", (error) => {
        tail = [error.message];
        resolve(127);
      });
      child.on("close", (code) => resolve(code ?? 1));
    });
    clearInterval(ticker);
    if (this.#live) process.stderr.write("\r\x1b[K");
    this.#child = undefined;
    if (this.#signal !== undefined) throw new Interrupted(this.#signal);
    return {
      status: Number(status),
      tail: tail.join("\n"),
      took: seconds(performance.now() - started),
    };
  }

  /**
   * As `run`, but a status other than 0 is an error that shows the last lines.
   * @param {string} what
   * @param {string[]} words
   * @param {{ terminal?: boolean, cwd?: string, namespace?: boolean }} [options]
   */
  async must(what, words, options) {
    const result = await this.run(what, words, options);
    if (result.status !== 0) throw this.failure(words, result);
    return result;
  }

  /**
   * @param {string[]} words
   * @param {{ status: number, tail: string }} result
   */
  failure(words, { status, tail }) {
    const lines = tail.replace(/^/gm, "  | ");
    return new SetupError(
      `${lines}\nThis failed with status ${status}: ${words.join(" ")}\nAll of its output: ${this.#log}`,
    );
  }

  /** @param {NodeJS.Signals} signal */
  #interrupt(signal) {
    this.#signal = signal;
    if (this.#child === undefined) {
      process.exit(new Interrupted(signal).status);
    }
    try {
      this.#child.kill(this.#killed ? "SIGKILL" : signal); // From a terminal it has had it already: twice does no harm.
    } catch {
      // It runs as root: sudo passes on what the terminal sends.
    }
  }
}

/**
 * Runs a quick command without a trace; the status is -1 when there is no such program.
 * @param {string[]} words
 * @param {{ cwd?: string }} [options]
 * @returns {Promise<{ status: number, output: string }>}
 */
export function ask(words, { cwd } = {}) {
  const [program = "", ...args] = words;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, LC_ALL: "C" },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output += text;
      });
    }
    child.on("error", () => resolve({ status: -1, output: "" }));
    child.on("close", (code) => resolve({ status: code ?? 1, output }));
  });
}

/** @param {number} milliseconds */
function seconds(milliseconds) {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
