/**
 * The demo: a host and a client as two processes of this program over loopback, each with a state
 * folder of its own that is removed at the end, so that nothing of the person's is touched.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ExitCode, PfError } from "../base/errors.ts";
import type { ReadyReport } from "../host/report.ts";

export interface DemoOptions {
  readonly json: boolean;
  readonly interrupted: AbortSignal;
  readonly info: (text: string) => void;
  /** Flags for `serve` and for `connect` besides the ones that the demo itself needs. */
  readonly serve: readonly string[];
  readonly connect: readonly string[];
}

/** How long the host may take until it is ready, and to end after it was asked. */
const readyMsMax = 15_000;
const endMsMax = 5_000;

const program = [process.execPath, new URL("./main.ts", import.meta.url).pathname];

/** Nobody but this machine reaches the demo's host, so its client needs no pairing. */
const serveAlone = [
  ...["serve", "--port", "0", "--bind", "127.0.0.1", "--no-advertise", "--open"],
  ...["--name", "demo", "--json"],
];

/** Runs the demo; returns the client's exit code. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "punktfunk-demo-"));
  const host = Bun.spawn([...program, ...serveAlone, ...options.serve], {
    env: { ...process.env, PUNKTFUNK_HOME: join(folder, "host") },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    // The demo hands Ctrl-C on itself, in order: first the client, then the host.
    detached: true,
  });
  const hostWords = new Response(host.stderr).text();
  try {
    const reports = reportsOf(host.stdout);
    const ready = await withTimeout(readyReport(reports, options), hostWords);
    void describeSessions(reports, options);
    return await runClient(options, ready, folder);
  } finally {
    await end(host);
    await rm(folder, { recursive: true, force: true });
  }
}

async function runClient(options: DemoOptions, ready: ReadyReport, folder: string) {
  const client = Bun.spawn(
    [
      ...program,
      "connect",
      `127.0.0.1:${ready.port}`,
      "--fingerprint",
      ready.fingerprint,
      ...options.connect,
      ...(options.json ? ["--json"] : []),
    ],
    {
      env: { ...process.env, PUNKTFUNK_HOME: join(folder, "client") },
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    },
  );
  const interrupt = () => client.kill("SIGINT");
  options.interrupted.addEventListener("abort", interrupt, { once: true });
  if (options.interrupted.aborted) interrupt();
  const code = await client.exited;
  return options.interrupted.aborted ? ExitCode.interrupted : code;
}

type Report = { readonly type: string } & Record<string, unknown>;

/** The JSON lines of a host as they come. */
async function* reportsOf(stdout: ReadableStream<Uint8Array>): AsyncGenerator<Report, void> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stdout) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line) as Report;
  }
}

async function readyReport(
  reports: AsyncGenerator<Report, void>,
  options: DemoOptions,
): Promise<ReadyReport | Report | undefined> {
  for (;;) {
    const next = await reports.next();
    if (next.done === true) return undefined;
    if (next.value.type === "ready" || next.value.type === "error") return next.value;
    if (typeof next.value["message"] === "string") options.info(next.value["message"]);
  }
}

async function describeSessions(reports: AsyncGenerator<Report, void>, options: DemoOptions) {
  for await (const report of reports) {
    if (report.type !== "session-started") continue;
    options.info(`The host streams from ${report["source"]}. ${report["sourceWhy"]}`);
  }
}

async function withTimeout(
  ready: Promise<ReadyReport | Report | undefined>,
  hostWords: Promise<string>,
): Promise<ReadyReport> {
  const timeout = new Promise<"late">((resolve) => {
    setTimeout(() => resolve("late"), readyMsMax).unref();
  });
  const report = await Promise.race([ready, timeout]);
  if (report === "late") {
    throw new PfError("PF_HOST_UNREACHABLE", `The host was not ready after ${readyMsMax} ms.`, {
      hint: "Run punktfunk serve by itself to see what it says.",
    });
  }
  if (report?.type === "ready") return report as ReadyReport;
  const words = report === undefined ? await hostWords : String(report.type);
  const message = report !== undefined && "message" in report ? String(report.message) : words;
  throw new PfError("PF_HOST_REFUSED", `The host did not start: ${message.trim()}`);
}

async function end(host: Bun.Subprocess): Promise<void> {
  host.kill("SIGINT");
  const timer = setTimeout(() => host.kill("SIGKILL"), endMsMax);
  await host.exited;
  clearTimeout(timer);
}
