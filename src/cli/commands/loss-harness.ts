import { closeSync, openSync, writeSync } from "node:fs";
import { PfError } from "../../base/errors.ts";
import type { Row } from "../../harness/loss/run.ts";
import type { SweepOptions } from "../../harness/loss/sweep.ts";
import { command, jsonArgument } from "../command.ts";
import type { Output } from "../output.ts";

export default command({
  name: "loss-harness",
  description: "Measure which frames survive a lossy link: the real sender and receiver, by a seed",
  args: {
    schemes: {
      type: "string",
      description: "gf16 (this protocol), gf8 (Moonlight's layout), none (no parity)",
      valueHint: "LIST",
      default: "gf16,gf8,none",
    },
    model: {
      type: "string",
      description:
        "what the link does: iid (loss), ge (loss in bursts), reorder, duplicate, jitter, " +
        "rate (narrow), truncate, tail (last packets of a frame)",
      valueHint: "LIST",
      default: "iid",
    },
    loss: {
      type: "string",
      description: "share of the packets, or of the rate, that the link takes, in percent",
      valueHint: "LIST",
      default: "0,2,5,10",
    },
    "frame-bytes": {
      type: "string",
      description: "size of every coded picture",
      valueHint: "LIST",
      default: "50000,2000000",
    },
    parity: {
      type: "string",
      description: "in percent, 5 to 50",
      valueHint: "LIST",
      default: "20",
    },
    frames: { type: "string", description: "in each row", valueHint: "COUNT", default: "200" },
    fps: { type: "string", description: "frames a second", valueHint: "COUNT", default: "60" },
    seed: {
      type: "string",
      description: "the same seed gives the same rows",
      valueHint: "NUMBER",
      default: "1",
    },
    burst: {
      type: "string",
      description: "ge: packets lost in a row, on average",
      valueHint: "COUNT",
      default: "8",
    },
    hold: {
      type: "string",
      description: "reorder, duplicate: how long a packet is held back",
      valueHint: "TIME",
      default: "3ms",
    },
    jitter: {
      type: "string",
      description: "jitter: the longest delay",
      valueHint: "TIME",
      default: "5ms",
    },
    queue: {
      type: "string",
      description: "rate: how much waits in front of the link",
      valueHint: "TIME",
      default: "20ms",
    },
    throughput: {
      type: "boolean",
      description: "measure the speed of the erasure codes and of sealing instead",
    },
    csv: {
      type: "string",
      description: "rows as CSV, to a file, or to stdout without a name",
      valueHint: "[FILE]",
    },
    plot: { type: "string", description: "draw a plot as SVG", valueHint: "FILE" },
    ...jsonArgument,
  },
  bareValues: { csv: "-" },
  examples: [
    ["punktfunk loss-harness", "random loss for small and large frames, as a table"],
    [
      "punktfunk loss-harness --model ge --burst 20 --loss 1,2,3,5,8 --plot loss.svg",
      "loss in bursts of 20 packets, and a plot of it",
    ],
    ["punktfunk loss-harness --parity 10,20,30 --json", "how much parity is enough, for scripts"],
    ["punktfunk loss-harness --throughput", "how fast the codes and the sealing are here"],
  ],
  async run({ args, output, interrupted }) {
    if (args.throughput === true) {
      if (args.csv !== undefined || args.plot !== undefined) {
        throw usage("--throughput has neither a plot nor CSV.", "Use --json for its figures.");
      }
      const { printThroughput } = await import("../loss-throughput.ts");
      await printThroughput(output, interrupted);
      return undefined;
    }
    const { parseSweep } = await import("../loss-options.ts");
    const options = parseSweep(args);
    if (args.csv === "-" && output.json) {
      throw usage("Only one of --json and --csv can have stdout.", "Give --csv a file.");
    }
    if (args.csv !== undefined && args.csv === args.plot) {
      throw usage("--csv and --plot name the same file.", "Give each its own.");
    }
    const csv = args.csv === undefined ? undefined : new TextFile("--csv", args.csv);
    const plot = args.plot === undefined ? undefined : new TextFile("--plot", args.plot);
    try {
      await sweep(options, { output, interrupted, csv, plot });
    } finally {
      csv?.close();
      plot?.close();
    }
    return undefined;
  },
});

interface Destination {
  readonly output: Output;
  readonly interrupted: AbortSignal;
  readonly csv: TextFile | undefined;
  readonly plot: TextFile | undefined;
}

async function sweep(options: SweepOptions, { output, interrupted, csv, plot }: Destination) {
  const { cellsOf, runSweep } = await import("../../harness/loss/sweep.ts");
  const report = await import("../../harness/loss/report.ts");
  const { plotSvg } = await import("../../harness/loss/plot.ts");
  const startedAt = performance.now();
  const rows: Row[] = [];
  csv?.write(report.csvHeading);
  if (!output.json) output.print(report.tableHeading);
  const progress = (done: number, total: number) =>
    output.live(progressLine(done / total, performance.now() - startedAt));
  for await (const row of runSweep(options, { interrupted, progress })) {
    rows.push(row);
    output.record({ type: "row", ...row });
    csv?.write(report.csvLine(row));
    if (!output.json) output.print(report.tableLine(row));
  }
  plot?.write(plotSvg(rows));
  if (interrupted.aborted) {
    output.warn(`Interrupted after ${rows.length} of ${cellsOf(options).length} rows.`);
    return;
  }
  const totals = report.totalsOf(rows);
  const durationMs = Math.round(performance.now() - startedAt);
  output.record({ type: "summary", seed: options.seed, ...totals, durationMs });
  output.success(
    `${totals.rows} rows of ${options.frames} frames in ${(durationMs / 1000).toFixed(1)} s; ` +
      `each frame that came out is the one that went in. Seed ${options.seed}.`,
  );
}

/** As `[████████░░░░░░░░]  52%, 3 s left`. */
function progressLine(share: number, elapsedMs: number): string {
  const width = 30;
  const full = Math.round(share * width);
  const leftS = Math.ceil((elapsedMs * (1 - share)) / share / 1000);
  const percent = String(Math.floor(share * 100)).padStart(3);
  return `[${"█".repeat(full)}${"░".repeat(width - full)}] ${percent}%, ${leftS} s left`;
}

function usage(message: string, hint: string): PfError {
  return new PfError("PF_USAGE", message, { hint });
}

/** A file that is known to be writable before the work begins; `-` is stdout. */
class TextFile {
  readonly #flag: string;
  readonly #path: string;
  readonly #descriptor: number | undefined;

  constructor(flag: string, path: string) {
    this.#flag = flag;
    this.#path = path;
    this.#descriptor = path === "-" ? undefined : this.#try(() => openSync(path, "w"));
  }

  write(text: string): void {
    const descriptor = this.#descriptor;
    if (descriptor === undefined) process.stdout.write(text);
    else this.#try(() => writeSync(descriptor, text));
  }

  close(): void {
    if (this.#descriptor !== undefined) closeSync(this.#descriptor);
  }

  #try<Result>(act: () => Result): Result {
    try {
      return act();
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new PfError("PF_FILE_UNWRITABLE", `${this.#path} can't be written: ${why}.`, {
        hint: `Give ${this.#flag} a path in a folder that you can write to.`,
        cause,
      });
    }
  }
}
