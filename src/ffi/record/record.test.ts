import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PfError } from "../../base/errors.ts";
import { milliHz } from "../../base/units.ts";
import type { CodecName } from "../../wire/media.ts";
import {
  RoundTrip,
  type RoundTripOptions,
  softwareEncoders,
  stageNumber,
  until,
} from "../encode/roundtrip.testing.ts";
import { type RecordFormat, RecordStage, recordFormatFor } from "./record.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "punktfunk-test-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const small = { width: 256, height: 192, refreshHz: 60, bitrateKbps: 3000 };

function options(encoder: string, codec: CodecName, path: string): RoundTripOptions {
  const record = { path, format: recordFormatFor(path, codec) };
  return { encoder, codec, ...small, record };
}

interface Probed {
  readonly streams: readonly Record<string, string | number>[];
  readonly packets: readonly { readonly pts_time?: string; readonly flags: string }[];
}

async function probe(path: string): Promise<Probed> {
  const command = ["ffprobe", "-v", "error", "-show_streams", "-show_packets", "-of", "json", path];
  const run = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
  const [out, words] = await Promise.all([run.stdout.text(), run.stderr.text()]);
  expect(words).toBe("");
  return JSON.parse(out) as Probed;
}

/** Frames that really decode. */
async function decodes(path: string): Promise<number> {
  const run = await Bun.$`ffmpeg -v error -xerror -i ${path} -f framecrc -`.quiet();
  expect(run.stderr.toString()).toBe("");
  return run.stdout
    .toString()
    .split("\n")
    .filter((line) => /^\d/.test(line)).length;
}

const containers = softwareEncoders.flatMap(([encoder, codec]) => [
  [encoder, codec, ".mkv"] as const,
  [encoder, codec, ".mp4"] as const,
  [encoder, codec, { h264: ".h264", hevc: ".h265", av1: ".obu" }[codec]] as const,
]);

for (const [encoder, codec, extension] of containers) {
  test(`${codec} in ${extension} holds every unit, in time and with its colour`, async () => {
    const path = join(folder, `stream${extension}`);
    const trip = new RoundTrip({ ...options(encoder, codec, path), frameLimit: 20 });
    await trip.drained();
    await trip.close();
    const units = trip.record?.counters.get("units_written") as number;
    const { streams, packets } = await probe(path);
    expect(packets).toHaveLength(units);
    expect(streams[0]).toMatchObject({
      codec_name: codec,
      width: 256,
      height: 192,
      color_range: "tv",
      color_space: "bt709",
      color_primaries: "bt709",
      color_transfer: "bt709",
    });
    expect(packets[0]?.flags).toStartWith("K");
    if (extension === ".mkv" || extension === ".mp4") {
      const times = packets.map((packet) => Number(packet.pts_time));
      expect(times[0]).toBe(0);
      expect(times.at(-1)).toBeCloseTo(19 / 60, 1);
    }
    expect(await decodes(path)).toBe(units);
  });
}

for (const extension of [".mkv", ".mp4"]) {
  test(`a killed program leaves a ${extension} that plays up to its last second`, async () => {
    const path = join(folder, `killed${extension}`);
    const child = Bun.spawn(
      [process.execPath, join(import.meta.dir, "recorder.testing.ts"), path],
      {
        stdout: "pipe",
        stderr: "inherit",
      },
    );
    const reader = child.stdout.getReader();
    await reader.read(); // it says a word when two seconds are coded
    child.kill("SIGKILL");
    await child.exited;
    const { packets } = await probe(path);
    expect(packets.length).toBeGreaterThan(60);
    expect(await decodes(path)).toBe(packets.length);
  });
}

test("a still desktop is on the disk although nothing follows", async () => {
  const path = join(folder, "still.mp4");
  const trip = new RoundTrip({ ...options("libx264", "h264", path), pattern: "still" });
  await trip.drained();
  await until(() => statSync(path).size > 2000, "the fragment");
  expect(await decodes(path)).toBe(1);
  await trip.close();
});

test("a path that can't be written is refused with a sentence", () => {
  const mode = { width: 64, height: 64, refreshMilliHz: milliHz(60_000), codec: "h264" } as const;
  const make = (path: string, format: string) => () =>
    new RecordStage({ path, format: format as RecordFormat, ...mode });
  expect(make(join(folder, "no", "such.mkv"), "matroska")).toThrow("No such file or directory");
  expect(make(folder, "matroska")).toThrow("Is a directory");
  expect(make(join(folder, "a.xyz"), "xyz")).toThrow("this libavformat can't write xyz");
});

test("a full disk ends the recording with a sentence, and the stream goes on", async () => {
  for (const format of ["matroska", "mp4", "h264"] as const) {
    const record = { path: "/dev/full", format };
    const trip = new RoundTrip({ encoder: "libx264", codec: "h264", ...small, record });
    const failed = await trip.event("failed", stageNumber.record);
    expect(failed.text).toContain("No space left on device");
    const before = trip.decode.counters.get("frames_out");
    await until(() => trip.decode.counters.get("frames_out") > before + 5, "the stream to go on");
    expect(trip.record?.counters.get("failures")).toBe(1);
    await trip.close();
  }
});

test("the name chooses the format, and a wrong one is a usage error", () => {
  expect(recordFormatFor("/tmp/a.MKV", "av1")).toBe("matroska");
  expect(recordFormatFor("a.mp4", "hevc")).toBe("mp4");
  expect(recordFormatFor("a.264", "h264")).toBe("h264");
  for (const [path, codec] of [["a.avi", "h264"] as const, ["a.h264", "hevc"] as const]) {
    try {
      recordFormatFor(path, codec);
      throw new Error("it was accepted");
    } catch (error) {
      expect((error as PfError).code).toBe("PF_USAGE");
    }
  }
});
