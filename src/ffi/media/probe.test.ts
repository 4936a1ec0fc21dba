import { afterEach, expect, test } from "bun:test";
import { kbps, millis, perMille } from "../../base/units.ts";
import { limit } from "../../wire/limits.ts";
import { EventQueue, type NativeEvent } from "../core/core.ts";
import { noSink } from "../library.ts";
import { MediaSession, UdpPort } from "./port.ts";
import { FillerStage, fillerEnding, MeterStage } from "./probe.ts";
import { ReceiveStage } from "./receive.ts";
import { SendStage } from "./send.ts";

const key = (fill: number) => ({
  key: new Uint8Array(16).fill(fill),
  salt: new Uint8Array(12).fill(fill),
});
const fillerStage = 7;
const parityTable = new Uint16Array(limit("parity_table_count")).fill(4);
/** Holds a frame of 1 Gbps. */
const frameBytesMax = 1_200_000;

async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await Bun.sleep(5);
  }
}

/** filler → sender ⇢ loopback ⇢ receiver → meter, beside a receiver of video. */
class Probe {
  readonly events = new EventQueue();
  readonly ended: { readonly number: number; readonly ending: string | undefined }[] = [];
  readonly hostPort: UdpPort;
  readonly clientPort: UdpPort;
  readonly host: MediaSession;
  readonly client: MediaSession;
  readonly send: SendStage;
  readonly filler: FillerStage;
  readonly meter = new MeterStage();
  readonly receive: ReceiveStage;
  readonly video: ReceiveStage;

  constructor(options: { readonly clientStarts?: boolean } = {}) {
    const { events } = this;
    this.hostPort = new UdpPort({ address: "127.0.0.1", port: 0 });
    this.clientPort = new UdpPort({ address: "127.0.0.1", port: 0 });
    this.host = new MediaSession({
      port: this.hostPort,
      tag: 5,
      role: "host",
      send: key(1),
      receive: key(2),
    });
    this.client = new MediaSession({
      port: this.clientPort,
      tag: 5,
      role: "client",
      send: key(2),
      receive: key(1),
      peer: { address: "127.0.0.1", port: this.hostPort.port },
    });
    this.send = new SendStage({
      session: this.host,
      frameBytesMax,
      shardBytesMax: limit("shard_bytes_max"),
      bitrateKbps: kbps(100_000),
      parityPermille: perMille(200),
      parityTable,
      plane: "probe",
    });
    this.filler = new FillerStage({
      session: this.host,
      sink: this.send.sink(),
      frameBytesMax,
      events,
      stage: fillerStage,
    });
    const sizes = {
      session: this.client,
      frameBytesMax,
      framesInFlightMax: limit("frames_in_flight_max"),
      shardBytesMax: limit("shard_bytes_max"),
      lossWindowMs: limit("loss_window_ms"),
      stallMs: limit("stall_ms"),
    };
    this.receive = new ReceiveStage({ ...sizes, sink: this.meter.sink(), plane: "probe" });
    this.video = new ReceiveStage({ ...sizes, sink: noSink });
    void events.listen((event: NativeEvent) => {
      if (event.kind !== "ended" || event.stage !== fillerStage) return;
      this.ended.push({ number: event.a, ending: fillerEnding[event.b] });
    });
    this.hostPort.start();
    this.send.start();
    this.filler.start();
    if (options.clientStarts !== false) this.clientPort.start();
  }

  async close(): Promise<void> {
    this.filler.stop();
    this.send.stop();
    this.clientPort.stop();
    this.receive.close();
    this.video.close();
    this.meter.close();
    this.filler.close();
    this.send.close();
    this.client.close();
    this.host.close();
    this.clientPort.close();
    this.hostPort.close();
    await this.events.close();
  }
}

let probe: Probe | undefined;
afterEach(async () => {
  await probe?.close();
  probe = undefined;
});

test("a burst brings the bytes of its rate through, and the meter measures that rate", async () => {
  probe = new Probe();
  const { filler, meter, send, receive, video } = probe;
  const rate = kbps(20_000);
  send.setBitrate(rate);
  expect(filler.begin(rate, millis(500))).toBe(1);
  await until(() => probe?.ended.length === 1, "the end of the burst");
  expect(probe.ended).toEqual([{ number: 1, ending: "done" }]);
  await until(() => receive.counters.get("packets") === send.counters.get("packets"), "packets");
  const made = filler.counters.snapshot();
  expect(made["offered"]).toBe(60);
  expect((made["frames"] as number) + (made["skipped"] as number)).toBe(60);
  expect(made["burst_ns"]).toBe(500_000_000);
  const seen = meter.counters.snapshot() as Record<string, number>;
  expect(seen["frames"]).toBe(made["frames"] as number);
  expect(seen["frame_bytes"]).toBe(made["frame_bytes"] as number);
  const bytes = (seen["frame_bytes"] as number) - (seen["first_bytes"] as number);
  const spanMs = ((seen["last_ns"] as number) - (seen["first_ns"] as number)) / 1e6;
  expect(spanMs).toBeGreaterThan(400);
  if (made["skipped"] === 0) expect((bytes * 8) / spanMs / rate).toBeCloseTo(1, 1);
  expect(seen["jitter_ns"]).toBeGreaterThan(0);
  // Filler is no video, and a lost packet of filler would be none either.
  expect(video.counters.get("packets")).toBe(0);
  expect(video.counters.get("packets_lost")).toBe(0);
  expect(probe.client.counters.get("dropped_body")).toBe(0);
});

test("bursts follow one another in one space of frames", async () => {
  probe = new Probe();
  const { filler, meter, send, receive } = probe;
  for (const number of [1, 2, 3]) {
    meter.begin();
    expect(filler.begin(kbps(5000), millis(100))).toBe(number);
    await until(() => probe?.ended.length === number, "the end of a burst");
    await until(() => receive.counters.get("packets") === send.counters.get("packets"), "packets");
  }
  const made = filler.counters.get("frames");
  expect(filler.counters.get("offered")).toBe(36);
  expect(meter.counters.get("frames")).toBe(made);
  expect(receive.counters.get("frames_lost")).toBe(0);
});

test("a burst is halted, and a new one takes the place of one that runs", async () => {
  probe = new Probe();
  const { filler } = probe;
  filler.begin(kbps(5000), millis(5000));
  await until(() => filler.counters.get("frames") > 0, "the first frame");
  filler.begin(kbps(5000), millis(5000));
  await until(() => filler.counters.get("bursts") === 2, "the second burst");
  filler.halt();
  await until(() => probe?.ended.length === 2, "the end of the bursts");
  expect(probe.ended.map(({ ending }) => ending)).toEqual(["stopped", "stopped"]);
  expect(filler.counters.get("offered")).toBeLessThan(600);
});

test("a burst to a client that is never heard of ends with that word", async () => {
  probe = new Probe({ clientStarts: false });
  probe.filler.begin(kbps(5000), millis(100));
  await until(() => probe?.ended.length === 1, "the end of the burst");
  expect(probe.ended[0]?.ending).toBe("no-path");
  expect(probe.filler.counters.get("offered")).toBe(0);
});

test("a rate whose frames are too large, and a burst of nothing, are refused", () => {
  probe = new Probe();
  const { filler } = probe;
  expect(() => filler.begin(kbps(2_000_000), millis(100))).toThrow("larger than agreed");
  expect(() => filler.begin(kbps(0), millis(100))).toThrow("a rate");
  expect(() => filler.begin(kbps(1000), millis(0))).toThrow("a rate");
});
