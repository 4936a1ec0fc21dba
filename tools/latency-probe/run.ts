/** One measurement: a host with the synthetic source at one end, the probe at the other. */
import { PfError, toPfError } from "../../src/base/errors.ts";
import type { Interval } from "../../src/client/figures.ts";
import type { LatencySummary } from "../../src/client/latency.ts";
import type { ReadyReport } from "../../src/host/report.ts";
import type { Plan } from "./matrix.ts";
import { failureAt, type Place, type Program, startPunktfunk } from "./places.ts";
import type { Run } from "./report.ts";

/** How long a host may take until it is ready, and a probe beyond its own duration. */
const readyMsMax = 30_000;
const probeMsMax = 30_000;

/** A host that serves one run after another, and starts again when it has ended. */
export class ServingHost implements AsyncDisposable {
  readonly #place: Place;
  #program: Program | undefined;
  #ready: ReadyReport | undefined;

  constructor(place: Place) {
    this.#place = place;
  }

  async ready(signal: AbortSignal): Promise<ReadyReport> {
    if (this.#ready !== undefined) return this.#ready;
    await this.#program?.[Symbol.asyncDispose]();
    // Whoever reaches its ports may look at the test picture, for as long as the matrix takes.
    const flags = ["--open", "--no-advertise", "--port", "0", "--mgmt-port", "0"];
    const program = startPunktfunk(this.#place, [
      ...["serve", "--source", "synthetic", "--name", "latency-probe", "--json"],
      ...flags,
    ]);
    this.#program = program;
    using limit = limitTo(program, readyMsMax, signal);
    // Not for-of, which would close the host's output with its end.
    for (let next = await program.lines.next(); !next.done; next = await program.lines.next()) {
      const record = parseRecord(next.value);
      if (record?.["type"] === "error") throw refusal(this.#place, record);
      if (record?.["type"] !== "ready") continue;
      this.#ready = record as unknown as ReadyReport;
      void this.#forgetAtEnd(program);
      return this.#ready;
    }
    const status = await program.ended;
    if (limit.passed) throw late(this.#place, "its host was not ready", readyMsMax);
    throw failureAt(this.#place, status, program.lastWords());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#program?.[Symbol.asyncDispose]();
  }

  /** Reads on, lest the host waits for a reader. */
  async #forgetAtEnd(program: Program): Promise<void> {
    while ((await program.lines.next()).done !== true);
    program.stop();
    this.#ready = undefined;
  }
}

export interface RunHooks {
  readonly signal: AbortSignal;
  readonly onSecond: (second: Interval) => void;
}

/** Runs one plan. A failure is a result too; rejects only when `signal` aborted. */
export async function runPlan(
  plan: Plan,
  ends: { readonly host: ServingHost; readonly hostPlace: Place; readonly client: Place },
  { signal, onSecond }: RunHooks,
): Promise<Run> {
  const startedAt = new Date().toISOString();
  const seconds: Interval[] = [];
  const end = (outcome: Pick<Run, "error" | "summary">): Run => ({
    ...{ plan, startedAt, ...outcome },
    seconds,
  });
  try {
    const { port, mediaPort, fingerprint } = await ends.host.ready(signal);
    const target = `${bracketed(ends.hostPlace.address)}:${port}`;
    const loss = { fromPort: mediaPort, percent: plan.lossPct };
    const args = ["latency-probe", target, "--fingerprint", fingerprint, ...flagsOf(plan)];
    await using program = startPunktfunk(ends.client, args, loss);
    using limit = limitTo(program, plan.durationMs + probeMsMax, signal);
    let summary: LatencySummary | undefined;
    let error: PfError | undefined;
    for await (const line of program.lines) {
      const record = parseRecord(line);
      if (record?.["type"] === "stats") {
        const second = record as unknown as Interval;
        seconds.push(second);
        onSecond(second);
      } else if (record?.["type"] === "summary") {
        summary = record as unknown as LatencySummary;
      } else if (record?.["type"] === "error") error = refusal(ends.client, record);
    }
    const status = await program.ended;
    signal.throwIfAborted();
    if (limit.passed) error = late(ends.client, "the probe did not end", limit.ms);
    else if (status !== 0) error ??= failureAt(ends.client, status, program.lastWords());
    if (error === undefined && summary === undefined) {
      error = new PfError("PF_INTERNAL", `The probe on ${ends.client.name} told nothing.`);
    }
    if (error !== undefined) throw error;
    return end({ error: null, summary: summary ?? null });
  } catch (thrown) {
    signal.throwIfAborted();
    const { code, message } = toPfError(thrown);
    return end({ error: { code, message }, summary: null });
  }
}

function flagsOf(plan: Plan): string[] {
  const fec = plan.fecPermille === null ? "auto" : String(plan.fecPermille / 10);
  return [
    ...["--mode", plan.mode, "--codec", plan.codec, "--fec", fec],
    ...(plan.bitrateKbps === null ? [] : ["--bitrate", `${plan.bitrateKbps}k`]),
    ...["--duration", `${plan.durationMs}ms`, "--json"],
  ];
}

const bracketed = (address: string) => (address.includes(":") ? `[${address}]` : address);

function parseRecord(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined; // A greeting of the machine's own shell.
  }
}

function refusal(place: Place, record: Record<string, unknown>): PfError {
  const hint = typeof record["hint"] === "string" ? ` ${record["hint"]}` : "";
  return new PfError("PF_HOST_REFUSED", `${place.name}: ${record["message"]}${hint}`);
}

const late = (place: Place, what: string, ms: number) =>
  new PfError("PF_HOST_UNREACHABLE", `On ${place.name} ${what} within ${ms / 1000} s.`);

/** Stops a program after a time or when `signal` aborts, until it is disposed of. */
function limitTo(program: Program, ms: number, signal: AbortSignal) {
  let passed = false;
  const timer = setTimeout(() => {
    passed = true;
    program.stop();
  }, ms);
  signal.addEventListener("abort", program.stop, { once: true });
  if (signal.aborted) program.stop();
  return {
    ms,
    get passed() {
      return passed;
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      signal.removeEventListener("abort", program.stop);
    },
  };
}
