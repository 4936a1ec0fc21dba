#!/usr/bin/env bun
/** Measures latency over a whole matrix of settings, and writes one report of it. */
import { renderUsage, runCommand } from "citty";
import { ExitCode, PfError } from "../../src/base/errors.ts";
import { kbps } from "../../src/base/units.ts";
import { parseBitrate, parseChoice, parseDuration, parseFec } from "../../src/cli/arguments.ts";
import { command, jsonArgument, renderExamples } from "../../src/cli/command.ts";
import { Output } from "../../src/cli/output.ts";
import { program } from "../../src/cli/own-host.ts";
import type { CodecName } from "../../src/wire/media.ts";
import { formatMode, parseMode } from "../../src/wire/mode.ts";
import { type Matrix, plansOf } from "./matrix.ts";
import { measure } from "./measure.ts";
import { machine, quote, withLocalPlaces } from "./places.ts";

const codecs = ["h264", "hevc", "av1"] as const satisfies readonly CodecName[];

const orchestrate = command({
  name: "orchestrate",
  description: "Measure latency over modes, codecs, bitrates, FEC and loss, and write one report",
  args: {
    host: {
      type: "positional",
      description: "local: between two network namespaces; or where the host runs, by ssh",
      valueHint: "local|[USER@]HOST",
      required: true,
    },
    clients: {
      type: "positional",
      description: "where the pictures go, by ssh; several with commas",
      valueHint: "[USER@]CLIENT,…",
      required: false,
    },
    mode: {
      type: "string",
      description: "sizes and rates",
      valueHint: "WxH@Hz,…",
      default: "1280x720@60",
    },
    codec: {
      type: "string",
      description: codecs.join(", "),
      valueHint: "CODEC,…",
      default: "h264",
    },
    bitrate: {
      type: "string",
      description: "usual, or 500k to 2G",
      default: "usual",
      valueHint: "RATE,…",
    },
    fec: {
      type: "string",
      description: "shares of parity: auto, or 5 to 50 percent",
      valueHint: "auto|PERCENT,…",
      default: "auto",
    },
    loss: {
      type: "string",
      description: "packets thrown away before the client, 0 to 50 percent; by ssh that takes root",
      valueHint: "PERCENT,…",
      default: "0",
    },
    duration: { type: "string", description: "of each run", valueHint: "TIME", default: "10s" },
    rate: {
      type: "string",
      description: "what the cable between the namespaces carries; usual: all that it can",
      valueHint: "RATE",
    },
    command: {
      type: "string",
      description: "what starts punktfunk there: a program and its first words",
      valueHint: "WORDS",
    },
    ssh: {
      type: "string",
      description: "the ssh program and its options",
      valueHint: "WORDS",
      default: "ssh",
    },
    out: {
      type: "string",
      description: "folder of the report; runs that it has already are not repeated",
      valueHint: "FOLDER",
      default: "latency-report",
    },
    ...jsonArgument,
  },
  examples: [
    ["orchestrate.ts local --loss 0,2 --fec auto,20", "four runs on this machine, as root"],
    ["orchestrate.ts me@gamingbox me@laptop --mode 1280x720@120,1920x1080@60", "two by ssh"],
    ["orchestrate.ts gamingbox laptop,tv --command /opt/punktfunk/punktfunk", "to two clients"],
  ],
  async run({ args, output, interrupted }) {
    const matrix = matrixOf(args);
    const plans = plansOf(matrix);
    const ending = { folder: args.out, output, signal: interrupted };
    if (matrix.host === "local") {
      const ours = args.command ?? program.map(quote).join(" ");
      return withLocalPlaces({ command: ours, linkKbps: matrix.linkKbps }, (host, client) =>
        measure(plans, { host, clients: new Map([["local", client]]) }, ending),
      );
    }
    const how = { ssh: wordsOf(args.ssh), command: args.command ?? "punktfunk" };
    const host = await machine(matrix.host, how);
    const clients = await Promise.all(matrix.clients.map((client) => machine(client, how)));
    const byName = new Map(clients.map((client) => [client.name, client]));
    return measure(plans, { host, clients: byName }, ending);
  },
});

interface Given {
  readonly host: string;
  readonly clients?: string | undefined;
  readonly mode: string;
  readonly codec: string;
  readonly bitrate: string;
  readonly fec: string;
  readonly loss: string;
  readonly duration: string;
  readonly rate?: string | undefined;
}

function matrixOf(given: Given): Matrix {
  const isLocal = given.host === "local";
  if (isLocal !== (given.clients === undefined)) {
    throw new PfError("PF_USAGE", "A measurement is local, or has a host and clients.", {
      hint: "Write orchestrate.ts local, or orchestrate.ts HOST CLIENT.",
    });
  }
  if (!isLocal && given.rate !== undefined) {
    throw new PfError("PF_USAGE", "--rate is for local: it sets the cable between namespaces.");
  }
  return {
    host: given.host,
    clients: isLocal ? ["local"] : listOf(given.clients ?? ""),
    modes: listOf(given.mode).map((text) => formatMode(parseMode(text))),
    codecs: listOf(given.codec).map((text) => parseChoice(text, "codec", codecs)),
    bitratesKbps: listOf(given.bitrate).map((text) =>
      text === "usual" ? null : parseBitrate(text),
    ),
    fecsPermille: listOf(given.fec).map(parseFec),
    lossesPct: listOf(given.loss).map(parseLoss),
    durationMs: parseDuration(given.duration),
    linkKbps: given.rate === undefined ? null : kbps(parseBitrate(given.rate)),
  };
}

const listOf = (text: string) => text.split(",").map((word) => word.trim());
const wordsOf = (text: string) => text.trim().split(/\s+/);

function parseLoss(text: string): number {
  const percent = Number(text.replace(/%$/, ""));
  if (text === "" || !(percent >= 0 && percent <= 50)) {
    throw new PfError("PF_USAGE", `"${text}" is not a share of packets.`, {
      hint: "Write 0 to 50 percent, as --loss 0,0.5,2.",
    });
  }
  return Math.round(percent * 100) / 100;
}

async function main(argv: string[]): Promise<void> {
  if (argv.length === 0 || argv.includes("--help") || argv.includes("-h")) {
    const text = `${await renderUsage(orchestrate)}\n${renderExamples(orchestrate)}`;
    process.stdout.write(process.stdout.isTTY === true ? text : Bun.stripANSI(text));
    return;
  }
  try {
    await runCommand(orchestrate, { rawArgs: argv });
  } catch (thrown) {
    // citty's own complaints.
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    new Output({ json: argv.includes("--json") }).failure(
      new PfError("PF_USAGE", `${message}.`, { hint: "See orchestrate.ts --help." }),
    );
    process.exitCode = ExitCode.usage;
  }
}

await main(process.argv.slice(2));
