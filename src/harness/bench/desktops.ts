/** Desktops as a person meets them: how soon they show, at which rate, and how modes change. */
import { milliHz } from "../../base/units.ts";
import { type ClientOptions, runClient } from "../../client/client.ts";
import type { Interval } from "../../client/figures.ts";
import type { ClientSession } from "../../client/session.ts";
import { PictureTap } from "../../ffi/decode/tap.ts";
import { pipeWireInstalled, startPipeWire } from "../../ffi/pipewire/server.fixture.ts";
import { gstreamerInstalled, TestPicture } from "../../ffi/screencast/producer.fixture.ts";
import { ScreencastStage } from "../../ffi/screencast/screencast.ts";
import { formatMode, parseMode } from "../../wire/mode.ts";
import { collectingHooks, testClient, withState } from "../loopback.ts";
import { until } from "../processes.ts";
import { startHostProgram } from "../program.ts";
import { type Row, type Section, show, verdictOf } from "./row.ts";

const firstFrameMsWanted = 2000;
const modeMsWanted = 1000;
const rateWanted = 55;
const secondsOfRate = 6;

export const benchDesktops: Section = async (progress) => {
  const rows: Row[] = [];
  for (const kind of ["sway", "mutter"] as const) {
    if (Bun.which(kind) === null) {
      rows.push(absentRow(kind));
      continue;
    }
    progress(`${kind}: first picture, rate, three modes, two clients`);
    rows.push(...(await withState((home) => benchKind(kind, home))));
  }
  progress("a bare producer of PipeWire");
  rows.push(await benchProducer());
  return rows;
};

function absentRow(kind: string): Row {
  const seen = `${kind} is not installed`;
  return { what: kind, wanted: "", seen, verdict: "absent", method: "looked for", figures: {} };
}

/** A window that damages all of its desktop in each frame. */
const busy = "foot --font=monospace:pixelsize=16 sh -c 'while :; do date +%N; sleep 0.01; done'";

type HostProgram = Awaited<ReturnType<typeof startHostProgram>>;

interface Viewer {
  readonly session: ClientSession;
  readonly tap: PictureTap;
  readonly intervals: readonly Interval[];
  end(): Promise<void>;
}

async function view(host: HostProgram, options: Partial<ClientOptions>): Promise<Viewer> {
  const tap = new PictureTap();
  const end = new AbortController();
  const { hooks, intervals } = collectingHooks({ interrupted: end.signal });
  const started = Promise.withResolvers<ClientSession>();
  const wish = testClient(host, { durationMs: undefined, pictureSink: tap.sink(), ...options });
  const client = runClient(wish, { ...hooks, started: started.resolve });
  void client.then(({ error }) => started.reject(error ?? new Error("there was no stream")));
  const session = await started.promise;
  const { counters } = session.pipeline.decode;
  await until(() => counters.get("frames_out") > 0, "a picture", 15_000);
  const finish = async () => {
    end.abort();
    await client;
    tap.close();
  };
  return { session, tap, intervals, end: finish };
}

async function benchKind(kind: "sway" | "mutter", home: string): Promise<Row[]> {
  const startedAt = performance.now();
  const flags = ["--source", kind, "--app", busy, "--encoder", "software"];
  const host = await startHostProgram(home, flags);
  const one = await view(host, { mode: parseMode("1280x720@60") });
  const firstMs = performance.now() - startedAt;
  try {
    const rate = await rateOf([one]);
    const modes = await changeModes(one);
    const two = await view(host, { mode: parseMode("800x600@60") });
    const both = await rateOf([one, two]);
    const sizes = [one, two].map(({ session }) => formatMode(session.mode)).join(" and ");
    await two.end();
    return [
      {
        what: `${kind}: serve to the first decoded picture`,
        wanted: `≤ ${firstFrameMsWanted} ms`,
        seen: `${show(firstMs)} ms`,
        verdict: verdictOf(firstMs <= firstFrameMsWanted),
        method: "from the start of serve, which starts the compositor, to a client's picture",
        figures: { firstMs },
      },
      {
        what: `${kind}: 1280x720@60, a terminal that scrolls`,
        wanted: kind === "sway" ? `≥ ${rateWanted} fps` : "what it makes itself",
        seen: `${show(rate[0], 1)} fps`,
        verdict: kind === "sway" ? verdictOf((rate[0] ?? 0) >= rateWanted) : "report",
        method: `decoded at the client, mean of ${secondsOfRate - 1} s`,
        figures: { fps: rate[0] ?? null },
      },
      {
        what: `${kind}: three other modes without a new connection`,
        wanted: `≤ ${modeMsWanted} ms each`,
        seen: modes.map(({ mode, ms }) => `${mode} ${show(ms)} ms`).join(", "),
        verdict: verdictOf(modes.every(({ ms }) => ms <= modeMsWanted)),
        method: "from the client's wish to the first decoded picture of that size",
        figures: Object.fromEntries(modes.map(({ mode, ms }) => [mode, ms])),
      },
      {
        what: `${kind}: two clients at two modes`,
        wanted: "both stream",
        seen: `${sizes}: ${both.map((fps) => show(fps, 1)).join(" and ")} fps`,
        verdict: verdictOf(both.every((fps) => fps > 5)),
        method: `decoded at each, mean of ${secondsOfRate - 1} s, all on this machine`,
        figures: { firstFps: both[0] ?? null, secondFps: both[1] ?? null },
      },
    ];
  } finally {
    await one.end();
    await host.program.end();
  }
}

/** Of each viewer, after a second in which the encoder settles. */
async function rateOf(viewers: readonly Viewer[]): Promise<number[]> {
  const count = ({ session }: Viewer) => session.pipeline.decode.counters.get("frames_out");
  await Bun.sleep(1000);
  const before = viewers.map(count);
  const startedAt = performance.now();
  await Bun.sleep((secondsOfRate - 1) * 1000);
  const seconds = (performance.now() - startedAt) / 1000;
  return viewers.map((viewer, index) => (count(viewer) - (before[index] ?? 0)) / seconds);
}

async function changeModes({ session, tap }: Viewer) {
  const taken: { readonly mode: string; readonly ms: number }[] = [];
  for (const name of ["1600x900@60", "1024x768@30", "1280x720@60"]) {
    const mode = parseMode(name);
    const startedAt = performance.now();
    session.askMode(mode);
    const isThere = () => tap.take()?.width === mode.width;
    await until(isThere, `a picture of ${name}`, 10_000);
    taken.push({ mode: name, ms: performance.now() - startedAt });
  }
  return taken;
}

/** What PipeWire itself carries: a producer without a compositor, captured as a session does it. */
async function benchProducer(): Promise<Row> {
  const what = "PipeWire: a bare producer of 1280x720@60";
  if (!pipeWireInstalled || !gstreamerInstalled) {
    return { ...absentRow("pipewire or gstreamer"), what };
  }
  await using server = await startPipeWire();
  const picture = new TestPicture(server, "format=BGRx,width=1280,height=720", "smpte");
  const tap = new PictureTap();
  const stage = new ScreencastStage({
    sink: tap.sink(),
    node: picture.node,
    remote: { socketPath: server.socketPath },
    refreshMilliHz: milliHz(60_000),
  });
  try {
    stage.start();
    await until(() => stage.counters.get("frames") > 30, "pictures");
    const before = stage.counters.get("frames");
    const startedAt = performance.now();
    await Bun.sleep((secondsOfRate - 1) * 1000);
    const seconds = (performance.now() - startedAt) / 1000;
    const fps = (stage.counters.get("frames") - before) / seconds;
    return {
      what,
      wanted: "60.0 fps",
      seen: `${show(fps, 1)} fps, ${stage.counters.get("copies")} copies`,
      verdict: verdictOf(fps >= 59.5),
      method: `GStreamer's videotestsrc, mean of ${secondsOfRate - 1} s`,
      figures: { fps },
    };
  } finally {
    stage.stop();
    tap.close();
    stage.close();
  }
}
