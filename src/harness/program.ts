/** The program as a person or a script runs it: a process of its own, its words and its exit. */
import { join } from "node:path";
import type { TrustMode } from "../host/trust/trust.ts";

/** The program and its first argument, as a shell would start it. */
export const programCommand: readonly string[] = [
  process.execPath,
  new URL("../cli/main.ts", import.meta.url).pathname,
];

export interface ProgramOptions {
  /** PUNKTFUNK_HOME of the process. */
  readonly home: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Words in front of the command, to run it elsewhere. */
  readonly prefix?: readonly string[];
  /** Another program than punktfunk, whose output is read the same way. */
  readonly command?: readonly string[];
}

export type JsonLine = { readonly type: string } & Record<string, unknown>;

/** A running punktfunk. Await `exited`, or `end` it. */
export class Program {
  readonly process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly exited: Promise<number>;
  /** Everything it wrote to stderr. */
  readonly words: Promise<string>;
  readonly lines: JsonLine[] = [];
  readonly #drained: Promise<void>;
  #waiting: (() => void)[] = [];

  constructor(args: readonly string[], options: ProgramOptions) {
    this.process = Bun.spawn(
      [...(options.prefix ?? []), ...(options.command ?? programCommand), ...args],
      {
        env: { ...process.env, PUNKTFUNK_HOME: options.home, ...options.env },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      },
    );
    this.words = new Response(this.process.stderr).text();
    this.#drained = this.#read();
    this.exited = this.#drained.then(() => this.process.exited);
  }

  /** The first JSON line of a type, waiting for it; undefined when the program ends without one. */
  async line(type: string): Promise<JsonLine | undefined> {
    for (;;) {
      const found = this.lines.find((line) => line.type === type);
      if (found !== undefined) return found;
      const more = new Promise<"more">((resolve) => this.#waiting.push(() => resolve("more")));
      const next = await Promise.race([more, this.#drained.then(() => "end" as const)]);
      if (next === "end") return this.lines.find((line) => line.type === type);
    }
  }

  /** Asks it to end, then waits. */
  async end(signal: NodeJS.Signals = "SIGINT"): Promise<number> {
    this.process.kill(signal);
    return this.exited;
  }

  async #read(): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    for await (const chunk of this.process.stdout) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      for (const part of parts) {
        if (part.startsWith("{")) this.lines.push(JSON.parse(part) as JsonLine);
      }
      for (const wake of this.#waiting.splice(0)) wake();
    }
  }
}

/**
 * A host process on free ports and its ready line; it serves everybody unless told otherwise.
 * Throws with its words when it does not start.
 */
export async function startHostProgram(
  home: string,
  args: readonly string[] = [],
  options: Pick<ProgramOptions, "prefix" | "env"> & { readonly trust?: TrustMode } = {},
) {
  const { trust = "open", ...rest } = options;
  const words = ["serve", "--port", "0", "--name", "harness", "--no-advertise", "--json", ...args];
  const program = new Program(trust === "open" ? [...words, "--open"] : words, {
    home: join(home, "host"),
    ...rest,
  });
  const ready = await program.line("ready");
  if (ready === undefined) throw new Error(`serve did not start: ${await program.words}`);
  return {
    program,
    port: ready["port"] as number,
    mediaPort: ready["mediaPort"] as number,
    fingerprint: ready["fingerprint"] as string,
  };
}
