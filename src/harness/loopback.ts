/**
 * Host and client in one process over loopback, for tests and benchmarks: the real host, the real
 * client, real sockets; media goes through an impaired link when one is asked for. State lives in
 * a temporary folder.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { statePath } from "../base/state.ts";
import { kbps, type Millis, millis, perMille } from "../base/units.ts";
import {
  type ClientHooks,
  type ClientOptions,
  type ClientResult,
  runClient,
} from "../client/client.ts";
import type { Interval, Summary } from "../client/figures.ts";
import type { ClientSession } from "../client/session.ts";
import { PictureTap } from "../ffi/decode/tap.ts";
import { type Host, type HostOptions, startHost } from "../host/host.ts";
import type { HostReport } from "../host/report.ts";
import { limit } from "../wire/limits.ts";
import { parseMode } from "../wire/mode.ts";
import type { Impairment } from "./impairment.ts";
import { ImpairedLink } from "./link.ts";
import { until } from "./processes.ts";

export interface LoopbackOptions {
  readonly host?: Partial<HostOptions>;
  readonly client?: Partial<Omit<ClientOptions, "host" | "port">>;
  /** What happens to media packets of the host; undefined = no link between. */
  readonly down?: Partial<Impairment>;
  readonly seed?: number;
  readonly durationMs?: Millis;
  readonly started?: (session: ClientSession) => void;
  readonly interrupted?: AbortSignal;
}

export interface LoopbackResult extends ClientResult {
  readonly reports: readonly HostReport[];
  readonly warnings: readonly string[];
  readonly intervals: readonly Interval[];
  readonly link: ImpairedLink | undefined;
}

/** Runs `body` with PUNKTFUNK_HOME in a folder that is removed afterwards. */
export async function withState<Result>(
  body: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), "punktfunk-harness-"));
  const before = process.env["PUNKTFUNK_HOME"];
  process.env["PUNKTFUNK_HOME"] = folder;
  try {
    return await body(folder);
  } finally {
    if (before === undefined) delete process.env["PUNKTFUNK_HOME"];
    else process.env["PUNKTFUNK_HOME"] = before;
    await rm(folder, { recursive: true, force: true });
  }
}

let hosts = 0;

/**
 * A host on free ports with a synthetic source that serves everybody, unless told otherwise. Each
 * has its devices to itself.
 */
export function startTestHost(
  reports: HostReport[],
  options: Partial<HostOptions> = {},
): Promise<Host> {
  return startHost({
    port: 0,
    mediaPort: 0,
    name: "harness",
    advertise: false,
    management: null,
    trust: "open",
    arm: false,
    state: {
      devices: statePath("data", `host-${++hosts}/devices.json`),
      settings: statePath("data", `host-${hosts}/settings.json`),
    },
    source: "synthetic",
    app: undefined,
    pattern: "moving",
    encoder: "software",
    parityPermille: perMille(limit("parity_permille_default")),
    isParityPinned: true,
    probeRateMax: kbps(limit("probe_kbps_default_max")),
    sessionsMax: 4,
    onReport: (report) => reports.push(report),
    ...options,
  });
}

/** Options of a client that streams from `host` and shows nothing. */
export function testClient(
  host: { readonly port: number; readonly fingerprint: string },
  options: Partial<ClientOptions> = {},
): ClientOptions {
  return {
    host: "127.0.0.1",
    port: host.port,
    fingerprint: host.fingerprint,
    mode: parseMode("1280x720@60"),
    codecs: ["h264"],
    bitrateKbps: null,
    fecPermille: null,
    decoder: "software",
    present: "none",
    record: undefined,
    durationMs: millis(2000),
    typeText: undefined,
    waits: false,
    ...options,
  };
}

/** Hooks that collect what a client says. */
export function collectingHooks(options: Pick<LoopbackOptions, "started" | "interrupted"> = {}) {
  const warnings: string[] = [];
  const intervals: Interval[] = [];
  const hooks: ClientHooks = {
    interrupted: options.interrupted ?? new AbortController().signal,
    confirmFingerprint: undefined,
    askApproval: undefined,
    info: () => {},
    warn: (text) => warnings.push(text),
    record: () => {},
    interval: (figures) => intervals.push(figures),
    ...(options.started === undefined ? {} : { started: options.started }),
  };
  return { hooks, warnings, intervals };
}

/** One stream from start to summary. */
export function runLoopback(options: LoopbackOptions): Promise<LoopbackResult> {
  return withState(async () => {
    const reports: HostReport[] = [];
    const host = await startTestHost(reports, options.host);
    const link =
      options.down === undefined
        ? undefined
        : await ImpairedLink.open({
            target: { host: "127.0.0.1", port: host.mediaPort },
            down: options.down,
            seed: options.seed ?? 1,
          });
    try {
      const { hooks, warnings, intervals } = collectingHooks(options);
      const result = await runClient(
        testClient(host, {
          ...options.client,
          ...(options.durationMs === undefined ? {} : { durationMs: options.durationMs }),
          ...(link === undefined ? {} : { mediaPeer: { address: "127.0.0.1", port: link.port } }),
        }),
        hooks,
      );
      return { ...result, reports, warnings, intervals, link };
    } finally {
      await host.stop("shutting-down");
      await link?.close();
    }
  });
}

/** A stream while it runs, for those who look into it. */
export interface Watched {
  readonly host: Host;
  readonly link: ImpairedLink;
  readonly session: ClientSession;
  /** Holds the newest decoded picture and reads the markers. */
  readonly tap: PictureTap;
  readonly hooks: ReturnType<typeof collectingHooks>;
  /** What the client's recoveries took, in milliseconds. */
  readonly recoveries: readonly number[];
  /** From Welcome to the first picture, in milliseconds. */
  readonly firstPictureMs: number;
}

export interface WatchOptions {
  readonly host?: Partial<HostOptions>;
  readonly client?: Partial<ClientOptions>;
  readonly down?: Partial<Impairment>;
  readonly seed?: number;
}

/** A stream through a link that lasts as long as `body`; every part of it closes afterwards. */
export function watchStream(
  options: WatchOptions,
  body: (watched: Watched) => Promise<void>,
): Promise<{ readonly summary: Summary; readonly reports: readonly HostReport[] }> {
  return withState(async () => {
    const reports: HostReport[] = [];
    const host = await startTestHost(reports, options.host);
    const link = await ImpairedLink.open({
      target: { host: "127.0.0.1", port: host.mediaPort },
      down: options.down ?? {},
      seed: options.seed ?? 1,
    });
    const tap = new PictureTap({ readMarkers: true });
    const end = new AbortController();
    const hooks = collectingHooks({ interrupted: end.signal });
    const recoveries: number[] = [];
    const started = Promise.withResolvers<ClientSession>();
    let welcomedAt = 0;
    const { durationMs: _, ...endless } = testClient(host, {
      pictureSink: tap.sink(),
      mediaPeer: { address: "127.0.0.1", port: link.port },
      ...options.client,
    });
    const client = runClient(
      { durationMs: undefined, ...endless },
      {
        ...hooks.hooks,
        started: started.resolve,
        record: (record) => {
          if (record.type === "welcome") welcomedAt = performance.now();
          if (record.type === "recovered") recoveries.push(record["afterMs"] as number);
        },
      },
    );
    const failed = client.then(({ error }) => {
      throw error ?? new Error("the stream ended by itself");
    });
    failed.catch(() => {});
    try {
      const session = await Promise.race([started.promise, failed]);
      const { counters } = session.pipeline.decode;
      await Promise.race([until(() => counters.get("frames_out") > 0, "a picture"), failed]);
      const firstPictureMs = performance.now() - welcomedAt;
      const watched = { host, link, session, tap, hooks, recoveries, firstPictureMs };
      await Promise.race([body(watched), failed]);
      end.abort();
      const { summary } = await client;
      if (summary === undefined) throw new Error("there is no summary");
      return { summary, reports };
    } finally {
      end.abort();
      await client;
      await host.stop("shutting-down");
      await link.close();
      tap.close();
    }
  });
}
