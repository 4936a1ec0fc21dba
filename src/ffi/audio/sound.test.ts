import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { soundHeader } from "../../wire/media.ts";
import { nativeProgram } from "../build.ts";
import { noSink } from "../library.ts";
import { pipeWireInstalled, startPipeWire } from "../pipewire/server.fixture.ts";
import { SoundReceiveStage, SoundSendStage } from "./sound.ts";

const fuzzRuns = process.env["CI"] === undefined ? 500 : 20_000;
const node = { name: "punktfunk-test", description: "punktfunk test", channelCount: 2 } as const;

test("packets, channels, the jitter buffer and playing faster pass their tests", () => {
  const program = nativeProgram("sanitize", "test/sound_test");
  const run = Bun.spawnSync([program]);
  expect(run.stderr.toString()).toBe("");
  expect(run.stdout.toString()).toBe("sound: all tests passed\n");
}, 60_000);

test.skipIf(Bun.which("clang") === null)(
  `${fuzzRuns} packets of a hostile peer do no harm`,
  async () => {
    const program = nativeProgram("fuzz", "fuzz/sound_fuzz");
    const corpus = await mkdtemp(join(tmpdir(), "punktfunk-fuzz-"));
    try {
      const packet = new Uint8Array(soundHeader.bytes + 16).fill(0x80);
      const view = new DataView(packet.buffer);
      view.setUint16(soundHeader.offsets["frame_bytes"] as number, 8, true);
      packet[soundHeader.offsets["channel_count"] as number] = 2;
      await Bun.write(join(corpus, "packet"), Buffer.from([60, packet.length / 4, ...packet]));
      const options = [`-runs=${fuzzRuns}`, "-max_len=4096", "-max_total_time=4", "-seed=1"];
      const run = await Bun.$`nice -n 10 ${program} ${options} ${corpus}`.quiet().nothrow();
      expect(run.exitCode, run.stderr.toString()).toBe(0);
    } finally {
      await rm(corpus, { recursive: true });
    }
  },
  180_000,
);

test("sound without a PipeWire says where it looked", () => {
  const socketPath = "/nowhere/pipewire-0";
  const receive = () => new SoundReceiveStage({ ...node, role: "playback", socketPath });
  expect(receive).toThrow("No sound can be played: no PipeWire runs at /nowhere/pipewire-0.");
  const send = () => new SoundSendStage({ ...node, role: "sink", sink: noSink, socketPath });
  expect(send).toThrow("No sound can be heard: no PipeWire runs at /nowhere/pipewire-0.");
});

test.each([
  ["dummy", 2, "pulled, 0 frames"],
  ["dummy", 6, "pulled, 0 frames"],
  ["nowhere", 2, "No sound can be played: no sound device: Audio target 'nowhere' not available."],
])("SDL's driver %s, %i channels: %s", (driver, channelCount, words) => {
  const fixture = join(import.meta.dir, "speaker.fixture.ts");
  const env = { ...process.env, SDL_AUDIODRIVER: driver };
  const run = Bun.spawnSync([process.execPath, fixture, `${channelCount}`], { env });
  expect(run.stdout.toString().trim()).toBe(words);
});

test.skipIf(!pipeWireInstalled)("nodes of sound come and go, and leave nothing", async () => {
  await using server = await startPipeWire();
  const names = async () => {
    const list = await server.run(["pw-cli", "ls", "Node"]);
    return [...list.matchAll(/node.name = "(punktfunk-\w+)"/g)].map((match) => match[1]).sort();
  };
  for (let i = 0; i < 3; i++) {
    const common = { ...node, socketPath: server.socketPath };
    const sink = new SoundSendStage({
      ...common,
      name: "punktfunk-sink",
      role: "sink",
      sink: noSink,
    });
    const source = new SoundReceiveStage({ ...common, name: "punktfunk-source", role: "source" });
    expect(await names()).toEqual(["punktfunk-sink", "punktfunk-source"]);
    sink.close();
    source.close();
    expect(await names()).toEqual([]);
  }
});
