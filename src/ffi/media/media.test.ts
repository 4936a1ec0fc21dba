import { afterEach, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { PfError } from "../../base/errors.ts";
import { kbps, milliHz, perMille } from "../../base/units.ts";
import type { EventKind } from "../../wire/abi.ts";
import { readField, writeLayout } from "../../wire/layout.ts";
import { hostTiming, plane, shardHeader, tipBody } from "../../wire/media.ts";
import { nativeProgram } from "../build.ts";
import { EventQueue, type NativeEvent } from "../core/core.ts";
import { DecodeStage } from "../decode/decode.ts";
import { PictureTap } from "../decode/tap.ts";
import { EncodeStage } from "../encode/encode.ts";
import { SyntheticSource } from "../source/source.ts";
import { benchLatency } from "./bench.ts";
import corpus from "./media_fuzz.corpus.json" with { type: "json" };
import { MediaSession, UdpPort } from "./port.ts";
import { ReceiveStage } from "./receive.ts";
import { SendStage } from "./send.ts";

const key = (fill: number) => ({
  key: new Uint8Array(16).fill(fill),
  salt: new Uint8Array(12).fill(fill),
});
const stages = { hostPort: 1, hostSession: 2, receive: 3, encode: 4 };

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await Bun.sleep(5);
  }
}

/** source → encoder → sender ⇢ loopback ⇢ receiver → decoder → tap. */
class Stream {
  readonly events = new EventQueue();
  readonly seen: NativeEvent[] = [];
  readonly hostPort: UdpPort;
  readonly clientPort: UdpPort;
  readonly host: MediaSession;
  readonly client: MediaSession;
  readonly send: SendStage;
  readonly encode: EncodeStage;
  readonly source: SyntheticSource;
  readonly receive: ReceiveStage;
  readonly decode: DecodeStage;
  readonly tap = new PictureTap({ readMarkers: true });

  constructor(options: { clientKey?: number; address?: string } = {}) {
    const { events } = this;
    const address = options.address ?? "127.0.0.1";
    const size = { width: 320, height: 192 };
    this.hostPort = new UdpPort({ address: "::", port: 0, events, stage: stages.hostPort });
    this.clientPort = new UdpPort({ address, port: 0, events });
    this.host = new MediaSession({
      port: this.hostPort,
      tag: 5,
      role: "host",
      send: key(1),
      receive: key(2),
      events,
      stage: stages.hostSession,
    });
    this.client = new MediaSession({
      port: this.clientPort,
      tag: 5,
      role: "client",
      send: key(2),
      receive: key(options.clientKey ?? 1),
      peer: { address, port: this.hostPort.port },
      events,
    });
    this.decode = new DecodeStage({
      sink: this.tap.sink(),
      codec: "h264",
      ...size,
      events,
    });
    this.receive = new ReceiveStage({
      session: this.client,
      sink: this.decode.sink(),
      frameBytesMax: 1 << 20,
      framesInFlightMax: 16,
      shardBytesMax: 1408,
      lossWindowMs: 120,
      stallMs: 8,
      events,
      stage: stages.receive,
    });
    this.send = new SendStage({
      session: this.host,
      frameBytesMax: 1 << 20,
      shardBytesMax: 1408,
      bitrateKbps: kbps(3000),
      parityPermille: perMille(200),
      parityTable: new Uint16Array(257).fill(3),
      events,
    });
    this.encode = new EncodeStage({
      sink: this.send.sink(),
      encoder: "libx264",
      codec: "h264",
      ...size,
      refreshMilliHz: milliHz(60_000),
      bitrateKbps: kbps(3000),
      settleCount: 0,
      events,
      stage: stages.encode,
    });
    this.source = new SyntheticSource({
      sink: this.encode.sink(),
      ...size,
      refreshMilliHz: milliHz(60_000),
      pattern: "moving",
      events,
    });
  }

  async start(): Promise<void> {
    this.decode.start();
    this.send.start();
    this.hostPort.start();
    this.clientPort.start();
    await until(() => this.saw("path"), "the path");
    this.encode.start();
    this.source.start();
  }

  saw(kind: EventKind): boolean {
    this.seen.push(...this.events.take());
    return this.seen.some((event) => event.kind === kind);
  }

  async close(): Promise<void> {
    for (const stage of [this.source, this.encode, this.send]) stage.stop();
    for (const port of [this.clientPort, this.hostPort]) port.stop();
    this.decode.stop();
    for (const stage of [this.receive, this.send, this.client, this.host]) stage.close();
    for (const stage of [this.clientPort, this.hostPort]) stage.close();
    // The tap may hold a picture of the decoder's.
    for (const stage of [this.source, this.encode, this.tap, this.decode]) stage.close();
    await this.events.close();
  }
}

const open: { close(): void | Promise<void> }[] = [];
function keep<Item extends { close(): void | Promise<void> }>(item: Item): Item {
  open.push(item);
  return item;
}
afterEach(async () => {
  for (const item of open.splice(0)) await item.close();
});

test("a stream of pictures crosses the loopback, and both ends say what they did", async () => {
  const stream = keep(new Stream());
  stream.receive.setClockOffset(0n);
  await stream.start();
  const path = stream.seen.find((event) => event.kind === "path");
  expect(path?.stage).toBe(stages.hostSession);
  expect(path?.text).toBe(`127.0.0.1:${stream.clientPort.port}`);
  await until(() => stream.tap.counters.get("frames") >= 20, "20 pictures");
  stream.send.setBitrate(kbps(5000));
  stream.send.setParity(perMille(100), new Uint16Array(257).fill(2));
  await until(() => stream.tap.counters.get("frames") >= 40, "40 pictures");
  const { receive, send } = stream;
  expect(stream.tap.counters.get("markers_unreadable")).toBe(0);
  expect(receive.counters.snapshot()).toMatchObject({
    frames_lost: 0,
    frames_skipped: 0,
    frames_recovered: 0,
    packets_lost: 0,
    dropped_old: 0,
    stalls: 0,
  });
  expect(receive.counters.get("packets_unneeded")).toBeGreaterThan(40);
  expect(receive.counters.histogram("capture_to_reassembled_us").maxUs).toBeGreaterThan(0);
  expect(send.counters.get("packets_dropped")).toBe(0);
  expect(stream.host.cipher).toBe(stream.client.cipher);
  const timings = send.takeTimings(10);
  expect(timings.length).toBe(10 * hostTiming.bytes);
  for (const _ of [1, 2]) receive.takeTimings(timings);
  expect(receive.counters.histogram("network_us").count).toBe(10);
  const frames = Array.from({ length: 10 }, (_, i) =>
    readField(new DataView(timings.buffer), hostTiming, "frame", i * hostTiming.bytes),
  );
  expect(frames).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("IPv6 carries a stream too", async () => {
  const stream = keep(new Stream({ address: "::1" }));
  await stream.start();
  expect(stream.seen.find(({ kind }) => kind === "path")?.text).toStartWith("[::1]:");
  await until(() => stream.tap.counters.get("frames") >= 3, "3 pictures");
});

test("what another key sealed is dropped, counted, and never a picture", async () => {
  const stream = keep(new Stream({ clientKey: 9 }));
  await stream.start();
  await until(() => stream.client.counters.get("dropped_authentication") > 50, "packets");
  expect(stream.receive.counters.get("packets")).toBe(0);
  expect(stream.tap.counters.get("frames")).toBe(0);
});

describe("a port", () => {
  test("that another program has taken is told in a sentence", () => {
    const first = keep(new UdpPort({ address: "0.0.0.0", port: 0 }));
    expect(first.port).toBeGreaterThan(0);
    const taken = () => new UdpPort({ address: "0.0.0.0", port: first.port });
    expect(taken).toThrow(`another program has taken UDP port ${first.port}`);
    expect(taken).toThrow(PfError);
  });

  test("must have an address", () => {
    expect(() => new UdpPort({ address: "localhost", port: 0 })).toThrow("no IP address");
  });

  test("says how to get larger buffers when the kernel gives less", async () => {
    const events = keep(new EventQueue());
    keep(
      new UdpPort({ address: "127.0.0.1", port: 0, events, stage: 7, socketBytes: 2 ** 32 - 1 }),
    );
    const [note] = events.take();
    expect(note).toMatchObject({ kind: "note", stage: 7 });
    expect(note?.text).toContain("sysctl -w net.core.rmem_max=4294967295");
    expect(note?.a).toBeGreaterThan(0);
  });

  test("carries a session of one tag once, and 64 of them", () => {
    const port = keep(new UdpPort({ address: "127.0.0.1", port: 0 }));
    const session = (tag: number) =>
      new MediaSession({ port, tag, role: "host", send: key(1), receive: key(2) });
    const sessions = Array.from({ length: 64 }, (_, tag) => session(tag));
    expect(() => session(3)).toThrow("a session of this tag already");
    expect(() => session(64)).toThrow("64 sessions already");
    sessions.pop()?.close();
    expect(() => session(3)).toThrow("a session of this tag already");
    sessions.push(session(64));
    for (const one of sessions) one.close();
  });
});

/** A million where time is (some 80 s), what takes a few seconds for a person who waits. */
const fuzzRuns = process.env["CI"] === undefined ? 50_000 : 1_000_000;

/** The first run compiles. */
const buildMs = 240_000;

describe("in C", () => {
  test.each(["units", "receive", "losses", "stream", "probe"])(
    "%s holds under the sanitizers",
    async (group) => {
      const program = nativeProgram("sanitize", "test/media_test");
      const run = await Bun.$`${program} ${group}`.quiet().nothrow();
      expect(run.exitCode, run.stderr.toString()).toBe(0);
    },
    buildMs,
  );

  test(
    "threads of both ends never race",
    async () => {
      const program = nativeProgram("thread", "test/media_test");
      for (const group of ["stream", "probe"]) {
        const run = await Bun.$`${program} ${group}`.quiet().nothrow();
        expect(run.exitCode, run.stderr.toString()).toBe(0);
      }
    },
    buildMs,
  );

  test(
    `${fuzzRuns} inputs of a network, sealed by a hostile peer or not, do no harm`,
    async () => {
      const program = nativeProgram("fuzz", "fuzz/media_fuzz");
      const jobs = availableParallelism();
      const runs = Math.ceil(fuzzRuns / jobs);
      const seeds = { ...fuzzSeeds(), ...kept };
      const fuzz = async () => {
        const folder = await mkdtemp(join(tmpdir(), "punktfunk-fuzz-"));
        keep({ close: () => rm(folder, { recursive: true, force: true }) });
        for (const [name, seed] of Object.entries(seeds)) await Bun.write(join(folder, name), seed);
        const args = [`-runs=${runs}`, "-max_len=1024", folder];
        return Bun.$`nice -n 10 ${program} ${args}`.cwd(folder).quiet().nothrow();
      };
      for (const run of await Promise.all(Array.from({ length: jobs }, fuzz))) {
        expect(run.exitCode, run.stderr.toString()).toBe(0);
      }
    },
    2 * buildMs,
  );
});

/** What earlier runs have found to reach all code that is reached, the shortest of each kind. */
const kept = Object.fromEntries(
  corpus.map((text, i) => [`kept-${i}`, Uint8Array.from(Buffer.from(text, "base64"))]),
);

/** Well-formed packets in the form of media_fuzz.c, for the fuzzer to start from. */
function fuzzSeeds(): Record<string, Uint8Array> {
  const packet = (kind: number, body: Uint8Array) =>
    Buffer.concat([Buffer.from([kind, Math.ceil(body.length / 8)]), body]);
  const shard = (frame: number, shard_index: number) => {
    const header = writeLayout(shardHeader, {
      frame,
      frame_bytes: 100,
      shard_index,
      data_count: 2,
      parity_count: 2,
    });
    const data = new Uint8Array(64);
    data[16] = 1;
    data[18] = 24;
    return packet(0, Buffer.concat([header, data]));
  };
  const tip = packet(3, writeLayout(tipBody, { frame: 2, sent: 1 }));
  return {
    frame: Buffer.concat([shard(0, 0), shard(0, 1)]),
    recovered: Buffer.concat([shard(0, 0), shard(0, 3), shard(1, 2), shard(1, 3)]),
    hole: Buffer.concat([shard(0, 0), shard(0, 1), tip, shard(3, 0), shard(3, 1)]),
    raw: packet(7, new Uint8Array(64).fill(plane.video[0])),
  };
}

test(
  "a frame of 40 kB is delivered within a millisecond of its push",
  async () => {
    const { latencyUs, delivered } = await benchLatency({ frames: 200, intervalMs: 4 });
    expect(delivered).toBe(200);
    // Some 70 µs on an idle machine of two cores; a busy one must not fail the test.
    expect(latencyUs.p50).toBeLessThan(1000);
  },
  buildMs,
);
