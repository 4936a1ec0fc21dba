/** Runs the plans one after another, tells how far it is, and keeps the report up to date. */
import { ExitCode } from "../../src/base/errors.ts";
import type { Output } from "../../src/cli/output.ts";
import type { Plan } from "./matrix.ts";
import { ask, type Place } from "./places.ts";
import {
  type Machine,
  type Report,
  type Run,
  readReport,
  withMachines,
  withRun,
  writeReport,
} from "./report.ts";
import { runPlan, ServingHost } from "./run.ts";

export interface Places {
  readonly host: Place;
  /** By the name that a plan has for its client. */
  readonly clients: ReadonlyMap<string, Place>;
}

/** Throws when a machine can't be used at all; what fails in one run is told in the report. */
export async function measure(
  plans: readonly Plan[],
  { host, clients }: Places,
  { folder, output, signal }: { folder: string; output: Output; signal: AbortSignal },
): Promise<ExitCode> {
  let report = await readReport(folder);
  const left = plans.filter((plan) => !isDone(report, plan));
  const there = plans.length - left.length;
  if (there > 0) output.info(`${there} of ${plans.length} runs are in ${folder} already.`);
  let failed = 0;
  if (left.length > 0) {
    const machines = await Promise.all([host, ...clients.values()].map(describe));
    report = withMachines(report, machines);
    // That it can't be written is not to be found out after the first run.
    await writeReport(folder, report);
    await using serving = new ServingHost(host);
    for (const [index, plan] of left.entries()) {
      if (signal.aborted) break;
      const where = `${there + index + 1}/${plans.length}  ${plan.id}`;
      output.live(where);
      const client = clients.get(plan.client) as Place;
      const run = await runPlan(
        plan,
        { host: serving, hostPlace: host, client },
        {
          signal,
          onSecond: ({ latencyUs }) => output.live(`${where}  p50 ${showMs(latencyUs.p50)}`),
        },
      ).catch((error) => {
        if (signal.aborted) return undefined;
        throw error;
      });
      if (run === undefined) break;
      report = withRun(report, run);
      await writeReport(folder, report);
      if (run.error !== null) failed++;
      tell(run, where, output);
    }
  }
  // Written once more, so that an older report is shown as this version shows it.
  if (report.runs.length > 0) await writeReport(folder, report);
  const undone = plans.filter((plan) => !isDone(report, plan)).length;
  if (signal.aborted) {
    const left = `${undone} of ${plans.length} runs are left`;
    output.info(`Interrupted: ${left}. The same command goes on with them.`);
  } else output.success(`The report is ${folder}/report.html.`);
  output.record({ type: "summary", folder, runs: plans.length, failed, left: undone });
  return failed === 0 ? ExitCode.done : ExitCode.failed;
}

const isDone = (report: Report, { id }: Plan) =>
  report.runs.some(({ plan, error }) => plan.id === id && error === null);

const showMs = (us: number | null | undefined) =>
  us === null || us === undefined ? "–" : `${(us / 1000).toFixed(2)} ms`;

function tell({ plan, error, summary }: Run, where: string, output: Output): void {
  const { p50 = null, p99 = null } = summary?.pixelLatencyUs ?? {};
  output.record({ type: "run", id: plan.id, error, pixelP50Us: p50, pixelP99Us: p99 });
  if (error !== null) output.warn(`${where}  ${error.message}`);
  else output.info(`${where}  p50 ${showMs(p50)}, p99 ${showMs(p99)}`);
}

/** Whether the place can be used, and what it is. */
async function describe(place: Place): Promise<Machine> {
  const lines = (
    await ask(place, `${place.command} --version && uname -srm && getconf _NPROCESSORS_ONLN`)
  ).split("\n");
  const [version = "", system = "", processors = ""] = lines.slice(-3);
  return { name: place.name, version, system, processors: Number(processors) };
}
