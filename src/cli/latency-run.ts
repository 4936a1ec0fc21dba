/** Runs the latency probe for the command: shows its progress, samples a soak, prints the end. */
import { readFileSync } from "node:fs";
import { ExitCode } from "../base/errors.ts";
import type { Interval } from "../client/figures.ts";
import { type LatencyProbeOptions, probeLatency } from "../client/latency.ts";
import { judgeSoak, type SoakSample } from "../client/policy/soak.ts";
import type { ClientSession } from "../client/session.ts";
import { readHostFingerprint } from "../host/trust/identity.ts";
import { latencyTable, soakTable } from "./latency.ts";
import type { Output } from "./output.ts";
import { confirmFingerprint } from "./prompts.ts";
import { liveLine } from "./summary.ts";

export interface ProbeOptions extends LatencyProbeOptions {
  readonly isSoak: boolean;
  /** The host's process, where it is this machine's own. */
  readonly hostPid: number | null;
  /** Milliseconds of each second for which this thread does nothing else. */
  readonly busyMs: number;
}

/** A soak looks as often as this; its first looks show what it needs to settle. */
const sampleSeconds = 5;

export async function runProbe(
  options: ProbeOptions,
  { output, interrupted }: { readonly output: Output; readonly interrupted: AbortSignal },
): Promise<{ readonly code: ExitCode }> {
  const samples: SoakSample[] = [];
  const startedMs = performance.now();
  let session: ClientSession | undefined;
  let seconds = 0;
  const onInterval = (figures: Interval) => {
    output.record(figures);
    output.live(liveLine(figures));
    seconds++;
    if (!options.isSoak || session === undefined || seconds % sampleSeconds !== 0) return;
    const sample = sampleOf(session, figures, options.hostPid, startedMs);
    samples.push(sample);
    output.record({ type: "sample", ...sample });
  };
  const idle = options.busyMs === 0 ? undefined : setInterval(() => block(options.busyMs), 1000);
  const ownFingerprint = await readHostFingerprint();
  const { summary, error } = await probeLatency(
    { ...options, ownFingerprint },
    {
      interrupted,
      confirmFingerprint: output.canAsk
        ? (host, fingerprint) => confirmFingerprint(host, fingerprint, interrupted)
        : undefined,
      info: (text) => output.info(text),
      warn: (text) => output.warn(text),
      record: (record) => output.record(record),
      askApproval: undefined,
      interval: onInterval,
      started: (started) => {
        session = started;
      },
    },
  );
  clearInterval(idle);
  const verdicts = options.isSoak ? judgeSoak(samples) : [];
  if (summary !== undefined) {
    if (!output.json) {
      output.print(latencyTable(summary));
      if (options.isSoak) output.print(soakTable(verdicts));
      else if ((summary.markers?.seen ?? 0) === 0) {
        output.warn("No picture had a marker: is the host's source synthetic?");
      }
    }
    output.record(options.isSoak ? { ...summary, soak: verdicts } : summary);
  }
  if (error !== undefined) {
    if (!interrupted.aborted) output.failure(error);
    return { code: error.exitCode };
  }
  return { code: verdicts.every(({ ok }) => ok) ? ExitCode.done : ExitCode.failed };
}

function sampleOf(
  session: ClientSession,
  figures: Interval,
  hostPid: number | null,
  startedMs: number,
): SoakSample {
  const { receive, port } = session.pipeline.snapshot(performance.now());
  // Else what was not collected yet looks like a leak: for minutes nothing asks for a collection.
  Bun.gc(true);
  return {
    atSeconds: Math.round((performance.now() - startedMs) / 100) / 10,
    clientBytes: residentBytes("self") ?? 0,
    hostBytes: hostPid === null ? null : residentBytes(hostPid),
    captureToDecodedP50Us: figures.latencyUs.p50,
    framesLost: (receive["frames_lost"] ?? 0) + (receive["frames_skipped"] ?? 0),
    framesReceived: receive["frames_delivered"] ?? 0,
    sendDropped: session.host?.packetsDropped ?? null,
    socketDropped: port["dropped_kernel"] ?? 0,
    isClockSuspect: session.isClockSuspect,
  };
}

/** proc(5), VmRSS; null when the process is gone. */
function residentBytes(pid: number | "self"): number | null {
  try {
    const found = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
    return found === null ? null : Number(found[1]) * 1024;
  } catch {
    return null;
  }
}

/** No frame and no packet may wait for this thread: that is what it is for. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}
