/** Streams for the benchmark: the host is a process of its own, the client is this process. */
import type { Histogram } from "../../base/stats.ts";
import { millis } from "../../base/units.ts";
import { type ClientOptions, runClient } from "../../client/client.ts";
import type { Interval, Summary } from "../../client/figures.ts";
import type { ClientSession } from "../../client/session.ts";
import { collectingHooks, testClient, withState } from "../loopback.ts";
import { type JsonLine, startHostProgram } from "../program.ts";

export interface StreamingOptions {
  /** Flags of `serve`. */
  readonly serve: readonly string[];
  readonly client?: Partial<Omit<ClientOptions, "host" | "port">>;
  readonly seconds: number;
  /** Runs beside the stream from its first interval on; its end does not end the stream. */
  readonly beside?: (session: ClientSession, hostPid: number) => Promise<void>;
}

export interface StreamingResult {
  readonly summary: Summary;
  readonly intervals: readonly Interval[];
  /** Of the client's receiver, up to the last full second. */
  readonly overhead: Histogram | undefined;
  /** The host's lines. */
  readonly host: readonly JsonLine[];
}

/** Streams for some seconds, counted from the first picture. Throws when the stream fails. */
export function stream(options: StreamingOptions): Promise<StreamingResult> {
  return withState(async (folder) => {
    const host = await startHostProgram(folder, options.serve);
    let session: ClientSession | undefined;
    let overhead: Histogram | undefined;
    let beside: Promise<void> | undefined;
    try {
      const { hooks, intervals } = collectingHooks({
        started: (opened) => {
          session = opened;
        },
      });
      const { summary, error } = await runClient(
        testClient(host, { ...options.client, durationMs: millis(options.seconds * 1000) }),
        {
          ...hooks,
          interval: (figures, shownBy) => {
            hooks.interval(figures, shownBy);
            if (session === undefined) return;
            overhead = session.pipeline.receive.counters.histogram("overhead_us");
            beside ??= options.beside?.(session, host.program.process.pid);
          },
        },
      );
      await beside;
      if (error !== undefined) throw error;
      if (summary === undefined) throw new Error("the stream ended without a summary");
      await host.program.end();
      return { summary, intervals, overhead, host: host.program.lines };
    } finally {
      if (host.program.process.exitCode === null) await host.program.end();
      await host.program.exited;
    }
  });
}
