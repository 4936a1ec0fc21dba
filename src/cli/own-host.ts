/**
 * A host of this machine's own for one command: a process of this program on loopback that nobody
 * else reaches, with a state folder that is removed at the end.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PfError } from "../base/errors.ts";
import type { ReadyReport } from "../host/report.ts";

export const program: readonly string[] = [
  process.execPath,
  new URL("./main.ts", import.meta.url).pathname,
];

/** How long the host may take until it is ready, and to end after it was asked. */
const readyMsMax = 15_000;
const endMsMax = 5_000;

/** Nobody but this machine reaches it, so its client needs no pairing. */
const serveAlone = [
  ...["serve", "--port", "0", "--bind", "127.0.0.1", "--no-advertise", "--open", "--json"],
];

export interface OwnHostOptions {
  readonly name: string;
  /** Flags for `serve` besides the ones that it needs. */
  readonly flags: readonly string[];
  /** What the host says while it starts, and why it streams what it streams. */
  readonly info: (text: string) => void;
}

export interface OwnHost extends AsyncDisposable {
  readonly port: number;
  readonly fingerprint: string;
  readonly pid: number;
  /** A folder that goes with it. */
  readonly folder: string;
}

/** Starts it; dispose of it at the end. Throws PF_HOST_UNREACHABLE or PF_HOST_REFUSED. */
export async function startOwnHost({ name, flags, info }: OwnHostOptions): Promise<OwnHost> {
  const folder = await mkdtemp(join(tmpdir(), `punktfunk-${name}-`));
  const host = Bun.spawn([...program, ...serveAlone, "--name", name, ...flags], {
    env: { ...process.env, PUNKTFUNK_HOME: join(folder, "host") },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    // Ctrl-C is handed on in order: first the client ends, then the host.
    detached: true,
  });
  const hostWords = new Response(host.stderr).text();
  const close = async () => {
    await end(host);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const reports = reportsOf(host.stdout);
    const ready = await withTimeout(readyReport(reports, info), hostWords);
    void describeSessions(reports, info);
    const { port, fingerprint } = ready;
    return { port, fingerprint, pid: host.pid, folder, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
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
  info: (text: string) => void,
): Promise<ReadyReport | Report | undefined> {
  for (;;) {
    const next = await reports.next();
    if (next.done === true) return undefined;
    if (next.value.type === "ready" || next.value.type === "error") return next.value;
    if (typeof next.value["message"] === "string") info(next.value["message"]);
  }
}

async function describeSessions(
  reports: AsyncGenerator<Report, void>,
  info: (text: string) => void,
) {
  for await (const report of reports) {
    if (report.type !== "session-started") continue;
    info(`The host streams from ${report["source"]}. ${report["sourceWhy"]}`);
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
