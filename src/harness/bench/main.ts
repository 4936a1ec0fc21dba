/**
 * `npm run bench [-- SECTION…] [--json]`: the figures that the program is to reach beside those
 * that this machine shows. A report, not a test: the exit status is 0 even when a figure is short,
 * and 2 only for a section that does not exist. Progress goes to stderr.
 */
import { parseArgs } from "node:util";
import { lookAtMachine, type Machine } from "./machine.ts";
import type { Row, Section } from "./row.ts";
import { printTable } from "./table.ts";

const sections: Readonly<Record<string, () => Promise<Section>>> = {
  stream: async () => (await import("./stream.ts")).benchStream,
  latency: async () => (await import("./latency.ts")).benchLatency,
  input: async () => (await import("./input.ts")).benchInput,
  sound: async () => (await import("./sound.ts")).benchSound,
  sway: async () => (await import("./sway.ts")).benchSway,
  desktops: async () => (await import("./desktops.ts")).benchDesktops,
  sessions: async () => (await import("./sessions.ts")).benchSessions,
  loss: async () => (await import("./loss.ts")).benchLoss,
  picture: async () => (await import("./picture.ts")).benchPicture,
  help: async () => (await import("./help.ts")).benchHelp,
  codecs: async () => (await import("./codecs.ts")).benchCodecs,
  fec: async () => (await import("./data-plane.ts")).benchFec,
  media: async () => (await import("./data-plane.ts")).benchMedia,
  hostile: async () => (await import("./hostile.ts")).benchHostile,
  trust: async () => (await import("./trust.ts")).benchTrust,
  speed: async () => (await import("./speed.ts")).benchSpeed,
  "data-plane": async () => (await import("./data-plane.ts")).benchDataPlane,
  soak: async () => (await import("./soak.ts")).benchSoak,
};

/** Only when they are named: one takes long, the other is several of these together. */
const onRequest: ReadonlySet<string> = new Set(["soak", "data-plane"]);

const { positionals, values } = parseArgs({
  options: { json: { type: "boolean", default: false } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => sections[name] === undefined);
if (unknown.length > 0) {
  console.error(`There is no section ${unknown.join(", ")}: ${Object.keys(sections).join(", ")}.`);
  process.exit(2);
}
const usual = Object.keys(sections).filter((name) => !onRequest.has(name));
const chosen = positionals.length > 0 ? positionals : usual;
const machine: Machine = await lookAtMachine();
if (values.json) console.log(JSON.stringify({ type: "machine", ...machine }));
const report: { section: string; rows: Row[] }[] = [];
for (const section of chosen) {
  const rows = await measure(section);
  report.push({ section, rows });
  if (values.json) {
    for (const row of rows) console.log(JSON.stringify({ type: "row", section, ...row }));
  }
}
if (values.json) console.log(JSON.stringify({ type: "summary", ...counts() }));
else printTable(machine, report, counts());
process.exit(0);

/** One section's lines; a section that fails says so in a line. */
async function measure(name: string): Promise<Row[]> {
  const progress = (text: string) => process.stderr.write(`${name}: ${text}\n`);
  const started = performance.now();
  try {
    const section = await (sections[name] as () => Promise<Section>)();
    const rows = await section(progress);
    progress(`done in ${((performance.now() - started) / 1000).toFixed(0)} s`);
    return rows;
  } catch (error) {
    const seen = error instanceof Error ? error.message : String(error);
    progress(seen);
    return [{ what: name, wanted: "", seen, verdict: "absent", method: "it failed", figures: {} }];
  }
}

function counts(): Record<Row["verdict"], number> {
  const total = { pass: 0, short: 0, report: 0, absent: 0 };
  for (const { rows } of report) for (const { verdict } of rows) total[verdict]++;
  return total;
}
