/** Runs a command so that nothing of it outlives this process: see supervise.h. */
import { existsSync } from "node:fs";
import { PfError } from "../../base/errors.ts";
import { nativeProgram } from "../library.ts";

export interface SuperviseOptions {
  readonly command: readonly string[];
  /** The whole environment of the command. */
  readonly env: Readonly<Record<string, string>>;
  /** Where the command starts; default: this process's folder. */
  readonly cwd?: string;
  /** A folder that is made for the command and removed after it; must not exist. */
  readonly folder?: string;
  /** Files that are written into the folder first: text by name. */
  readonly files?: Readonly<Record<string, string>>;
  /** The user whom the command runs as; needs root. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Between TERM and KILL; default 1,000. */
  readonly graceMs?: number;
  /** Called for each line that the command writes to its standard output. */
  readonly onLine?: (line: string) => void;
}

/** Lines of standard error that are kept. */
const errorLinesMax = 20;

/** A running command with its tree and its folder. The constructor throws PF_LIBRARY_MISSING. */
export class Supervised {
  /** Exit status: the command's, or 128 + signal. By then the tree and the folder are gone. */
  readonly exited: Promise<number>;
  readonly #process: Bun.Subprocess<"pipe", "pipe", "pipe">;
  readonly #errors: string[] = [];

  constructor(options: SuperviseOptions) {
    const program = nativeProgram("pf_supervise");
    if (!existsSync(program)) {
      throw new PfError("PF_LIBRARY_MISSING", `The program ${program} is not there.`, {
        hint: "Run npm run setup to build it.",
      });
    }
    this.#process = Bun.spawn([program, ...superviseArguments(options)], {
      env: { ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    const output = readLines(this.#process.stdout, options.onLine ?? (() => {}));
    const errors = readLines(this.#process.stderr, (line) => {
      this.#errors.push(line);
      if (this.#errors.length > errorLinesMax) this.#errors.shift();
    });
    this.exited = this.#process.exited.then(async (status) => {
      await Promise.all([output, errors]);
      return status;
    });
  }

  /** Process number of the supervisor. */
  get pid(): number {
    return this.#process.pid;
  }

  /** The last lines of the command's standard error, oldest first. */
  get errorLines(): readonly string[] {
    return this.#errors;
  }

  /** Ends the tree: TERM, KILL after the grace. Resolves when all of it is gone. Idempotent. */
  async stop(): Promise<number> {
    this.#process.stdin.end();
    return await this.exited;
  }
}

function superviseArguments(options: SuperviseOptions): string[] {
  const list: string[] = [];
  if (options.folder !== undefined) list.push("--folder", options.folder);
  for (const [name, text] of Object.entries(options.files ?? {})) list.push("--file", name, text);
  if (options.user !== undefined) {
    list.push("--user", String(options.user.uid), String(options.user.gid));
  }
  if (options.graceMs !== undefined) list.push("--grace", String(options.graceMs));
  return [...list, "--", ...options.command];
}

async function readLines(
  stream: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() as string;
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine(rest);
}
