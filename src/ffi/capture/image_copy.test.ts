import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { milliHz } from "../../base/units.ts";
import { nativeProgram } from "../build.ts";
import { EventQueue, type NativeEvent } from "../core/core.ts";
import { PictureTap } from "../decode/tap.ts";
import { CaptureStage } from "./capture.ts";

const open: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** A compositor that has ext-image-copy-capture alone: see image_copy_peer.c. */
async function startPeer({ pictures = 9 } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "pf-image-"));
  const socketPath = join(folder, "wayland");
  const program = nativeProgram("release", "test/image_copy_peer");
  const peer = Bun.spawn([program, socketPath, String(pictures)], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  });
  open.push(async () => {
    peer.kill();
    await peer.exited;
    rmSync(folder, { recursive: true });
  });
  await peer.stdout.getReader().read();
  return { socketPath, endCapture: () => peer.stdin.write("end\n"), peer };
}

test("an output is captured by it, through a change of size, to its end", async () => {
  const { socketPath, peer, endCapture } = await startPeer();
  const events = new EventQueue();
  const seen: NativeEvent[] = [];
  const tap = new PictureTap();
  const refreshMilliHz = milliHz(200_000);
  const stage = new CaptureStage({ sink: tap.sink(), socketPath, refreshMilliHz, events });
  open.push(async () => {
    stage.stop();
    tap.close();
    stage.close();
    await events.close();
  });
  const until = async (fits: () => boolean) => {
    for (let i = 0; i < 500 && !fits(); i++) {
      await Bun.sleep(5);
      seen.push(...events.take());
    }
    expect(fits()).toBe(true);
  };
  expect(stage.describe()).toEqual({
    name: "PEER-1",
    width: 64,
    height: 48,
    refreshMilliHz: milliHz(60_000),
  });
  stage.start();
  await until(() => stage.counters.get("frames") === 9);
  expect(seen.find(({ kind }) => kind === "format")).toMatchObject({ a: 96, b: 80 });
  const picture = tap.take();
  expect([picture?.width, picture?.height, picture?.format]).toEqual([96, 80, "bgrx"]);
  expect(new Set(picture?.planes[0])).toEqual(new Set([8])); // the 9th, every byte of it
  expect(stage.counters.get("frames_failed")).toBe(1);
  expect(stage.counters.get("damage_rectangles")).toBe(9);
  await Bun.sleep(50);
  expect(stage.counters.get("frames")).toBe(9); // a still output gives no more
  endCapture();
  await peer.stdin.flush();
  await until(() => seen.some(({ kind }) => kind === "ended"));
  expect(seen.at(-1)?.text).toBe("The compositor has ended the capture.");
});

test("a compositor that goes meanwhile is the end of it", async () => {
  const { socketPath, peer } = await startPeer();
  const events = new EventQueue();
  const tap = new PictureTap();
  const refreshMilliHz = milliHz(60_000);
  const stage = new CaptureStage({ sink: tap.sink(), socketPath, refreshMilliHz, events });
  open.push(async () => {
    stage.stop();
    tap.close();
    stage.close();
    await events.close();
  });
  stage.start();
  peer.kill("SIGKILL");
  await peer.exited;
  const seen: NativeEvent[] = [];
  for (let i = 0; i < 500 && !seen.some(({ kind }) => kind === "ended"); i++) {
    await Bun.sleep(5);
    seen.push(...events.take());
  }
  expect(seen.at(-1)?.text).toContain("the compositor has ended");
});

test("it is sound under the sanitizers, with pictures that are kept too long", async () => {
  const { socketPath } = await startPeer({ pictures: 1000 });
  const program = nativeProgram("sanitize", "test/capture_test");
  const child = Bun.spawn([program, socketPath, "60"], { stdout: "pipe", stderr: "pipe" });
  const words = await new Response(child.stderr).text();
  expect([await child.exited, words]).toEqual([0, ""]);
});
