/** How soon the program answers. */
import { percentile, type Section, show, verdictOf } from "./row.ts";

const runs = 10;
const msWanted = 150;
const program = new URL("../../cli/main.ts", import.meta.url).pathname;

export const benchHelp: Section = async (progress) => {
  progress(`punktfunk --help, ${runs} times`);
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const started = performance.now();
    const child = Bun.spawn([process.execPath, program, "--help"], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    const status = await child.exited;
    if (status !== 0) throw new Error(`punktfunk --help ended with ${status}`);
    times.push(performance.now() - started);
  }
  const [least, median, most] = [0, 0.5, 1].map((share) => percentile(times, share));
  return [
    {
      what: "punktfunk --help",
      wanted: `< ${msWanted} ms`,
      seen: `${show(median)} ms (${show(least)} to ${show(most)})`,
      verdict: verdictOf(median !== null && median !== undefined && median < msWanted),
      method: `median of ${runs} runs, from the start of the process to its end`,
      figures: { least: least ?? null, median: median ?? null, most: most ?? null },
    },
  ];
};
