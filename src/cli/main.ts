#!/usr/bin/env bun
/** The program: finds the subcommand, loads it alone, and prints help. */
import { defineCommand, renderUsage, runCommand } from "citty";
import manifest from "../../package.json" with { type: "json" };
import { ExitCode, PfError } from "../base/errors.ts";
import {
  type AnyCommand,
  type CommandTable,
  fillBareValues,
  groupCommands,
  renderExamples,
} from "./command.ts";
import { Output } from "./output.ts";

const commands: CommandTable = {
  serve: async () => (await import("./commands/serve.ts")).default,
  connect: async () => (await import("./commands/connect.ts")).default,
  pair: async () => (await import("./commands/pair.ts")).default,
  discover: async () => (await import("./commands/discover.ts")).default,
  host: async () => (await import("./commands/host.ts")).default,
  why: async () => (await import("./commands/why.ts")).default,
  "speed-test": async () => (await import("./commands/speed-test.ts")).default,
  "probe-compositor": async () => (await import("./commands/probe-compositor.ts")).default,
  doctor: async () => (await import("./commands/doctor.ts")).default,
  demo: async () => (await import("./commands/demo.ts")).default,
  "latency-probe": async () => (await import("./commands/latency-probe.ts")).default,
  "loss-harness": async () => (await import("./commands/loss-harness.ts")).default,
};

const program = defineCommand({
  meta: { name: "punktfunk", version: manifest.version, description: manifest.description },
  subCommands: commands,
});

const wantsHelp = (args: readonly string[]) => {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).some((arg) => arg === "--help" || arg === "-h");
};

/** Help goes to stdout, in colour only where a person sees it. */
function help(text: string): void {
  process.stdout.write(process.stdout.isTTY === true ? text : Bun.stripANSI(text));
}

/** Ends as a mistake of the person's, with where to read on. */
function usageFailure(message: string, given: { path: string; argv: readonly string[] }): void {
  const output = new Output({ json: given.argv.includes("--json") });
  output.failure(new PfError("PF_USAGE", message, { hint: `See ${given.path} --help.` }));
  process.exitCode = ExitCode.usage;
}

async function main(argv: readonly string[]): Promise<void> {
  const [name] = argv;
  if (name === "--version" || name === "-v") {
    process.stdout.write(`${manifest.version}\n`);
    return;
  }
  await dispatch(program, commands, { path: "punktfunk", argv });
}

/** Finds the command that the first word names, and runs it, or one of a group's. */
async function dispatch(
  parent: AnyCommand,
  table: CommandTable,
  { path, argv }: { readonly path: string; readonly argv: readonly string[] },
): Promise<void> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    const usage = await renderUsage(parent, parent === program ? undefined : program);
    const examples = renderExamples(parent);
    help(examples === "" ? `${usage}\n` : `${usage}\n\n${examples}`);
    return;
  }
  const load = Object.hasOwn(table, name) ? table[name] : undefined;
  if (load === undefined) {
    usageFailure(`${path} has no command "${name}".`, { path, argv });
    return;
  }
  const definition = await load();
  const below = groupCommands(definition);
  if (below !== undefined) {
    await dispatch(definition, below, { path: `${path} ${name}`, argv: rest });
    return;
  }
  if (wantsHelp(rest)) {
    help(`${await renderUsage(definition, program)}\n${renderExamples(definition)}`);
    return;
  }
  try {
    await runCommand(definition, { rawArgs: fillBareValues(definition, rest) });
  } catch (thrown) {
    // citty's own complaints: a missing positional, a value that is not in an enum.
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    usageFailure(`${message}.`, { path: `${path} ${name}`, argv: rest });
  }
}

await main(process.argv.slice(2));
