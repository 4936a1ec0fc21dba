/**
 * Where words go: people read stderr, machines read stdout, one JSON object a line. With --json
 * nothing but those lines is written to stdout; without it, stdout stays empty too.
 */
import { createConsola } from "consola";
import { ExitCode, type PfError } from "../base/errors.ts";

export class Output {
  readonly json: boolean;
  /** A person is there to answer a question, which is put on stderr. */
  readonly canAsk: boolean;
  /** A person is there and reads words, not JSON: live figures are worth showing. */
  readonly interactive: boolean;
  readonly #console = createConsola({
    stdout: process.stderr,
    stderr: process.stderr,
    formatOptions: { date: false, compact: true },
  });
  #isUnread = false;
  #live = "";
  #questions = 0;
  /** What is to be said when no question is open any more. */
  #held: (() => void)[] = [];

  constructor(options: { readonly json: boolean }) {
    this.json = options.json;
    this.canAsk = process.stdin.isTTY === true && process.stderr.isTTY === true;
    this.interactive = this.canAsk && !options.json;
    for (const stream of [process.stdout, process.stderr]) {
      stream.on("error", (error: NodeJS.ErrnoException) => this.#onUnwritable(stream, error));
    }
  }

  /** Who read has gone, as `head` does: a command that still runs ends in order. */
  #onUnwritable(stream: NodeJS.WriteStream, error: NodeJS.ErrnoException): void {
    if (this.#isUnread) return;
    this.#isUnread = true;
    if (stream !== process.stderr) {
      if (error.code !== "EPIPE") this.warn(`Standard output can't be written: ${error.message}.`);
      if (process.listenerCount("SIGHUP") > 0) process.kill(process.pid, "SIGHUP");
      else process.exitCode = ExitCode.failed;
    }
  }

  /** One object for machines. Without --json it is not written. */
  record(object: { readonly type: string } & Record<string, unknown>): void {
    if (this.json) process.stdout.write(`${JSON.stringify(object)}\n`);
  }

  info(text: string): void {
    this.#say(() => this.#console.info(text));
  }

  success(text: string): void {
    this.#say(() => this.#console.success(text));
  }

  warn(text: string): void {
    this.#say(() => this.#console.warn(text));
  }

  /** A line that the next one replaces, on a terminal; elsewhere nothing. */
  live(text: string): void {
    if (!this.interactive || this.#questions > 0) return;
    const columns = process.stderr.columns ?? 80;
    this.#live = text.slice(0, columns - 1);
    process.stderr.write(`\r\x1b[2K${this.#live}`);
  }

  /** Puts a question to the person: while it is open nothing is written over it. */
  async question<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
    this.endLive();
    this.#questions++;
    try {
      return await ask();
    } finally {
      this.#questions--;
      if (this.#questions === 0) for (const say of this.#held.splice(0)) say();
    }
  }

  #say(say: () => void): void {
    this.endLive();
    if (this.#questions > 0) this.#held.push(say);
    else say();
  }

  /** A table or other text as it stands. */
  print(text: string): void {
    this.endLive();
    process.stderr.write(`${text}\n`);
  }

  /** The failure that ends the command. */
  failure(error: PfError): void {
    this.endLive();
    this.#console.error(`${error.sentence()} [${error.code}]`);
    if (error.code === "PF_INTERNAL" && error.cause instanceof Error) {
      this.print(error.cause.stack ?? "");
    }
    this.record({
      type: "error",
      code: error.code,
      message: error.message,
      hint: error.hint ?? null,
      exitCode: error.exitCode,
    });
  }

  /** Takes the live line away. */
  endLive(): void {
    if (this.#live === "") return;
    process.stderr.write("\r\x1b[2K");
    this.#live = "";
  }
}
