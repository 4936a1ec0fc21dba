/**
 * A speed test, from the address to the summary: reaches the host, asks for a session that streams
 * nothing, and finds out what the path carries. A session that streams can be tested too, by
 * `testSpeed`.
 */
import { assert, type PfError, toPfError } from "../base/errors.ts";
import { type Kbps, type Millis, millis } from "../base/units.ts";
import { EventQueue } from "../ffi/core/core.ts";
import { MediaSession, UdpPort } from "../ffi/media/port.ts";
import type { ControlConnection } from "../transport/connection.ts";
import type { MessageOf } from "../wire/control.ts";
import { mediaKeys } from "../wire/exporter.ts";
import { limit } from "../wire/limits.ts";
import { parseMode } from "../wire/mode.ts";
import { greetHost, type HostTarget, type ReachHooks, reachHost } from "./control/reach.ts";
import { stageNumber } from "./pipeline.ts";
import { type Burst, judgeBurst, lossPctBearable, recommendedKbps } from "./policy/burst.ts";
import { type Limit, nextStep, rampStart } from "./policy/ramp.ts";
import { type BurstProgress, ClientProbe } from "./probe.ts";

export interface SpeedTestRequest {
  /** One burst at this rate; null = the rate that the path sustains is found. */
  readonly rate: Kbps | null;
  /** Length of the burst from which the figures are taken; null = the usual one. */
  readonly duration: Millis | null;
}

export interface SpeedTestOptions extends HostTarget, SpeedTestRequest {
  /** Where media goes instead of the host's media port: a relay of the harness. */
  readonly mediaPeer?: { readonly address: string; readonly port: number };
}

/** What is told while a test runs. */
export interface SpeedTestWatch {
  readonly progress: (progress: BurstProgress) => void;
  /** A burst is over; `held` = the path carries its rate. */
  readonly step: (burst: Burst, held: boolean) => void;
}

export interface SpeedTestHooks extends ReachHooks, SpeedTestWatch {
  readonly info: (text: string) => void;
  readonly warn: (text: string) => void;
}

export interface SpeedTestResult {
  /** undefined when nothing was measured. */
  readonly summary: SpeedSummary | undefined;
  readonly error: PfError | undefined;
}

/** The last line of `speed-test --json`. */
export function speedSummary(request: SpeedTestRequest, outcome: Outcome) {
  const { burst, limitedBy, bursts } = outcome;
  return {
    type: "summary" as const,
    requestedKbps: request.rate,
    targetKbps: burst.targetKbps,
    throughputKbps: burst.throughputKbps,
    lossPct: burst.lossPct,
    jitterUs: burst.jitterUs,
    durationMs: burst.durationMs,
    sendDropped: burst.drops.sender,
    recommendedKbps: recommendedKbps(burst.throughputKbps),
    limitedBy,
    packets: burst.packets,
    frames: burst.frames,
    drops: burst.drops,
    bursts,
  };
}

export type SpeedSummary = ReturnType<typeof speedSummary>;

export interface Outcome {
  /** The burst whose figures count. */
  readonly burst: Burst;
  /** `rate` = the rate that was asked for came through. */
  readonly limitedBy: Limit | "rate";
  readonly bursts: number;
}

/** Tests the path of a session. Throws when the host does not answer, or the connection ends. */
export async function testSpeed(
  probe: ClientProbe,
  request: SpeedTestRequest,
  watch: SpeedTestWatch,
): Promise<Outcome> {
  if (request.rate === null) return findRate(probe, request, watch);
  const { rate } = request;
  const duration = request.duration ?? millis(limit("probe_duration_ms_default"));
  const burst = await probe.burst({ rate, duration }, watch.progress);
  const verdict = judgeBurst(burst, lossPctBearable);
  watch.step(burst, verdict === "held");
  const reached = burst.targetKbps < rate ? "clamp" : "rate";
  return { burst, limitedBy: verdict === "held" ? reached : verdict, bursts: 1 };
}

async function findRate(
  probe: ClientProbe,
  request: SpeedTestRequest,
  watch: SpeedTestWatch,
): Promise<Outcome> {
  const options = request.duration === null ? {} : { confirm: request.duration };
  let state = rampStart;
  while (state.step !== undefined) {
    const burst = await probe.burst(state.step, watch.progress);
    state = nextStep(state, burst, options);
    watch.step(burst, state.verdict === "held");
  }
  const { best, limitedBy, total } = state;
  assert(best !== undefined, "a ramp has at least one burst");
  return { burst: best, limitedBy: limitedBy ?? "clamp", bursts: total };
}

/** Runs a test to its end. Never rejects: what went wrong is in the result. */
export async function runSpeedTest(
  options: SpeedTestOptions,
  hooks: SpeedTestHooks,
): Promise<SpeedTestResult> {
  let connection: ControlConnection | undefined;
  try {
    connection = await reachHost(options, hooks);
    const opened = connection;
    const interrupt = () => void opened.close("interrupted");
    hooks.interrupted.addEventListener("abort", interrupt, { once: true });
    if (hooks.interrupted.aborted) interrupt();
    const welcome = await greetHost(connection, {
      // A host that does not know the purpose prepares this stream.
      mode: parseMode("640x360@30"),
      codecs: ["h264", "hevc", "av1"],
      bitrateKbps: null,
      fecPermille: null,
      purpose: "probe",
      waits: false,
    });
    hooks.info(`${welcome.hostName} is there: testing the path to it.`);
    const outcome = await testHost(connection, welcome, options, hooks);
    await connection.close("done");
    return { summary: speedSummary(options, outcome), error: undefined };
  } catch (thrown) {
    await connection?.close("done");
    return { summary: undefined, error: toPfError(thrown) };
  }
}

async function testHost(
  connection: ControlConnection,
  welcome: MessageOf<"welcome">,
  options: SpeedTestOptions,
  hooks: SpeedTestHooks,
): Promise<Outcome> {
  const opened: { close(): void | Promise<void> }[] = [];
  const keep = <Part extends { close(): void | Promise<void> }>(part: Part): Part => {
    opened.push(part);
    return part;
  };
  try {
    const events = keep(new EventQueue());
    void events.listen((event) => {
      if (event.kind === "note") hooks.warn(event.text);
    });
    const keys = mediaKeys(connection.exporter, welcome.session);
    const address = connection.peer.address.includes(":") ? "::" : "0.0.0.0";
    const port = keep(new UdpPort({ address, port: 0, events, stage: stageNumber.port }));
    const session = keep(
      new MediaSession({
        port,
        tag: welcome.session,
        role: "client",
        send: keys.clientToHost,
        receive: keys.hostToClient,
        peer: options.mediaPeer ?? {
          address: connection.peer.address,
          port: welcome.mediaPort,
        },
      }),
    );
    const probe = keep(new ClientProbe({ connection, welcome, port, session }));
    keep({ close: () => port.stop() });
    connection.onMessage((message) => probe.take(message));
    port.start();
    connection.send({ type: "start" });
    return await testSpeed(probe, options, hooks);
  } finally {
    for (const part of opened.reverse()) await part.close();
  }
}
