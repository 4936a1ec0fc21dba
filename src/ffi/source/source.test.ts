import { expect, test } from "bun:test";
import { PfError } from "../../base/errors.ts";
import { milliHz } from "../../base/units.ts";
import { EventQueue, nowNs } from "../core/core.ts";
import { PictureTap } from "../decode/tap.ts";
import { until } from "../encode/roundtrip.testing.ts";
import { noSink } from "../library.ts";
import { readMarker, renderSynthetic, SyntheticSource, testCardPatches } from "./source.ts";

const modes = [
  [64, 64],
  [64, 2160],
  [66, 100],
  [1280, 720],
  [1366, 768],
  [3840, 64],
] as const;

/** The green of a BGRx picture: black and white are the same in it as in luma. */
function green(bgrx: Uint8Array): Uint8Array {
  return Uint8Array.from({ length: bgrx.length / 4 }, (_, i) => bgrx[4 * i + 1] as number);
}

test("the marker of every pattern reads back at every mode", () => {
  for (const [width, height] of modes) {
    for (const pattern of ["moving", "testCard", "still"] as const) {
      const number = 0xdead_beefn;
      const captureNs = 0x0123_4567_89ab_cdefn;
      const pixels = renderSynthetic({ number, captureNs, pattern, width, height });
      const luma = { data: green(pixels), stride: width, width, height };
      expect(readMarker(luma)).toEqual({ frame: 0xad_beef, mark: 0, captureNs });
    }
  }
});

test("the marker survives blur, noise and low contrast, and is refused when a cell flips", () => {
  const [width, height] = [320, 200];
  const captureNs = 987_654_321n;
  const data = green(renderSynthetic({ number: 7, captureNs, width, height }));
  const worn = data.map((value, i) => 60 + value * 0.4 + (((i * 2654435761) >>> 16) % 31));
  expect(readMarker({ data: worn, stride: width, width, height })?.frame).toBe(7);
  const side = 12;
  const flipped = data.slice();
  for (let y = 2 * side; y < 3 * side; y++) {
    for (let x = 5 * side; x < 6 * side; x++) {
      flipped[y * width + x] = 255 - (flipped[y * width + x] as number);
    }
  }
  expect(readMarker({ data: flipped, stride: width, width, height })).toBeUndefined();
  expect(readMarker({ data: data.fill(90), stride: width, width, height })).toBeUndefined();
});

test("a plane that is shorter than it says is refused", () => {
  const luma = { data: new Uint8Array(64 * 63), stride: 64, width: 64, height: 64 };
  expect(() => readMarker(luma)).toThrow(PfError);
});

test("a picture depends on its number and nothing else", () => {
  const mode = { width: 320, height: 240 };
  const first = renderSynthetic({ number: 41, ...mode });
  expect(renderSynthetic({ number: 41, ...mode })).toEqual(first);
  expect(renderSynthetic({ number: 42, ...mode })).not.toEqual(first);
});

test("the test card's patches have their colours from edge to edge", () => {
  for (const [width, height] of modes) {
    const pixels = renderSynthetic({ number: 0, pattern: "testCard", width, height });
    const patches = testCardPatches(width, height);
    expect(patches).toHaveLength(12);
    for (const { x, y, width: across, height: down, rgb } of patches) {
      for (const [px, py] of [[x, y] as const, [x + across - 1, y + down - 1] as const]) {
        const at = 4 * (py * width + px);
        expect([pixels[at + 2], pixels[at + 1], pixels[at]]).toEqual([...rgb]);
      }
    }
  }
});

test("pictures come at the exact rate, each with its number and time", async () => {
  const events = new EventQueue();
  const tap = new PictureTap({ readMarkers: true });
  tap.setClockOffset(0n);
  const source = new SyntheticSource({
    sink: tap.sink(),
    width: 128,
    height: 128,
    refreshMilliHz: milliHz(239_760),
    frameLimit: 60,
    events,
    stage: 9,
  });
  const begin = performance.now();
  source.start();
  await until(() => events.take().some((event) => event.kind === "ended"), "the end");
  const tookMs = performance.now() - begin;
  const drawn = source.counters.get("frames");
  expect(drawn + source.counters.get("frames_dropped")).toBe(60);
  expect(tap.counters.get("markers")).toBe(drawn);
  expect(tap.counters.get("markers_repeated")).toBe(0);
  expect(tookMs).toBeGreaterThan((59 * 1000) / 239.76);
  expect(tookMs).toBeLessThan((60 * 1000) / 239.76 + 150);
  const last = tap.take();
  expect(last?.marker?.captureNs).toBe(last?.captureNs as bigint);
  tap.close();
  source.close();
  await events.close();
});

test("the marker shows what the source was told, and the tap when that came first", async () => {
  const tap = new PictureTap({ readMarkers: true });
  const source = new SyntheticSource({
    sink: tap.sink(),
    width: 128,
    height: 128,
    refreshMilliHz: milliHz(200_000),
  });
  source.start();
  for (const mark of [1, 200, 255, 0]) {
    const toldNs = nowNs();
    source.setMark(mark);
    await until(() => tap.counters.get("mark") === mark, "the mark");
    const afterMs = (tap.counters.get("mark_ns") - Number(toldNs)) / 1e6;
    expect(afterMs).toBeWithin(0, 100);
  }
  source.stop();
  expect(tap.take()?.marker?.mark).toBe(0);
  expect(tap.counters.get("markers_skipped")).toBe(0);
  tap.close();
  source.close();
});

test("a still is pushed once", async () => {
  const events = new EventQueue();
  const tap = new PictureTap();
  const refreshMilliHz = milliHz(1_000_000);
  const mode = { width: 64, height: 64, refreshMilliHz, pattern: "still" } as const;
  const source = new SyntheticSource({ sink: tap.sink(), ...mode, events });
  source.start();
  await until(() => events.take().some((event) => event.kind === "ended"), "the end");
  expect(tap.counters.get("frames")).toBe(1);
  source.stop();
  tap.close();
  source.close();
  await events.close();
});

test("a slow source stops at once", () => {
  const mode = { width: 64, height: 64, refreshMilliHz: milliHz(1000) };
  const source = new SyntheticSource({ sink: noSink, ...mode });
  source.start();
  const begin = performance.now();
  source.close();
  source.close();
  expect(performance.now() - begin).toBeLessThan(500);
});

test("odd sizes, sizes out of range and odd rates are refused with a sentence", () => {
  const open = (width: number, height: number, rate: number) => () =>
    new SyntheticSource({ sink: noSink, width, height, refreshMilliHz: milliHz(rate) });
  expect(open(641, 480, 60_000)).toThrow("641x480 is not a mode");
  expect(open(62, 480, 60_000)).toThrow("is not a mode");
  expect(open(640, 16386, 60_000)).toThrow("is not a mode");
  expect(open(640, 480, 999)).toThrow("0.999 Hz is not between 1 and 1000");
  expect(open(640, 480, 1_000_001)).toThrow("Hz is not between");
});
