/**
 * What every command is: a citty definition with examples in its help, flags that are checked, the
 * exit codes of the contract, and Ctrl-C as an AbortSignal. Heavy modules are imported inside
 * `run`, so that help stays fast.
 */
import { type ArgsDef, type CommandDef, defineCommand, type ParsedArgs } from "citty";
import { ExitCode, PfError, toPfError } from "../base/errors.ts";
import { Output } from "./output.ts";

export interface CommandContext<Args extends ArgsDef> {
  readonly args: ParsedArgs<Args>;
  readonly output: Output;
  /** Aborts at the first SIGINT, SIGTERM or SIGHUP; a later one ends the process at once. */
  readonly interrupted: AbortSignal;
}

export interface CommandSpec<Args extends ArgsDef> {
  readonly name: string;
  readonly description: string;
  readonly args: Args;
  /** Lines of help: a command and what it does. */
  readonly examples: readonly (readonly [command: string, what: string])[];
  /** A part of the help of its own: what it is about, then lines and what they mean. */
  readonly topic?: {
    readonly title: string;
    readonly lines: readonly (readonly [line: string, what: string])[];
  };
  /** Flags whose value may be left out, and the value that this means. */
  readonly bareValues?: Readonly<Record<string, string>>;
  /** Returns the exit code; undefined is done. Throws PfError for what a person can meet. */
  readonly run: (context: CommandContext<Args>) => Promise<ExitCode | undefined>;
}

/**
 * One Ctrl-C can arrive several times, from the terminal and handed on by npm or by the demo: only
 * a signal after this many milliseconds is a second wish.
 */
const secondSignalMsMin = 1000;

export const jsonArgument = {
  json: { type: "boolean", description: "one JSON object a line on stdout, words on stderr" },
} as const satisfies ArgsDef;

/** What citty's definition of a command has no place for. */
const extrasOf = new WeakMap<
  object,
  Pick<CommandSpec<ArgsDef>, "examples" | "topic" | "bareValues">
>();

export function command<const Args extends ArgsDef>(spec: CommandSpec<Args>): CommandDef<Args> {
  const definition = defineCommand<Args>({
    meta: { name: spec.name, description: spec.description },
    args: spec.args,
    async run({ args, rawArgs }) {
      const output = new Output({ json: args["json"] === true });
      process.exitCode = await runReported(spec, { args, output, rawArgs });
    },
  });
  extrasOf.set(definition, spec);
  return definition;
}

// biome-ignore lint/suspicious/noExplicitAny: so citty types a table of commands with other flags
export type AnyCommand = CommandDef<any>;

/** Commands by name, each loaded when it is called, or listed in help. */
export type CommandTable = Readonly<Record<string, () => Promise<AnyCommand>>>;

export interface GroupSpec {
  readonly name: string;
  readonly description: string;
  readonly commands: CommandTable;
  readonly examples: CommandSpec<ArgsDef>["examples"];
}

const commandsOf = new WeakMap<object, CommandTable>();

/** A command that does nothing by itself: the word after it says what. */
export function group(spec: GroupSpec): AnyCommand {
  const definition = defineCommand({
    meta: { name: spec.name, description: spec.description },
    subCommands: spec.commands,
  });
  extrasOf.set(definition, { examples: spec.examples });
  commandsOf.set(definition, spec.commands);
  return definition;
}

/** The commands of a group; undefined for a command that is none. */
export const groupCommands = (definition: object) => commandsOf.get(definition);

async function runReported<Args extends ArgsDef>(
  spec: CommandSpec<Args>,
  given: { args: ParsedArgs<Args>; output: Output; rawArgs: string[] },
): Promise<ExitCode> {
  const { args, output, rawArgs } = given;
  const { signal, dispose } = interruption();
  try {
    checkFlags(spec, rawArgs, args._);
    const code = await spec.run({ args, output, interrupted: signal });
    return signal.aborted ? ExitCode.interrupted : (code ?? ExitCode.done);
  } catch (thrown) {
    if (signal.aborted) return ExitCode.interrupted;
    const error = toPfError(thrown);
    output.failure(error);
    return error.exitCode;
  } finally {
    dispose();
  }
}

/** citty takes unknown flags in silence; a mistyped one must not. */
function checkFlags(
  spec: { readonly name: string; readonly args: ArgsDef },
  rawArgs: string[],
  positionals: string[],
): void {
  const named = Object.entries(spec.args).filter(([, arg]) => arg.type !== "positional");
  const known = new Set(named.flatMap(([name, arg]) => [name, ...[aliasOf(arg)].flat()]));
  for (const raw of rawArgs) {
    if (raw === "--") break;
    const flag = /^--?([a-zA-Z][\w-]*)/.exec(raw)?.[1];
    if (flag === undefined || known.has(flag) || known.has(flag.replace(/^no-/, ""))) continue;
    throw new PfError("PF_USAGE", `punktfunk ${spec.name} has no flag --${flag}.`, {
      hint: `See punktfunk ${spec.name} --help.`,
    });
  }
  for (const [name, arg] of named) {
    if (arg.type === "boolean") continue;
    const bare = rawArgs.indexOf(`--${name}`);
    const next = bare < 0 ? "" : rawArgs[bare + 1];
    if (next === undefined || (bare >= 0 && /^--[a-z]/.test(next))) {
      throw new PfError("PF_USAGE", `--${name} needs a value.`, {
        hint: `See punktfunk ${spec.name} --help.`,
      });
    }
  }
  const places = Object.values(spec.args).length - named.length;
  if (positionals.length > places) {
    throw new PfError("PF_USAGE", `"${positionals[places]}" is one word too many.`, {
      hint: `See punktfunk ${spec.name} --help.`,
    });
  }
}

function aliasOf(arg: ArgsDef[string]): string | string[] {
  return "alias" in arg && arg.alias !== undefined ? arg.alias : [];
}

function interruption(): { signal: AbortSignal; dispose: () => void } {
  const controller = new AbortController();
  const names = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  let firstAt = 0;
  const onSignal = () => {
    if (!controller.signal.aborted) {
      firstAt = performance.now();
      controller.abort();
    } else if (performance.now() - firstAt > secondSignalMsMin) {
      process.exit(ExitCode.interrupted);
    }
  };
  for (const name of names) process.on(name, onSignal);
  return {
    signal: controller.signal,
    dispose: () => {
      for (const name of names) process.off(name, onSignal);
    },
  };
}

/** The topic and the examples of a command's help; empty for a command without. */
export function renderExamples(definition: object): string {
  const { examples = [], topic } = extrasOf.get(definition) ?? {};
  const sections: string[] = [];
  if (topic !== undefined) {
    const width = Math.max(...topic.lines.map(([line]) => line.length));
    const lines = topic.lines.map(([line, what]) => `  ${line.padEnd(width)}  ${what}`);
    sections.push(`${topic.title}\n\n${lines.join("\n")}\n`);
  }
  if (examples.length > 0) {
    const lines = examples.map(([line, what]) => `  ${line}\n      ${what}`);
    sections.push(`EXAMPLES\n\n${lines.join("\n")}\n`);
  }
  return sections.join("\n");
}

/** The arguments of a command with the values filled in that its flags may be left without. */
export function fillBareValues(definition: object, rawArgs: readonly string[]): string[] {
  const bare = extrasOf.get(definition)?.bareValues ?? {};
  const end = rawArgs.indexOf("--");
  return rawArgs.map((raw, i) => {
    const value = raw.startsWith("--") && (end < 0 || i < end) ? bare[raw.slice(2)] : undefined;
    const next = rawArgs[i + 1];
    return value !== undefined && (next === undefined || next.startsWith("--"))
      ? `${raw}=${value}`
      : raw;
  });
}
