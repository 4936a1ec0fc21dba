import { afterEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { getPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { PfError } from "../../base/errors.ts";
import { kbps, milliHz } from "../../base/units.ts";
import { nowNs } from "../core/core.ts";
import { lumaPsnr } from "../decode/quality.ts";
import type { TappedPicture } from "../decode/tap.ts";
import { noSink } from "../library.ts";
import type { RecordFormat } from "../record/record.ts";
import { SyntheticSource, testCardPatches } from "../source/source.ts";
import { benchEncode } from "./bench.ts";
import { EncodeStage } from "./encode.ts";
import { RoundTrip, type RoundTripOptions, softwareEncoders, until } from "./roundtrip.testing.ts";

const open: RoundTrip[] = [];
function roundTrip(options: RoundTripOptions): RoundTrip {
  const trip = new RoundTrip(options);
  open.push(trip);
  return trip;
}
afterEach(async () => {
  for (const trip of open.splice(0)) await trip.close();
});

/** Of each thread of this process whose name fits: 20 steps up from -20. */
function nicenessOf(name: RegExp): number[] {
  const threads = readdirSync("/proc/self/task").map((id) =>
    readFileSync(`/proc/self/task/${id}/stat`, "utf8"),
  );
  const fits = threads.filter((stat) => name.test(stat.slice(stat.indexOf("("))));
  // The 19th field of proc(5).
  return fits.map((stat) => Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19 - 3]));
}

test.skipIf(process.getuid?.() !== 0)(
  "coding has priority over what waits for nothing",
  async () => {
    const before = nicenessOf(/^\(/);
    const trip = roundTrip({ ...small, encoder: "libx264", codec: "h264" });
    await until(() => trip.decode.counters.get("frames_out") > 0, "a picture");
    const own = getPriority();
    expect(nicenessOf(/^\(pf-(encode|decode)\)/)).toEqual([own - 10, own - 10]);
    // x264's own threads are eager too; this one, and who starts from it, are not.
    expect(nicenessOf(/^\(/).filter((one) => one === own - 10).length).toBeGreaterThan(2);
    expect(nicenessOf(/^\(/).filter((one) => one === own).length).toBeGreaterThanOrEqual(
      before.length,
    );
  },
);

const small = { width: 256, height: 192, refreshHz: 60, bitrateKbps: 3000 };

for (const [encoder, codec] of softwareEncoders) {
  describe(`${encoder}`, () => {
    const options = { encoder, codec, ...small };

    test("gives a unit for each picture before the next one comes", async () => {
      const trip = roundTrip({ ...options, frameLimit: 12 });
      await trip.drained();
      const last = await trip.picture();
      expect(last.marker?.frame).toBe(11);
      expect(trip.encode.counters.get("keyframes")).toBe(1);
      expect(trip.tap.counters.get("markers_unreadable")).toBe(0);
      expect(trip.decode.counters.get("failures")).toBe(0);
    });

    test("makes a keyframe of a still picture within a frame time", async () => {
      const trip = roundTrip({ ...options, refreshHz: 20, pattern: "still" });
      await trip.drained();
      const { counters } = trip.encode;
      await Bun.sleep(60);
      expect(counters.snapshot()).toMatchObject({ frames_out: 1, keyframes: 1, repeats: 0 });
      const asked = performance.now();
      trip.encode.requestKeyframe();
      await until(() => counters.get("frames_out") === 2, "the keyframe");
      const encodeMs = (counters.histogram("encode_us").maxUs as number) / 1000;
      expect(performance.now() - asked).toBeLessThan(50 + encodeMs);
      expect(counters.snapshot()).toMatchObject({ keyframes: 2, repeats: 1 });
    });

    test("makes keyframes of moving pictures when asked", async () => {
      const trip = roundTrip({ ...options, frameLimit: 24 });
      await until(() => trip.encode.counters.get("frames_out") >= 4, "some pictures");
      trip.encode.requestKeyframe();
      await trip.drained();
      expect(trip.encode.counters.get("keyframes")).toBe(2);
    });

    test("shows the test card's colours within 3 levels", async () => {
      const trip = roundTrip({ ...options, pattern: "testCard", frameLimit: 6, bitrateKbps: 8000 });
      await trip.drained();
      const picture = trip.tap.takeRgb();
      for (const patch of testCardPatches(small.width, small.height)) {
        const x = patch.x + patch.width / 2;
        const y = patch.y + patch.height / 2;
        const at = 3 * (Math.floor(y) * small.width + Math.floor(x));
        const shown = [...(picture?.data.subarray(at, at + 3) ?? [])];
        const errors = patch.rgb.map((level, i) => Math.abs(level - (shown[i] as number)));
        expect(Math.max(...errors), `${patch.rgb} shown as ${shown}`).toBeLessThanOrEqual(3);
      }
    });

    test("repeats the parameter sets in every keyframe and ends none with another frame", async () => {
      const folder = mkdtempSync(join(tmpdir(), "punktfunk-test-"));
      try {
        const format = ({ h264: "h264", hevc: "hevc", av1: "obu" } as const)[codec];
        const path = join(folder, "stream");
        const record = { path, format: format as RecordFormat };
        const trip = roundTrip({ ...options, pattern: "still", record });
        for (const keyframes of [2, 3]) {
          await until(() => trip.encode.counters.get("frames_out") === keyframes - 1, "a unit");
          trip.encode.requestKeyframe();
          await until(() => trip.encode.counters.get("keyframes") === keyframes, "a keyframe");
        }
        trip.encode.stop();
        trip.record?.stop();
        expect(parameterSets(readFileSync(path), codec)).toEqual({ sets: 3, keyframes: 3 });
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  });
}

/** How often the last parameter set and a keyframe begin in a bare stream. */
function parameterSets(stream: Uint8Array, codec: string): { sets: number; keyframes: number } {
  const types = codec === "av1" ? [...obuTypes(stream)] : [...nalTypes(stream, codec)];
  const isSet = { h264: 8, hevc: 34, av1: 1 }[codec] as number;
  const sets = types.filter((type) => type === isSet).length;
  if (codec === "av1") return { sets, keyframes: types.filter((type) => type === 2).length };
  const keyTypes = codec === "h264" ? [5] : [19, 20];
  const firstSlices = types.filter(
    (type, i) => keyTypes.includes(type) && !keyTypes.includes(types[i - 1] as number),
  );
  return { sets, keyframes: firstSlices.length };
}

function* nalTypes(stream: Uint8Array, codec: string): Generator<number> {
  for (let i = 0; i + 3 < stream.length; i++) {
    if (stream[i] !== 0 || stream[i + 1] !== 0 || stream[i + 2] !== 1) continue;
    const header = stream[i + 3] as number;
    yield codec === "h264" ? header & 31 : (header >> 1) & 63;
  }
}

/** Types of the OBUs of a low-overhead stream: 1 sequence header, 2 temporal delimiter. */
function* obuTypes(stream: Uint8Array): Generator<number> {
  for (let at = 0; at < stream.length; ) {
    const header = stream[at] as number;
    yield (header >> 3) & 15;
    at += (header & 4) !== 0 ? 2 : 1;
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = stream[at++] as number;
      size |= (byte & 127) << shift;
      if ((byte & 128) === 0) break;
    }
    at += size;
  }
}

test("the bench tells the rate and the times of an encoder", async () => {
  const mode = { width: 128, height: 96, refreshMilliHz: milliHz(120_000) };
  const coder = { encoder: "libx264", codec: "h264", bitrateKbps: kbps(2000) } as const;
  const result = await benchEncode({ ...coder, ...mode, milliseconds: 300 });
  expect(result.name).toBe("encode libx264 128x96@120 2000k");
  expect(result.fps).toBeGreaterThan(20);
  expect(result.fpsPossible).toBeGreaterThan(result.fps);
  expect(result.encodeUs?.max).toBeGreaterThanOrEqual(result.encodeUs?.p50 as number);
});

test("x264 keeps 35 dB at 720p60 and 20 Mbps", async () => {
  const mode = { width: 1280, height: 720, refreshHz: 60, bitrateKbps: 20_000 };
  const trip = roundTrip({ encoder: "libx264", codec: "h264", ...mode, frameLimit: 42 });
  const settled = 12; // the pictures that follow the first keyframe share its rate buffer
  const levels: number[] = [];
  await until(() => {
    const picture = trip.tap.take();
    if ((picture?.marker?.frame ?? 0) >= settled)
      levels.push(lumaPsnr(picture as TappedPicture) ?? 0);
    return trip.events.take().some((event) => event.kind === "ended");
  }, "the end");
  expect(levels.length).toBeGreaterThan(2);
  expect(trip.tap.counters.get("markers_unreadable")).toBe(0);
  expect(Math.min(...levels)).toBeGreaterThan(35);
});

test("x264 holds a constant bit rate over moving pictures, and the next one when it changes", async () => {
  const mode = { width: 640, height: 360, refreshHz: 60, bitrateKbps: 6000 };
  const trip = roundTrip({ encoder: "libx264", codec: "h264", ...mode });
  const { counters } = trip.encode;
  const framesFrom = async (settle: number, count: number) => {
    const begin = counters.get("frames_out") + settle;
    await until(() => counters.get("frames_out") >= begin, "pictures");
    const before = counters.snapshot();
    await until(() => counters.get("frames_out") >= begin + count, "pictures");
    const after = counters.snapshot();
    const bytes = (after["bytes_out"] as number) - (before["bytes_out"] as number);
    const frames = (after["frames_out"] as number) - (before["frames_out"] as number);
    return (bytes * 8 * 60) / frames / 1000;
  };
  const first = await framesFrom(60, 60);
  expect(first).toBeGreaterThan(5400);
  expect(first).toBeLessThan(6600);
  trip.setBitrate(3000);
  const second = await framesFrom(60, 60);
  expect(second).toBeGreaterThan(2700);
  expect(second).toBeLessThan(3300);
  expect(counters.get("keyframes")).toBe(1);
});

test("an encoder that can't change its bit rate restarts with a keyframe", async () => {
  const trip = roundTrip({ encoder: "libx265", codec: "hevc", ...small, frameLimit: 30 });
  await until(() => trip.encode.counters.get("frames_out") >= 4, "some pictures");
  trip.setBitrate(1000);
  await trip.drained();
  expect(trip.encode.counters.get("keyframes")).toBe(2);
  expect(trip.decode.counters.get("failures")).toBe(0);
});

test("a still picture is made sharp and then costs nothing", async () => {
  const still = { ...small, bitrateKbps: 500, pattern: "still", settleCount: 60 } as const;
  const trip = roundTrip({ encoder: "libx264", codec: "h264", ...still });
  const coarse = lumaPsnr(await trip.picture()) as number;
  const { counters } = trip.encode;
  let units = 0;
  while (counters.get("frames_out") > units) {
    units = counters.get("frames_out");
    await Bun.sleep(100); // six frame times without a unit: it has settled
  }
  expect(counters.get("repeats")).toBe(units - 1);
  expect(units).toBeLessThan(60);
  await until(() => trip.decode.counters.get("frames_out") === units, "the last picture");
  expect(lumaPsnr(await trip.picture())).toBeGreaterThan(coarse + 10);
});

test("a repeated picture has the time of the repeat", async () => {
  const trip = roundTrip({ encoder: "libx264", codec: "h264", ...small, pattern: "still" });
  const first = await trip.picture();
  await Bun.sleep(30);
  trip.encode.requestKeyframe();
  const second = await trip.picture();
  expect(second.captureNs - first.captureNs).toBeGreaterThan(29_000_000n);
  expect(second.marker).toEqual(first.marker as NonNullable<typeof first.marker>);
});

test("a pause gives nothing, and ends with the newest picture as a keyframe", async () => {
  const trip = roundTrip({ encoder: "libx264", codec: "h264", ...small });
  const { counters } = trip.encode;
  await until(() => counters.get("frames_out") >= 4, "some pictures");
  trip.encode.setPaused(true);
  // One may be on its way to the sender.
  const [out, seen] = [counters.get("frames_out"), counters.get("frames_in")];
  await until(() => counters.get("frames_in") > seen + 12, "pictures to hold");
  expect(counters.get("frames_out")).toBeLessThanOrEqual(out + 1);
  const before = await trip.picture();
  const keyframes = counters.get("keyframes");
  const resumedNs = nowNs();
  trip.encode.requestKeyframe();
  trip.encode.setPaused(false);
  await until(() => counters.get("keyframes") === keyframes + 1, "the keyframe");
  const shown = trip.tap.counters.get("frames");
  await until(() => trip.tap.counters.get("frames") > shown + 3, "pictures after it");
  const after = await trip.picture();
  expect(after.marker?.frame as number).toBeGreaterThan((before.marker?.frame as number) + 10);
  expect(after.captureNs).toBeGreaterThanOrEqual(resumedNs);
  expect(trip.decode.counters.get("failures")).toBe(0);
});

test("a picture of another size ends the stage with a sentence", async () => {
  const trip = roundTrip({ encoder: "libx264", codec: "h264", ...small, pattern: "still" });
  const mode = { width: 128, height: 128, refreshMilliHz: milliHz(60_000) };
  const stranger = new SyntheticSource({ sink: trip.encode.sink(), ...mode, pattern: "still" });
  stranger.start();
  const failed = await trip.event("failed", 2);
  expect(failed.text).toBe("a picture is not 256x192 any more");
  stranger.close();
});

describe("an encoder that can't be used says why", () => {
  const base = { sink: noSink, ...small, refreshMilliHz: milliHz(60_000), bitrateKbps: kbps(3000) };
  const reasons = [
    ["h264_warp", "h264", "PF_ENCODER_MISSING", 'punktfunk knows no encoder "h264_warp"'],
    ["libx264", "av1", "PF_ENCODER_FAILED", "libx264 makes another codec"],
    ["h264_nvenc", "h264", undefined, /libcuda|libnvidia-encode|CUDA|device|driver/i],
    ["hevc_vaapi", "hevc", undefined, /vaapi device/],
    ["libsvtav1", "av1", undefined, /it holds pictures back instead of coding them at once/],
  ] as const;
  for (const [encoder, codec, code, sentence] of reasons) {
    test(`${encoder} for ${codec}`, () => {
      try {
        new EncodeStage({ ...base, encoder, codec }).close();
        expect(code).toBeUndefined(); // this machine has the hardware, or a newer SVT-AV1
      } catch (error) {
        expect(error).toBeInstanceOf(PfError);
        if (code !== undefined) expect((error as PfError).code).toBe(code);
        expect((error as PfError).message).toMatch(sentence);
      }
    });
  }

  test("and leaves this thread, and what it starts, an ordinary priority", () => {
    const stat = readFileSync("/proc/thread-self/stat", "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // The policy, the 41st field of proc(5).
    expect(fields[41 - 3]).toBe("0");
  });

  test("numbers outside their range", () => {
    const make = (change: object) => () =>
      new EncodeStage({ ...base, encoder: "libx264", codec: "h264", ...change });
    expect(make({ width: 255 })).toThrow("255x192 is not a mode");
    expect(make({ bitrateKbps: 1 })).toThrow("1 kbps is not a bit rate");
    expect(make({ refreshMilliHz: 0 })).toThrow("0 mHz is not a refresh rate");
  });
});
