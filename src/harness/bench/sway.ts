/** A real desktop at 1920x1080@60: one that never stands still, and one that always does. */
import { chmod, cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { swayInstalled, testProgram } from "../../host/displays/desktop.fixture.ts";
import { parseMode } from "../../wire/mode.ts";
import { processorSharePct } from "./processor.ts";
import { type Row, type Section, show, verdictOf } from "./row.ts";
import { stream } from "./streaming.ts";

const seconds = 10;
const framesPerSecondWanted = 55;
const sharePctWanted = 5;
const mode = "1920x1080@60";
/** A still picture is coded again until it is sharp; what it costs is counted after that. */
const settleMs = 2000;

/** A terminal in which lines run by. */
const scrolling =
  "foot --font=monospace:pixelsize=16 sh -c " +
  "'while :; do echo \"$(date +%N) the quick brown fox jumps over the lazy dog\"; sleep 0.01; done'";

export const benchSway: Section = async (progress) => {
  if (!swayInstalled) throw new Error("sway is not installed");
  const folder = await mkdtemp(join(tmpdir(), "punktfunk-bench-"));
  try {
    // The desktop's own user is to read it.
    await chmod(folder, 0o755);
    const client = join(folder, "desktop_client");
    await cp(testProgram("desktop_client"), client);
    progress("a window that damages the whole output in each frame");
    const moving = await benchMoving({
      app: `${client} moving`,
      what: "moving",
      wanted: framesPerSecondWanted,
      method: "a window damages all of it each frame",
    });
    progress("a terminal that scrolls");
    const terminal = await benchMoving({
      app: scrolling,
      what: "scrolling terminal",
      wanted: undefined,
      method: "foot prints up to 100 lines a second",
    });
    progress("a still window");
    const still = await benchStill(`${client} still`);
    return [moving, terminal, still];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

async function benchMoving(options: {
  readonly app: string;
  readonly what: string;
  /** Frames a second; undefined where the application may be slower than the stream. */
  readonly wanted: number | undefined;
  readonly method: string;
}): Promise<Row> {
  const { app, what, wanted, method } = options;
  let hostPct: number | null = null;
  const { summary, intervals } = await stream({
    serve: ["--source", "sway", "--app", app],
    client: { mode: parseMode(mode) },
    seconds: seconds + 1,
    beside: async (_session, pid) => {
      hostPct = await processorSharePct(pid, seconds - 2);
    },
  });
  // The first second holds the start of the application.
  const rates = intervals.slice(1).map(({ framesPerSecond }) => framesPerSecond);
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / Math.max(1, rates.length);
  const least = rates.length === 0 ? null : Math.min(...rates);
  const { stagesUs, latencyUs } = summary;
  return {
    what: `sway ${mode}, ${what}`,
    wanted: wanted === undefined ? "" : `≥ ${wanted} fps`,
    seen:
      `${show(mean, 1)} fps (worst second ${show(least, 1)}, encode p50 ` +
      `${show(stagesUs.encode?.p50)} µs, host ${show(hostPct)}% of a core)`,
    verdict: wanted === undefined ? "report" : verdictOf(mean >= wanted),
    method: `${method}; decoded at the client, mean of ${rates.length} s`,
    figures: {
      mean,
      least,
      hostPct,
      encodeP50Us: stagesUs.encode?.p50 ?? null,
      decodedP50Us: latencyUs.captureToDecoded?.p50 ?? null,
    },
  };
}

async function benchStill(app: string): Promise<Row> {
  let sharePct: number | null = null;
  let frames: number | null = null;
  await stream({
    serve: ["--source", "sway", "--app", app],
    client: { mode: parseMode(mode) },
    seconds: seconds + settleMs / 1000 + 2,
    beside: async (session, pid) => {
      await Bun.sleep(settleMs);
      const { counters } = session.pipeline.receive;
      const before = counters.get("frames_delivered");
      sharePct = await processorSharePct(pid, seconds);
      frames = counters.get("frames_delivered") - before;
    },
  });
  return {
    what: `sway ${mode}, still`,
    wanted: `< ${sharePctWanted}% of a core`,
    seen: `${show(sharePct, 1)}% (${show(frames)} frames in ${seconds} s)`,
    verdict: verdictOf(sharePct !== null && sharePct < sharePctWanted),
    method: "processor time of the host, its sway and the application from /proc",
    figures: { sharePct, frames },
  };
}
