import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { millis } from "../base/units.ts";
import { type ClientOptions, runClient } from "../client/client.ts";
import { connectControl } from "../client/control/connect.ts";
import { loadDeviceKey } from "../client/trust/device.ts";
import { lumaPsnr } from "../ffi/decode/quality.ts";
import { PictureTap, type RgbPicture } from "../ffi/decode/tap.ts";
import { testCardPatches } from "../ffi/source/source.ts";
import type { Host, HostOptions } from "../host/host.ts";
import type { HostReport } from "../host/report.ts";
import type { MessageOf } from "../wire/control.ts";
import type { CodecName } from "../wire/media.ts";
import { parseMode } from "../wire/mode.ts";
import { collectingHooks, startTestHost, testClient } from "./loopback.ts";
import { until } from "./processes.ts";

const small = parseMode("640x360@60");

let home: string;
let homeBefore: string | undefined;
let host: Host;
const reports: HostReport[] = [];

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "punktfunk-stream-"));
  homeBefore = process.env["PUNKTFUNK_HOME"];
  process.env["PUNKTFUNK_HOME"] = home;
  host = await startTestHost(reports);
});

afterAll(async () => {
  await host.stop("shutting-down");
  if (homeBefore === undefined) delete process.env["PUNKTFUNK_HOME"];
  else process.env["PUNKTFUNK_HOME"] = homeBefore;
  await rm(home, { recursive: true, force: true });
});

/** Streams with a tap in place of a presenter; `look` sees every picture that it is fast enough for. */
async function watch(
  from: Host,
  options: Partial<ClientOptions>,
  look: (tap: PictureTap) => void = () => {},
) {
  const tap = new PictureTap({ readMarkers: true });
  const { hooks, warnings } = collectingHooks();
  const timer = setInterval(() => look(tap), 4);
  try {
    const result = await runClient(
      testClient(from, { pictureSink: tap.sink(), ...options }),
      hooks,
    );
    clearInterval(timer);
    look(tap);
    if (result.summary === undefined) throw result.error ?? new Error("there was no stream");
    return { ...result, summary: result.summary, warnings, markers: tap.counters.snapshot() };
  } finally {
    clearInterval(timer);
    tap.close();
  }
}

async function withHost<Result>(
  options: Partial<HostOptions>,
  body: (host: Host) => Promise<Result>,
): Promise<Result> {
  const own = await startTestHost([], options);
  try {
    return await body(own);
  } finally {
    await own.stop("shutting-down");
  }
}

describe("a synthetic stream", () => {
  test.each(["h264", "hevc", "av1"] satisfies CodecName[])(
    "in %s arrives whole: what is decoded is what was drawn, in its order",
    async (codec) => {
      const options = { codecs: [codec], mode: small, durationMs: millis(1500) };
      const { summary, error, markers, warnings } = await watch(host, options);
      expect(error).toBeUndefined();
      expect(warnings).toEqual([]);
      expect(summary.codec).toBe(codec);
      expect(summary.frames.lost).toBe(0);
      expect(summary.packets.lost).toBe(0);
      // A software HEVC or AV1 encoder may be slower than the source; then pictures are replaced.
      expect(summary.frames.decoded).toBeGreaterThan(codec === "h264" ? 60 : 10);
      expect(markers["markers"]).toBe(markers["frames"] as number);
      if (codec === "h264") expect(markers["markers_skipped"]).toBeLessThan(3);
      // A source that is held up for four frame times looks still, and its picture is coded again.
      expect(markers["markers_repeated"]).toBeLessThan(3);
    },
  );

  test("measures all that the summary promises, and nothing that was not there", async () => {
    const { summary } = await watch(host, { mode: small, durationMs: millis(1500) });
    expect(summary).toMatchObject({
      type: "summary",
      mode: "640x360@60",
      bitrateKbps: { requested: null, resolved: 20_000 },
      frames: { presented: null },
      latencyUs: { captureToPresented: null },
      stagesUs: { present: null },
      packets: { sendDropped: 0 },
      clock: { skewCorrected: true },
      audio: { received: null, lost: null },
    });
    for (const figure of [
      summary.latencyUs.captureToReassembled,
      summary.latencyUs.captureToDecoded,
    ]) {
      expect(figure?.p50).toBeGreaterThan(0);
      expect(figure?.p95).toBeGreaterThanOrEqual(figure?.p50 as number);
      expect(figure?.p99).toBeGreaterThanOrEqual(figure?.p95 as number);
      expect(figure?.max).toBeGreaterThanOrEqual(figure?.p99 as number);
    }
    for (const stage of ["queue", "encode", "seal", "pace", "network", "decode"] as const) {
      expect(summary.stagesUs[stage]?.p50).toBeNumber();
    }
    // One machine, one clock.
    expect(Math.abs(summary.clock.offsetNs as number)).toBeLessThan(2_000_000);
    expect(summary.clock.rttNs).toBeGreaterThan(0);
    expect(summary.bitrateKbps.received).toBeGreaterThan(500);
    expect(Math.abs(summary.durationMs - 1500)).toBeLessThan(250);
  });

  test.each([
    [100, 500],
    [50_000, 50_000],
    [9_000_000, 2_000_000],
  ])("asked for %p kbps is given %p", async (requested, resolved) => {
    const wish = requested as ClientOptions["bitrateKbps"];
    const options = { mode: small, durationMs: millis(200), bitrateKbps: wish };
    const { summary } = await watch(host, options);
    expect(summary.bitrateKbps).toMatchObject({ requested, resolved });
  });

  test.each([
    ["mkv", "matroska"],
    ["mp4", "mov"],
    ["h264", "h264"],
  ])("recorded as .%s is read back at the mode, and can be decoded", async (ending, format) => {
    const path = join(home, `out.${ending}`);
    const options = { mode: small, record: path, durationMs: millis(1000) };
    const { summary, error } = await watch(host, options);
    expect(error).toBeUndefined();
    const probe =
      await Bun.$`ffprobe -v error -count_frames -show_entries format=format_name:stream=codec_name,width,height,color_space,color_range,nb_read_frames -of json ${path}`
        .quiet()
        .json();
    expect(probe.format.format_name).toContain(format);
    const [stream] = probe.streams;
    expect(stream).toMatchObject({ codec_name: "h264", width: 640, height: 360 });
    expect(stream).toMatchObject({ color_space: "bt709", color_range: "tv" });
    expect(Number(stream.nb_read_frames)).toBeGreaterThan(50);
    expect(Math.abs(Number(stream.nb_read_frames) - summary.frames.received)).toBeLessThan(4);
  });

  test("looks like what was drawn: PSNR of 35 dB and more at 1280x720@60 and 20 Mbps", async () => {
    const psnr: number[] = [];
    let nextAt = 0;
    await watch(host, { durationMs: millis(2500) }, (tap) => {
      // The first pictures share the bits of the keyframe. Comparing one takes a while.
      if (tap.counters.get("frames") < 60 || performance.now() < nextAt) return;
      const picture = tap.take();
      const decibels = picture === undefined ? undefined : lumaPsnr(picture);
      if (decibels !== undefined) psnr.push(decibels);
      nextAt = performance.now() + 200;
    });
    expect(psnr.length).toBeGreaterThan(4);
    expect(Math.min(...psnr)).toBeGreaterThanOrEqual(35);
  });

  test("has the colours of the test card within 3 levels", async () => {
    let card: RgbPicture | undefined;
    await withHost({ pattern: "testCard" }, (from) =>
      watch(from, { durationMs: millis(800) }, (tap) => {
        if (tap.counters.get("frames") > 30) card ??= tap.takeRgb();
      }),
    );
    expect(card).toBeDefined();
    for (const patch of testCardPatches(1280, 720)) {
      const seen = colourAt(card as RgbPicture, patch);
      const errors = patch.rgb.map((level, i) => Math.abs(level - (seen[i] as number)));
      expect({ patch, seen, close: Math.max(...errors) <= 3 }).toMatchObject({ close: true });
    }
  });

  test("of a still picture gets sharp, then says nothing but which frame is the newest", async () => {
    const { hooks } = collectingHooks();
    const gone = Promise.withResolvers<void>();
    const end = new AbortController();
    await withHost({ pattern: "still" }, async (from) => {
      const client = runClient(testClient(from, { mode: small, durationMs: undefined }), {
        ...hooks,
        interrupted: end.signal,
        started: (session) => {
          void (async () => {
            const { receive } = session.pipeline;
            let frames = -1;
            while (receive.counters.get("frames_delivered") !== frames || frames < 2) {
              frames = receive.counters.get("frames_delivered");
              await Bun.sleep(400);
            }
            const before = receive.counters.snapshot();
            await Bun.sleep(1500);
            const after = receive.counters.snapshot();
            expect(after["packets"]).toBe(before["packets"] as number);
            expect((after["tips"] as number) - (before["tips"] as number)).toBeWithin(30, 42);
          })().then(gone.resolve, gone.reject);
        },
      });
      await gone.promise.finally(() => end.abort());
      await client;
    });
  });
});

/** Mean colour of the middle of a patch; its edges are chroma's. */
function colourAt(
  picture: RgbPicture,
  patch: { x: number; y: number; width: number; height: number },
): number[] {
  const sums = [0, 0, 0];
  let count = 0;
  for (let y = Math.ceil(patch.y + patch.height / 4); y < patch.y + (3 * patch.height) / 4; y++) {
    for (let x = Math.ceil(patch.x + patch.width / 4); x < patch.x + (3 * patch.width) / 4; x++) {
      for (const i of [0, 1, 2]) {
        (sums[i] as number) += picture.data[3 * (y * picture.width + x) + i] as number;
      }
      count++;
    }
  }
  return sums.map((sum) => sum / count);
}

describe("a host refuses, and says why", () => {
  /** What a host answers to a hello. */
  async function answerTo(wish: Partial<MessageOf<"hello">>): Promise<MessageOf<"refuse">> {
    const verify = async () => {};
    const connection = await connectControl({ host: "127.0.0.1", port: host.port, verify });
    const device = await loadDeviceKey();
    connection.send({
      type: "hello",
      version: 1,
      name: "test",
      device: device.prove(connection.exporter),
      mode: small,
      codecs: ["h264"],
      bitrateKbps: null,
      fecPermille: null,
      features: [],
      purpose: null,
      compositor: null,
      waits: null,
      keyboardLayout: null,
      audio: null,
      microphone: null,
      ...wish,
    });
    const answer = await connection.receive(["refuse"], 2000);
    await connection.closed;
    return answer;
  }

  test("a client of another version of the protocol", async () => {
    const { reason, message } = await answerTo({ version: 99 });
    expect(reason).toBe("version");
    expect(message).toContain("version 99");
    const refused = reports.findLast(({ type }) => type === "refused");
    expect(refused).toMatchObject({ reason: "PF_PROTOCOL_VERSION", address: "127.0.0.1" });
  });

  test("a client that can't prove its device", async () => {
    const { publicKey } = await loadDeviceKey();
    const wish = { device: { publicKey, signature: new Uint8Array(64) } };
    expect((await answerTo(wish)).reason).toBe("device-signature");
  });

  test("a client that knows no codec of the host's", async () => {
    expect((await answerTo({ codecs: [] })).reason).toBe("codec");
  });

  test("one client more than it serves, and takes the next when one has left", async () => {
    await withHost({ sessionsMax: 1 }, async (busy) => {
      const end = new AbortController();
      const { hooks } = collectingHooks({ interrupted: end.signal });
      const started = Promise.withResolvers<void>();
      const first = runClient(testClient(busy, { mode: small, durationMs: undefined }), {
        ...hooks,
        started: () => started.resolve(),
      });
      await started.promise;
      const { hooks: others } = collectingHooks();
      const options = testClient(busy, { mode: small, durationMs: millis(200) });
      const second = await runClient(options, others);
      expect(second.error?.code).toBe("PF_HOST_BUSY");
      end.abort();
      await first;
      let third = await runClient(options, others);
      // The host takes a moment to close what the first one had.
      await until(async () => {
        if (third.error?.code === "PF_HOST_BUSY") third = await runClient(options, others);
        return third.error === undefined;
      }, "a free place");
      expect(third.summary?.frames.received).toBeGreaterThan(0);
    });
  });
});
