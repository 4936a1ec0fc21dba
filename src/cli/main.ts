#!/usr/bin/env bun
/** The program: finds the subcommand, loads it alone, and prints help. */
import { type CommandDef, defineCommand, renderUsage, runCommand } from "citty";
import manifest from "../../package.json" with { type: "json" };
import { ExitCode, PfError } from "../base/errors.ts";
import { fillBareValues, renderExamples } from "./command.ts";
import { Output } from "./output.ts";

// biome-ignore lint/suspicious/noExplicitAny: so citty types a table of commands with other flags
type AnyCommand = CommandDef<any>;

const commands: Record<string, () => Promise<AnyCommand>> = {
  serve: async () => (await import("./commands/serve.ts")).default,
  connect: async () => (await import("./commands/connect.ts")).default,
  pair: async () => (await import("./commands/pair.ts")).default,
  discover: async () => (await import("./commands/discover.ts")).default,
  "speed-test": async () => (await import("./commands/speed-test.ts")).default,
  demo: async () => (await import("./commands/demo.ts")).default,
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

async function main(argv: readonly string[]): Promise<void> {
  const [name, ...rest] = argv;
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    help(`${await renderUsage(program)}\n`);
    return;
  }
  if (name === "--version" || name === "-v") {
    process.stdout.write(`${manifest.version}\n`);
    return;
  }
  const load = commands[name];
  if (load === undefined) {
    const output = new Output({ json: argv.includes("--json") });
    const error = new PfError("PF_USAGE", `punktfunk has no command "${name}".`, {
      hint: "See punktfunk --help.",
    });
    output.failure(error);
    process.exitCode = ExitCode.usage;
    return;
  }
  const definition = await load();
  if (wantsHelp(rest)) {
    help(`${await renderUsage(definition, program)}\n${renderExamples(definition)}`);
    return;
  }
  try {
    await runCommand(definition, { rawArgs: fillBareValues(definition, rest) });
  } catch (thrown) {
    // citty's own complaints: a missing positional, a value that is not in an enum.
    const output = new Output({ json: rest.includes("--json") });
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    output.failure(
      new PfError("PF_USAGE", `${message}.`, { hint: `See punktfunk ${name} --help.` }),
    );
    process.exitCode = ExitCode.usage;
  }
}

await main(process.argv.slice(2));
