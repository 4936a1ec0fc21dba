import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PfError } from "../../base/errors.ts";
import { kbps, milliHz } from "../../base/units.ts";
import { nativeProgram } from "../build.ts";
import { EventQueue } from "../core/core.ts";
import { EncodeStage } from "../encode/encode.ts";
import { RoundTrip, type RoundTripOptions, until } from "../encode/roundtrip.testing.ts";
import { renderSynthetic, SyntheticSource } from "../source/source.ts";
import { DecodeStage } from "./decode.ts";
import { encodePng } from "./png.ts";
import { lumaPsnr } from "./quality.ts";
import { PictureTap } from "./tap.ts";

const open: RoundTrip[] = [];
function roundTrip(options: Partial<RoundTripOptions> = {}): RoundTrip {
  const small = { width: 256, height: 192, refreshHz: 60, bitrateKbps: 3000 };
  const trip = new RoundTrip({ encoder: "libx264", codec: "h264", ...small, ...options });
  open.push(trip);
  return trip;
}
afterEach(async () => {
  for (const trip of open.splice(0)) await trip.close();
});

test("the first picture is announced with its size and the decoder's name", async () => {
  const trip = roundTrip({ frameLimit: 2 });
  const format = await trip.event("format");
  expect([format.a, format.b, format.text]).toEqual([256, 192, "h264"]);
  await trip.event("first_frame");
  await trip.drained();
  expect(trip.seen.filter((event) => event.kind === "format")).toHaveLength(1);
});

test("AV1 is decoded by dav1d where it is there", () => {
  const stage = new DecodeStage({ codec: "av1", width: 64, height: 64 });
  expect(stage.decoder).toBe("libdav1d");
  stage.close();
});

test("the tap counts markers and the time that they took", async () => {
  const trip = roundTrip({ frameLimit: 10 });
  await trip.drained();
  const counts = trip.tap.counters.snapshot();
  expect(counts["markers"]).toBe(counts["frames"] as number);
  expect(counts["markers_repeated"]).toBe(0);
  expect(trip.tap.counters.histogram("marker_to_tap_us").count).toBe(counts["frames"] as number);
  expect(trip.decode.counters.histogram("capture_to_decoded_us").count).toBeGreaterThan(0);
  expect(trip.decode.counters.histogram("decode_us").count).toBe(counts["frames"] as number);
});

test("a picture larger than negotiated ends the decoder with a sentence", async () => {
  const events = new EventQueue();
  const size = { width: 256, height: 190, codec: "h264", events, stage: 7 } as const;
  const strict = new DecodeStage(size);
  const mode = { width: 256, height: 192, refreshMilliHz: milliHz(60_000) };
  const coder = { encoder: "libx264", codec: "h264", bitrateKbps: kbps(3000) } as const;
  const encode = new EncodeStage({ sink: strict.sink(), ...coder, ...mode });
  const source = new SyntheticSource({ sink: encode.sink(), ...mode, pattern: "still" });
  for (const stage of [strict, encode, source]) stage.start();
  let text: string | undefined;
  await until(() => {
    text = events.take().find((event) => event.kind === "failed")?.text;
    return text !== undefined;
  }, "the refusal");
  expect(text).toBe("a picture of 256x192 exceeds the negotiated 256x190");
  expect(strict.counters.snapshot()).toMatchObject({ frames_out: 0, failures: 1 });
  for (const stage of [source, encode, strict]) stage.stop();
  for (const stage of [strict, encode, source]) stage.close();
  await events.close();
});

test("hardware that is not there is missing, with its name", () => {
  const make = (hardware: string) => () =>
    new DecodeStage({ codec: "h264", width: 64, height: 64, hardware }).close();
  expect(make("warp")).toThrow("libavcodec knows no hardware called warp");
  try {
    make("vaapi")();
  } catch (error) {
    expect((error as PfError).code).toBe("PF_DECODER_MISSING");
    expect((error as PfError).message).toContain("no vaapi device can be opened");
  }
});

test("sizes and queues out of range are refused", () => {
  const base = { codec: "h264", width: 64, height: 64 } as const;
  expect(() => new DecodeStage({ ...base, width: 0 })).toThrow("0x64 is not a mode");
  expect(() => new DecodeStage({ ...base, queueCount: 1 })).toThrow("a queue of 1");
});

test("a tap gives each picture once, exactly as it was pushed", async () => {
  const tap = new PictureTap({ readMarkers: true });
  const mode = { width: 66, height: 64, pattern: "still" } as const;
  const source = new SyntheticSource({
    sink: tap.sink(),
    ...mode,
    refreshMilliHz: milliHz(60_000),
  });
  expect(tap.take()).toBeUndefined();
  source.start();
  await until(() => tap.counters.get("frames") === 1, "the picture");
  const picture = tap.take();
  expect(picture?.format).toBe("bgrx");
  expect(tap.take()).toBeUndefined();
  expect(tap.takeRgb()).toBeUndefined();
  const captureNs = picture?.marker?.captureNs as bigint;
  const drawn = renderSynthetic({ number: 0, captureNs, ...mode });
  expect(Buffer.compare(picture?.planes[0] as Uint8Array, drawn)).toBe(0);
  tap.close();
  source.close();
  expect(() => tap.take()).toThrow("The tap is closed.");
});

test("a screenshot is a PNG that others read", async () => {
  const trip = roundTrip({ pattern: "testCard", frameLimit: 4 });
  await trip.drained();
  const rgb = trip.tap.takeRgb();
  if (rgb === undefined) throw new Error("there is no picture");
  const folder = mkdtempSync(join(tmpdir(), "punktfunk-test-"));
  try {
    const path = join(folder, "shot.png");
    writeFileSync(path, encodePng(rgb));
    const raw = await Bun.$`ffmpeg -v error -i ${path} -f rawvideo -pix_fmt rgb24 -`.quiet();
    expect(Buffer.compare(raw.stdout, rgb.data)).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("quality is measured against what was drawn", async () => {
  const trip = roundTrip({ frameLimit: 6, bitrateKbps: 8000 });
  await trip.drained();
  const picture = await trip.picture();
  expect(lumaPsnr(picture)).toBeGreaterThan(35);
  const luma = Uint8Array.from(picture.planes[0] as Uint8Array, (value) => value ^ 1);
  const shifted = { ...picture, planes: [luma] };
  expect(lumaPsnr(shifted)).not.toBe(lumaPsnr(picture) as number);
  const { marker, ...unmarked } = picture;
  expect(lumaPsnr(unmarked)).toBeUndefined();
});

const testPrograms = ["source_test", "convert_test", "encode_test", "decode_test"];

test("the C of source, encoder and decoder holds under the sanitizers, damaged streams too", async () => {
  for (const name of testPrograms) {
    const run = await Bun.$`${nativeProgram("sanitize", `test/${name}`)}`.quiet().nothrow();
    expect(run.exitCode, `${name}: ${run.stderr}`).toBe(0);
  }
}, 120_000);
