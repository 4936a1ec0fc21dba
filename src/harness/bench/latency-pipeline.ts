/**
 * The pipeline of tiny frames at a high rate, host and client as two processes: its own share of the
 * latency, what a busy main thread does to it, and whether pixels and stages tell the same.
 */
import { join } from "node:path";
import { Histogram } from "../../base/stats.ts";
import { kbps } from "../../base/units.ts";
import { type LatencySummary, probeLatency } from "../../client/latency.ts";
import type { ClientSession } from "../../client/session.ts";
import { parseMode } from "../../wire/mode.ts";
import { collectingHooks, testClient, withState } from "../loopback.ts";
import { processorMs, until } from "../processes.ts";
import { keepBusy, type LatencyHostOrders, type LatencyHostReady } from "./latency-host.ts";
import { type Row, show, verdictOf } from "./row.ts";

const mode = "1280x720@120";
/** A picture is about 2 kB: one or two packets. */
const bitrate = kbps(2000);
const settleMs = 2000;
/** Calm and busy windows by turns, so that both see the same machine. */
const windowMs = 5000;
const windowPairs = 6;
const busyMs = 50;

const p50UsWanted = 250;
const p99UsWanted = 1000;
const grownPctWanted = 20;
const differenceUsWanted = 1000;

/** What a window saw: without the encoder, and from the capture to the decoded picture. */
interface Figures {
  readonly overhead: Histogram;
  readonly whole: Histogram;
}

interface Observed {
  readonly calm: Figures;
  readonly busy: Figures;
  readonly summary: LatencySummary;
  /** Of a core, while nothing else was to be done. */
  readonly hostPct: number;
  readonly clientPct: number;
}

export async function pipelineRows(progress: (text: string) => void): Promise<Row[]> {
  progress(`${mode} for ${(2 * windowPairs * windowMs) / 1000} s, calm and busy by turns`);
  const observed = await withState(observe);
  return [shareRow(observed), busyRow(observed), agreementRow(observed), stagesRow(observed)];
}

async function observe(): Promise<Observed> {
  await using host = await startHost();
  const end = new AbortController();
  const started = Promise.withResolvers<ClientSession>();
  const { hooks } = collectingHooks({ interrupted: end.signal, started: started.resolve });
  const { durationMs: _, ...endless } = testClient(host, {
    mode: parseMode(mode),
    bitrateKbps: bitrate,
  });
  const probe = probeLatency(
    { ...endless, durationMs: undefined, input: false, screen: undefined },
    hooks,
  );
  const failed = probe.then(({ error }) => {
    throw error ?? new Error("the stream ended by itself");
  });
  failed.catch(() => {});
  try {
    const session = await Promise.race([started.promise, failed]);
    const { counters } = session.pipeline.decode;
    await Promise.race([until(() => counters.get("frames_out") > 0, "a picture"), failed]);
    await Bun.sleep(settleMs);
    const windows = await Promise.race([watch(session, host), failed]);
    end.abort();
    const { summary } = await probe;
    if (summary === undefined) throw new Error("there is no summary");
    return { ...windows, summary };
  } finally {
    end.abort();
    await probe;
  }
}

type Windows = Omit<Observed, "summary">;

async function watch(session: ClientSession, host: HostProcess): Promise<Windows> {
  let [calm, busy] = [noFigures(), noFigures()];
  let [hostMs, clientMs] = [0, 0];
  for (let pair = 0; pair < windowPairs; pair++) {
    const before = { host: processorMs(host.pid), client: processorMs(process.pid) };
    calm = sumOf(calm, await windowOf(session));
    hostMs += processorMs(host.pid) - before.host;
    clientMs += processorMs(process.pid) - before.client;
    host.order({ busyMs });
    using _ = keepBusy(busyMs);
    busy = sumOf(busy, await windowOf(session));
    host.order({ busyMs: 0 });
  }
  const share = (ms: number) => (100 * ms) / (windowPairs * windowMs);
  return { calm, busy, hostPct: share(hostMs), clientPct: share(clientMs) };
}

const noFigures = (): Figures => ({ overhead: new Histogram(), whole: new Histogram() });
const sumOf = (one: Figures, other: Figures): Figures => ({
  overhead: one.overhead.plus(other.overhead),
  whole: one.whole.plus(other.whole),
});

async function windowOf({ pipeline }: ClientSession): Promise<Figures> {
  const look = (): Figures => ({
    overhead: pipeline.receive.counters.histogram("overhead_us"),
    whole: pipeline.decode.counters.histogram("capture_to_decoded_us"),
  });
  const before = look();
  await Bun.sleep(windowMs);
  const after = look();
  return {
    overhead: after.overhead.since(before.overhead),
    whole: after.whole.since(before.whole),
  };
}

interface HostProcess extends LatencyHostReady, AsyncDisposable {
  readonly pid: number;
  readonly order: (orders: LatencyHostOrders) => void;
}

async function startHost(): Promise<HostProcess> {
  const ready = Promise.withResolvers<LatencyHostReady>();
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "latency-host.ts")], {
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
    ipc: (message) => ready.resolve(message as LatencyHostReady),
  });
  const close = async () => {
    if (child.exitCode === null) child.disconnect();
    await child.exited;
  };
  const ended = child.exited.then(() => {
    throw new Error("the host ended by itself");
  });
  ended.catch(() => {});
  const { port, fingerprint } = await Promise.race([ready.promise, ended]);
  const { pid } = child;
  const order = (orders: LatencyHostOrders) => child.send(orders);
  return { port, fingerprint, pid, order, [Symbol.asyncDispose]: close };
}

const how =
  `synthetic ${mode}, libx264 at ${bitrate / 1000} Mbps, two processes over loopback, ` +
  `${(windowPairs * windowMs) / 1000} s`;

function shareRow({ calm, hostPct, clientPct }: Observed): Row {
  const over = calm.overhead.percentiles();
  const isReached = over !== null && over.p50 <= p50UsWanted && over.p99 <= p99UsWanted;
  return {
    what: "capture to reassembled, less the encoder",
    wanted: `p50 ≤ ${p50UsWanted} µs, p99 ≤ ${p99UsWanted} µs`,
    seen:
      `p50 ${show(over?.p50)} µs, p95 ${show(over?.p95)}, p99 ${show(over?.p99)}; ` +
      `host ${show(hostPct)}%, client ${show(clientPct)}% of a core`,
    verdict: verdictOf(isReached),
    method: `${how}; of each frame, without its conversion and encoding`,
    figures: {
      frames: calm.overhead.count,
      p50: over?.p50 ?? null,
      p95: over?.p95 ?? null,
      p99: over?.p99 ?? null,
      max: over?.max ?? null,
      hostPct,
      clientPct,
    },
  };
}

function busyRow({ calm, busy }: Observed): Row {
  const [quiet, loaded] = [calm.whole.percentiles(), busy.whole.percentiles()];
  const [calmShare, busyShare] = [calm.overhead.percentiles(), busy.overhead.percentiles()];
  const grownPct =
    quiet === null || loaded === null ? null : (100 * (loaded.p99 - quiet.p99)) / quiet.p99;
  return {
    what: `p99 with both main threads busy ${busyMs} ms of each second`,
    wanted: `< ${grownPctWanted}% more`,
    seen:
      `${show(grownPct, 1)}%: ${show(quiet?.p99)} → ${show(loaded?.p99)} µs; ` +
      `less the encoder ${show(calmShare?.p99)} → ${show(busyShare?.p99)} µs`,
    verdict: verdictOf(grownPct !== null && grownPct < grownPctWanted),
    method:
      `capture to decoded; ${windowPairs} windows of ${windowMs / 1000} s each way by turns, in ` +
      "one stream",
    figures: {
      grownPct,
      calmP99: quiet?.p99 ?? null,
      busyP99: loaded?.p99 ?? null,
      calmShareP99: calmShare?.p99 ?? null,
      busyShareP99: busyShare?.p99 ?? null,
    },
  };
}

function agreementRow({ summary }: Observed): Row {
  const { pixelLatencyUs, stagesSumUs, differenceUs, markers } = summary;
  return {
    what: "pixels against the sum of the stages",
    wanted: `within ${differenceUsWanted} µs`,
    seen: `${show(pixelLatencyUs?.p50)} and ${show(stagesSumUs)} µs: ${show(differenceUs)} µs apart`,
    verdict: verdictOf(differenceUs !== null && Math.abs(differenceUs) <= differenceUsWanted),
    method:
      "medians, capture to decoded: by the time in each picture's marker, and by the stages' own " +
      `stamps; ${markers?.seen ?? 0} pictures`,
    figures: {
      pixelsP50: pixelLatencyUs?.p50 ?? null,
      stagesP50: stagesSumUs,
      differenceUs,
      markers: markers?.seen ?? null,
      unreadable: markers?.unreadable ?? null,
    },
  };
}

function stagesRow({ summary: { stagesUs } }: Observed): Row {
  const measured = Object.entries(stagesUs).filter(([, figures]) => figures !== null);
  return {
    what: "stages, p50 / p99 µs",
    wanted: "",
    seen: measured
      .map(([stage, figures]) => `${stage} ${show(figures?.p50)}/${show(figures?.p99)}`)
      .join(" "),
    verdict: "report",
    method: "each by itself, calm and busy windows together",
    figures: Object.fromEntries(
      measured.flatMap(([stage, figures]) => [
        [`${stage}P50`, figures?.p50 ?? null],
        [`${stage}P99`, figures?.p99 ?? null],
      ]),
    ),
  };
}
