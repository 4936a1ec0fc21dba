/** Sound through the real path: PipeWire, the host's part, sealed packets, the client's part. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { EventQueue } from "../ffi/core/core.ts";
import { MediaSession, UdpPort } from "../ffi/media/port.ts";
import { pipeWireInstalled } from "../ffi/pipewire/server.fixture.ts";
import { HostSound } from "../host/sound/sound.ts";
import { until } from "./processes.ts";
import {
  card,
  cardMicrophone,
  fileOf,
  levels,
  loudness,
  rateHz,
  readWave,
  SoundPath,
  type SoundPathOptions,
  tone,
  writeWave,
} from "./sound-path.ts";

const canRun =
  pipeWireInstalled && Bun.which("pw-record") !== null && Bun.which("pw-play") !== null;
/** A PipeWire of its own has to start, and a tone to sound. */
setDefaultTimeout(20_000);

const pieceMs = 20;
const toneSeconds = 0.7;
/** Of 13 pieces PipeWire itself may miss three on a busy machine. */
const purityMin = 0.7;

interface Played {
  readonly path: SoundPath;
  readonly tones: readonly number[];
  readonly into: string;
  readonly from: string;
  readonly channelMap: string;
}

/** Plays tones, one a channel, and returns what the far end recorded while they sounded. */
async function hear({ path, tones, into, from, channelMap }: Played): Promise<Float32Array[]> {
  const [played, recorded] = [fileOf(path, "played.wav"), fileOf(path, "recorded.wav")];
  await writeWave(
    played,
    tones.map((hz) => tone(hz, toneSeconds)),
  );
  const channelCount = tones.length;
  const how = { node: from, channelCount, isSink: from === card, channelMap };
  const recorder = path.record(recorded, how);
  const isThere = async () => (await Bun.file(recorded).exists()) && Bun.file(recorded).size > 4096;
  await until(isThere, "the recorder");
  if (into === cardMicrophone) await path.speak(played);
  else await path.play(played, into, channelMap).exited;
  await Bun.sleep(100);
  await recorder.stop();
  const channels = await readWave(recorded, channelCount);
  const loud = levels(channels[0] as Float32Array, pieceMs).map((level) => level > 0.1);
  const length = (rateHz * pieceMs) / 1000;
  const [first, last] = [loud.indexOf(true) + 2, loud.lastIndexOf(true) - 1];
  return channels.map((samples) => samples.subarray(first * length, last * length));
}

/** The share of pieces in which a tone of 0.5 sounds as it should. */
function purity(samples: Float32Array, hz: number): number {
  const length = (rateHz * 50) / 1000;
  const pieces = Array.from({ length: Math.floor(samples.length / length) }, (_, i) =>
    loudness(samples.subarray(i * length, (i + 1) * length), hz),
  );
  return pieces.filter((loud) => loud > 0.4 && loud < 0.6).length / pieces.length;
}

const stereo = { tones: [1000, 1500], into: "punktfunk-sink", from: card, channelMap: "stereo" };

test.skipIf(!canRun)("a tone in each ear arrives in the same ear", async () => {
  await using path = await SoundPath.open();
  const [left, right] = (await hear({ path, ...stereo })) as [Float32Array, Float32Array];
  expect(left.length).toBeGreaterThan(rateHz * toneSeconds * 0.7);
  expect(purity(left, 1000)).toBeGreaterThan(purityMin);
  expect(purity(right, 1500)).toBeGreaterThan(purityMin);
  expect(loudness(left, 1500)).toBeLessThan(0.05);
  const { counters } = path.client.receive as NonNullable<typeof path.client.receive>;
  expect(path.client.figures).toEqual({ received: counters.get("packets"), lost: 0 });
  expect(counters.histogram("buffer_us").percentiles()?.p50).toBeLessThan(40_000);
  expect(path.warnings).toEqual([]);
});

test.skipIf(!canRun).each([
  [5, 0.02],
  [20, 0.1],
])("%i percent of lost packets leave no gap", async (percent, lostMax) => {
  await using path = await SoundPath.open({ down: { loss: percent / 100 } });
  const [left] = (await hear({ path, ...stereo })) as [Float32Array];
  const { counters } = path.client.receive as NonNullable<typeof path.client.receive>;
  const [frames, recovered] = [counters.get("frames"), counters.get("recovered")];
  expect(recovered / frames).toBeGreaterThan(percent / 100 / 4);
  expect(counters.get("concealed") / frames).toBeLessThan(lostMax);
  const pieces = levels(left, pieceMs);
  // PipeWire itself may miss its turn once or twice on a busy machine.
  expect(pieces.filter((level) => level < 0.1).length / pieces.length).toBeLessThan(0.06);
});

test("a host without PipeWire says so, and serves without sound", () => {
  const warnings: string[] = [];
  const port = new UdpPort({ address: "127.0.0.1", port: 0 });
  const media = { key: new Uint8Array(16), salt: new Uint8Array(12) };
  const keys = { send: media, receive: { ...media, key: new Uint8Array(16).fill(1) } };
  const session = new MediaSession({ port, tag: 5, role: "host", ...keys });
  const events = new EventQueue();
  const host = new HostSound({
    session,
    events,
    grant: { channelCount: 2, microphone: true, refusal: null },
    source: "auto",
    client: "a test",
    warn: (sentence) => void warnings.push(sentence),
    socketPath: "/nowhere/pipewire-0",
  });
  host.start();
  expect([host.channelCount, host.microphone]).toEqual([null, false]);
  expect(warnings).toEqual([
    "No sound can be heard: no PipeWire runs at /nowhere/pipewire-0.",
    "No sound can be played: no PipeWire runs at /nowhere/pipewire-0.",
  ]);
  host.close();
  session.close();
  port.close();
  void events.close();
});

test.skipIf(!canRun)("5.1 channels keep their places", async () => {
  const options: SoundPathOptions = {
    grant: { channelCount: 6 },
    positions: "FL FR FC LFE RL RR",
  };
  await using path = await SoundPath.open(options);
  const tones = [500, 700, 900, 60, 1300, 1500];
  const heard = await hear({ path, ...stereo, tones, channelMap: "surround-51" });
  for (const [index, samples] of heard.entries()) {
    const found = tones.map((hz) => loudness(samples.subarray(0, rateHz / 10), hz));
    expect(found.indexOf(Math.max(...found))).toBe(index);
  }
});

test.skipIf(!canRun)("a microphone is heard by who records from the host's source", async () => {
  await using path = await SoundPath.open({ grant: { channelCount: null, microphone: true } });
  const mono = { tones: [800], into: cardMicrophone, from: "punktfunk-microphone" };
  const [heard] = (await hear({ path, ...mono, channelMap: "mono" })) as [Float32Array];
  expect(heard.length).toBeGreaterThan(rateHz * toneSeconds * 0.7);
  expect(purity(heard, 800)).toBeGreaterThan(purityMin);
  // A client that sends nothing more leaves a source that goes on with silence.
  path.client.close();
  const quiet = fileOf(path, "quiet.wav");
  const how = { node: "punktfunk-microphone", channelCount: 1, isSink: false };
  const recorder = path.record(quiet, how);
  await until(() => Bun.file(quiet).size > rateHz * 4 * 0.3, "a recording of silence");
  await recorder.stop();
  const [silence] = (await readWave(quiet, 1)) as [Float32Array];
  expect(silence.length).toBeGreaterThan(rateHz / 4);
  expect(Math.max(...levels(silence, pieceMs).slice(-5))).toBe(0);
  // A device that may no longer be heard takes its source with it.
  const nodes = () => path.server.run(["pw-cli", "ls", "Node"]);
  expect(await nodes()).toContain('"punktfunk-microphone"');
  path.host.hearNoMore();
  await until(async () => !(await nodes()).includes('"punktfunk-microphone"'), "its end");
});

test.skipIf(!canRun)("sound goes on when PipeWire comes back", async () => {
  await using path = await SoundPath.open();
  await path.server.kill();
  const told = (words: string) => path.warnings.filter((line) => line.startsWith(words)).length;
  await until(() => told("No sound is") === 2, "both ends to tell of it");
  await path.server.start();
  await until(() => told("Sound is") === 2, "both ends to be back");
  await path.makeCards();
  const [left] = (await hear({ path, ...stereo })) as [Float32Array];
  expect(purity(left, 1000)).toBeGreaterThan(purityMin);
});
