/**
 * Sound and microphone from end to end through a real PipeWire: a tone each second, which one
 * recorder takes both where it is played and where it comes out, so that the time between is exact
 * to a sample. PUNKTFUNK_SOUND_MINUTES: how long, each way; usual: a quarter of a minute.
 */

import { until } from "../processes.ts";
import {
  card,
  cardMicrophone,
  fileOf,
  levels,
  rateHz,
  readWave,
  SoundPath,
  spawnUrgent,
  tone,
  writeWave,
} from "../sound-path.ts";
import { percentile, type Row, type Section, show, verdictOf } from "./row.ts";

const soundMsWanted = 40;
const microphoneMsWanted = 60;
const hz = 1000;
/** Of each second. */
const toneMs = 900;
const segmentSeconds = 60;
/** As loud as a tone is not when it has a hole. */
const gapLevel = 0.1;
const gapMs = 5;

interface Heard {
  readonly latencyMs: readonly number[];
  /** Pieces of 5 ms that are missing from tones. */
  readonly gaps: number;
  readonly seconds: number;
  readonly processorPct: number;
}

export const benchSound: Section = async (progress) => {
  const seconds = Math.max(2, Number(process.env["PUNKTFUNK_SOUND_MINUTES"] ?? 0.25) * 60);
  progress(`a tone each second for ${seconds} s, to the client and back`);
  const ours = [...(await benchDown(seconds)), ...(await benchUp(seconds))];
  progress("the same through PipeWire's own loop, for comparison");
  return [...ours, await benchLoop(seconds)];
};

/** A program of PipeWire in our place: the holes that this machine makes by itself. */
async function benchLoop(seconds: number): Promise<Row> {
  await using path = await SoundPath.open({ grant: { channelCount: null } });
  const into = "{ media.class = Audio/Sink, node.name = loop, node.latency = 256/48000 }";
  const out = "{ node.name = loop-out, node.latency = 256/48000 }";
  spawnUrgent(path.server, ["pw-loopback", "--capture-props", into, "--playback-props", out]);
  const heard = await listen(path, seconds, {
    from: "pw-play:output_MONO",
    into: "loop:playback_FL",
    out: `${card}:monitor_FL`,
  });
  const row = gapsRow("pw-loopback", heard);
  return { ...row, wanted: "", verdict: "report", figures: { ...row.figures } };
}

async function benchDown(seconds: number): Promise<Row[]> {
  await using path = await SoundPath.open();
  const heard = await listen(path, seconds, {
    from: "pw-play:output_MONO",
    into: "punktfunk-sink:playback_FL",
    out: `${card}:monitor_FL`,
  });
  const counters = path.client.receive?.counters;
  const buffer = counters?.histogram("buffer_us").percentiles() ?? null;
  const bufferMs = buffer === null ? null : buffer.p99 / 1000;
  const figures = { bufferP50: buffer?.p50 ?? null, bufferP99: buffer?.p99 ?? null };
  return [
    {
      what: "sound, jitter buffer",
      wanted: `≤ ${soundMsWanted} ms`,
      seen: `p50 ${show((buffer?.p50 ?? 0) / 1000, 1)} ms, p99 ${show(bufferMs, 1)} ms`,
      verdict: verdictOf(bufferMs !== null && bufferMs <= soundMsWanted),
      method: "how long frames waited on the client until they were played",
      figures,
    },
    gapsRow("sound", heard),
    {
      what: "sound, application to speaker",
      wanted: "",
      seen: latencyWords(heard),
      verdict: "report",
      method: "onset of a tone where it is played and at the client's sink, in one recording",
      figures: latencyFigures(heard),
    },
    {
      what: "sound, processor",
      wanted: "",
      seen: `${show(heard.processorPct, 1)}% of a core`,
      verdict: "report",
      method: "both ends in this process, stereo at 160 kbps, and the bench itself",
      figures: { processorPct: heard.processorPct },
    },
  ];
}

async function benchUp(seconds: number): Promise<Row[]> {
  await using path = await SoundPath.open({ grant: { channelCount: null, microphone: true } });
  const heard = await listen(path, seconds, {
    from: "pw-play:output_MONO",
    into: `${cardMicrophone}:input_MONO`,
    out: "punktfunk-microphone:capture_MONO",
  });
  const p95 = percentile(heard.latencyMs, 0.95);
  return [
    {
      what: "microphone to recorder",
      wanted: `≤ ${microphoneMsWanted} ms`,
      seen: latencyWords(heard),
      verdict: verdictOf(p95 !== null && p95 <= microphoneMsWanted),
      method: "onset of a tone in the client's microphone and in the host's source",
      figures: latencyFigures(heard),
    },
    gapsRow("microphone", heard),
  ];
}

function gapsRow(what: string, { gaps, seconds }: Heard): Row {
  return {
    what: `${what}, gaps`,
    wanted: "none",
    seen: `${gaps} in ${show(seconds)} s`,
    verdict: verdictOf(gaps === 0 && seconds > 0),
    method: `pieces of ${gapMs} ms that a tone lost between where it was played and the far end`,
    figures: { gaps, seconds },
  };
}

const latencyFigures = ({ latencyMs }: Heard) => ({
  p50: percentile(latencyMs, 0.5),
  p95: percentile(latencyMs, 0.95),
  max: percentile(latencyMs, 1),
  onsets: latencyMs.length,
});

function latencyWords(heard: Heard): string {
  const { p50, p95, max, onsets } = latencyFigures(heard);
  return `p50 ${show(p50, 1)} ms, p95 ${show(p95, 1)}, max ${show(max, 1)} (${onsets} tones)`;
}

interface Ports {
  readonly from: string;
  readonly into: string;
  readonly out: string;
}

async function listen(path: SoundPath, seconds: number, ports: Ports): Promise<Heard> {
  const latencyMs: number[] = [];
  let [gaps, heardSeconds] = [0, 0];
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  for (let done = 0; done < seconds; done += segmentSeconds) {
    const length = Math.round(Math.min(segmentSeconds, seconds - done));
    const [played, heard] = await segment(path, length, ports);
    const found = compare(played, heard);
    latencyMs.push(...found.latencyMs);
    gaps += found.gaps;
    heardSeconds += found.seconds;
  }
  const { user, system } = process.cpuUsage(cpu);
  const processorPct = (user + system) / 10 / (performance.now() - startedAt);
  return { latencyMs, gaps, seconds: heardSeconds, processorPct };
}

/** What was played and what came out, sample beside sample. */
async function segment(path: SoundPath, seconds: number, ports: Ports) {
  const [file, recording] = [fileOf(path, "played.wav"), fileOf(path, "recorded.wav")];
  const second = new Float32Array(rateHz);
  second.set(tone(hz, toneMs / 1000), ((1000 - toneMs) * rateHz) / 1000);
  const samples = new Float32Array(seconds * rateHz);
  for (let i = 0; i < seconds; i++) samples.set(second, i * rateHz);
  await writeWave(file, [samples]);
  const recorder = path.record(recording, { node: "0", channelCount: 2, isSink: false });
  await link(path, ports.out, "pw-record:input_FR");
  const player = path.play(file, "0", "mono");
  await link(path, ports.from, "pw-record:input_FL");
  await link(path, ports.from, ports.into);
  await player.exited;
  await Bun.sleep(200);
  await recorder.stop();
  return (await readWave(recording, 2)) as [Float32Array, Float32Array];
}

/** Links two ports as soon as both are there. */
async function link({ server }: SoundPath, from: string, to: string): Promise<void> {
  await until(async () => {
    await server.run(["pw-link", from, to]);
    const links = await server.run(["pw-link", "-l"]);
    return links.split(/\n(?=\S)/).some((one) => one.startsWith(from) && one.includes(`|-> ${to}`));
  }, `a link from ${from} to ${to}`);
}

/**
 * The first tone and the last one are left out: with them the path starts and ends. Gaps count where
 * the played tone sounds, itself without a hole, so that those of a busy PipeWire are not ours.
 */
function compare(played: Float32Array, heard: Float32Array) {
  const [before, after] = [onsets(played).slice(1, -1), onsets(heard)];
  const latencyMs: number[] = [];
  let gaps = 0;
  for (const at of before) {
    const far = after.find((other) => other >= at && other < at + rateHz / 2);
    if (far === undefined) {
      gaps += toneMs / gapMs;
      continue;
    }
    latencyMs.push(((far - at) * 1000) / rateHz);
    // The rate differs by 0.5% at most, and codecs smear the edges.
    const inside = ((toneMs - 40) * rateHz) / 1000;
    const own = levels(played.subarray(at, at + inside), gapMs);
    const its = levels(heard.subarray(far, far + inside), gapMs);
    gaps += its.filter((level, i) => level < gapLevel && (own[i] ?? 0) >= gapLevel).length;
  }
  return { latencyMs, gaps, seconds: (before.length * toneMs) / 1000 };
}

/** Where tones begin behind at least 50 ms without. */
function onsets(samples: Float32Array): number[] {
  const found: number[] = [];
  let quiet = 0;
  for (const [i, sample] of samples.entries()) {
    if (Math.abs(sample) < 0.05) quiet++;
    else {
      if (quiet >= rateHz / 20) found.push(i);
      quiet = 0;
    }
  }
  return found;
}
