import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { milliHz } from "../../base/units.ts";
import { nativeProgram } from "../build.ts";
import { EventQueue, type NativeEvent, nowNs } from "../core/core.ts";
import { PictureTap, type TappedPicture } from "../decode/tap.ts";
import {
  type PipeWireServer,
  pipeWireInstalled,
  startPipeWire,
} from "../pipewire/server.fixture.ts";
import { gstreamerInstalled, TestPicture, TestProducer } from "./producer.fixture.ts";
import { type ScreencastOptions, ScreencastStage } from "./screencast.ts";

const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

class Cast {
  readonly stage: ScreencastStage;
  readonly tap = new PictureTap();
  readonly #events = new EventQueue();
  readonly #seen: NativeEvent[] = [];
  #news = Promise.withResolvers<void>();

  constructor(
    server: PipeWireServer,
    producer: { readonly node: string },
    options: Partial<ScreencastOptions> = {},
  ) {
    const listening = this.#events.listen((event) => {
      this.#seen.push(event);
      this.#news.resolve();
      this.#news = Promise.withResolvers<void>();
    });
    open.push(async () => {
      await this.#events.close();
      await listening;
    });
    this.stage = new ScreencastStage({
      sink: this.tap.sink(),
      node: producer.node,
      remote: { socketPath: server.socketPath },
      refreshMilliHz: milliHz(1_000_000),
      events: this.#events,
      ...options,
    });
    open.push(() => {
      this.stage.stop();
      this.tap.close();
      this.stage.close();
    });
  }

  /** Throws when the stage ends before. */
  async event(kind: NativeEvent["kind"]): Promise<NativeEvent> {
    for (;;) {
      const next = this.#news.promise;
      const found = this.#seen.find((one) => one.kind === kind);
      if (found !== undefined) return found;
      this.#throwIfOver();
      await next;
    }
  }

  #throwIfOver(): void {
    const end = this.#seen.find((one) => one.kind === "failed" || one.kind === "ended");
    if (end !== undefined) throw new Error(end.text);
  }

  count(name: Parameters<ScreencastStage["counters"]["get"]>[0]): number {
    return this.stage.counters.get(name);
  }

  async counted(name: Parameters<ScreencastStage["counters"]["get"]>[0]): Promise<void> {
    while (this.count(name) === 0) {
      this.#throwIfOver();
      await Bun.sleep(1);
    }
  }

  /**
   * Sends a picture of this colour until it comes: a producer that had a consumer before may not
   * tell of this one yet, and its first buffers may still be those of the one before.
   */
  async sent(producer: TestProducer, wanted: string): Promise<void> {
    for (;;) {
      await producer.frame(wanted);
      const picture = this.tap.take();
      if (picture !== undefined && colour(picture, 9, 9) === wanted) return;
      this.#throwIfOver();
      await Bun.sleep(1);
    }
  }

  async picture(fits: (picture: TappedPicture) => boolean = () => true): Promise<TappedPicture> {
    for (;;) {
      const picture = this.tap.take();
      if (picture !== undefined && fits(picture)) return picture;
      this.#throwIfOver();
      await Bun.sleep(1);
    }
  }
}

/** The colour of a pixel as RRGGBB. */
function colour(picture: TappedPicture, x: number, y: number): string {
  const at = 4 * (y * picture.width + x);
  const [first, green, third] = (picture.planes[0] as Uint8Array).subarray(at, at + 3);
  const rgb = picture.format === "bgrx" ? [third, green, first] : [first, green, third];
  return rgb.map((value) => (value as number).toString(16).padStart(2, "0")).join("");
}

describe.skipIf(!pipeWireInstalled)("a screencast", () => {
  let server: PipeWireServer;
  beforeAll(async () => {
    server = await startPipeWire();
  });
  afterAll(async () => await server[Symbol.asyncDispose]());

  async function produce(width: number, height: number, ...flags: string[]): Promise<TestProducer> {
    const producer = new TestProducer(server, width, height, ...flags);
    open.push(async () => await producer.process.stop());
    return producer;
  }

  test.each(["", "alloc"])("hands on the buffers that the producer wrote %s", async (flag) => {
    const producer = await produce(128, 96, flag);
    const cast = new Cast(server, producer);
    expect(cast.stage.describe()).toMatchObject({
      name: producer.node,
      format: "BGRx",
      width: 128,
      height: 96,
    });
    cast.stage.start();
    await producer.streaming();
    const before = nowNs();
    for (const one of ["ff0000", "00ff00", "123456"]) {
      await producer.frame(one);
      const picture = await cast.picture((candidate) => colour(candidate, 127, 95) === one);
      expect([picture.width, picture.height, picture.format]).toEqual([128, 96, "bgrx"]);
      expect([colour(picture, 0, 0), colour(picture, 1, 0)]).toEqual(["ffffff", one]);
      expect(picture.captureNs).toBeGreaterThan(before);
    }
    expect(cast.stage.describe()).toMatchObject({ state: "streaming", memory: "shared" });
    expect([cast.count("frames"), cast.count("copies")]).toEqual([3, 0]);
  });

  test("gives the picture that came before it was started", async () => {
    const producer = await produce(64, 64);
    const cast = new Cast(server, producer);
    await producer.streaming();
    await producer.frame("0000ff");
    await producer.frame("00ffff");
    cast.stage.start();
    await cast.event("first_frame");
    await cast.picture((picture) => colour(picture, 5, 5) === "00ffff");
  });

  test("draws the pointer that comes beside the pictures, and moves it without a new one", async () => {
    const producer = await produce(64, 64);
    const cast = new Cast(server, producer);
    cast.stage.start();
    await producer.streaming();
    await producer.frame("00ff00", "pointer=10,20", "picture=4,4,80000080");
    // Premultiplied: half of it lets the green through.
    const mixed = "807f00";
    const first = await cast.picture();
    const at = (picture: TappedPicture) =>
      [9, 10, 13, 14].map((x) => colour(picture, x, 20) === mixed);
    expect(at(first)).toEqual([false, true, true, false]);
    expect([colour(first, 10, 19), colour(first, 10, 24)]).toEqual(["00ff00", "00ff00"]);
    await producer.frame("0000ff", "nothing", "pointer=61,62");
    const second = await cast.picture();
    expect([colour(second, 10, 20), colour(second, 63, 63)]).toEqual(["00ff00", mixed]);
    await producer.frame("0000ff", "nothing", "away");
    const third = await cast.picture();
    expect([colour(third, 10, 20), colour(third, 63, 63)]).toEqual(["00ff00", "00ff00"]);
    await producer.frame("0000ff", "pointer=5,5");
    await cast.picture((picture) => colour(picture, 5, 5) === "80007f");
    const names = ["cursor_updates", "cursor_pictures", "frames_skipped"] as const;
    expect(names.map((name) => cast.count(name))).toEqual([4, 1, 0]);
    await producer.frame("ff0000", "picture=600,1,ffffffff");
    await cast.picture((picture) => colour(picture, 5, 5) === "ff0000");
    expect(cast.count("cursor_invalid")).toBe(1);
  });

  test("leaves the pointer out where it is not wanted", async () => {
    const producer = await produce(64, 64);
    const cast = new Cast(server, producer, { cursor: false });
    cast.stage.start();
    await producer.streaming();
    await producer.frame("00ff00", "pointer=10,20", "picture=4,4,ff0000ff");
    expect(colour(await cast.picture(), 11, 21)).toBe("00ff00");
    expect(cast.count("cursor_updates")).toBe(0);
  });

  test("gives no picture for a buffer without damage, or one that is corrupted", async () => {
    const producer = await produce(64, 64);
    const cast = new Cast(server, producer);
    cast.stage.start();
    await producer.streaming();
    await producer.frame("00ff00", "damage=60,60,10,10");
    await cast.picture();
    await producer.frame("0000ff", "still");
    await cast.counted("frames_unchanged");
    await producer.frame("ffff00", "corrupted");
    await cast.counted("frames_invalid");
    await producer.frame("ff0000");
    expect(colour(await cast.picture(), 9, 9)).toBe("ff0000");
    const names = ["frames", "frames_unchanged", "frames_invalid", "damage_rectangles"] as const;
    expect(names.map((name) => cast.count(name))).toEqual([2, 1, 1, 2]);
    expect(cast.count("damage_pixels")).toBe(4 * 4 + 64 * 64);
  });

  test("shows what the producer cropped, and tells its size", async () => {
    const producer = await produce(128, 128);
    const cast = new Cast(server, producer);
    cast.stage.start();
    await producer.streaming();
    await producer.frame("00ff00", "crop=0,0,71,65");
    const picture = await cast.picture();
    expect([picture.width, picture.height, colour(picture, 0, 0)]).toEqual([70, 64, "ffffff"]);
    expect(await cast.event("format")).toMatchObject({ a: 70, b: 64 });
    await producer.frame("00ff00", "crop=100,100,200,-1");
    const cut = await cast.picture();
    expect([cut.width, cut.height, colour(cut, 0, 0)]).toEqual([28, 28, "00ff00"]);
  });

  test("turns pictures upright", async () => {
    const producer = await produce(128, 96);
    const cast = new Cast(server, producer);
    cast.stage.start();
    await producer.streaming();
    // By what was applied to the picture: its size, and where the buffer's white first pixel goes.
    const wanted = [
      [128, 96, 0, 0],
      [96, 128, 95, 0],
      [128, 96, 127, 95],
      [96, 128, 0, 127],
      [128, 96, 127, 0],
      [96, 128, 0, 0],
      [128, 96, 0, 95],
      [96, 128, 95, 127],
    ];
    for (const [turn, expected] of wanted.entries()) {
      await producer.frame("00ff00", `turn=${turn}`);
      const { planes, width, height } = await cast.picture();
      const pixels = new Uint32Array((planes[0] as Uint8Array).slice().buffer);
      const white = pixels.findIndex((pixel) => (pixel & 0xffffff) === 0xffffff);
      expect([width, height, white % width, Math.floor(white / width)]).toEqual(expected);
    }
  });

  test("follows a producer to another size", async () => {
    const producer = await produce(128, 96);
    const cast = new Cast(server, producer);
    cast.stage.start();
    await producer.streaming();
    await producer.frame("00ff00");
    await cast.picture();
    producer.command("size 200 80");
    // The first ones have no buffers yet, or those of the size before.
    while (cast.stage.describe().width !== 200) await producer.frame("0000ff");
    const picture = await cast.picture((candidate) => candidate.width === 200);
    expect([picture.height, colour(picture, 150, 70)]).toEqual([80, "0000ff"]);
    expect(await cast.event("format")).toMatchObject({ a: 200, b: 80 });
  });

  test("copies where the producer has too few buffers to keep one", async () => {
    const producer = await produce(64, 64, "few");
    const cast = new Cast(server, producer);
    cast.stage.start();
    await producer.streaming();
    for (const one of ["ff0000", "00ff00", "0000ff"]) {
      // A buffer may still be on its way back.
      while (!(await producer.frame(one))) await Bun.sleep(5);
      await cast.picture((picture) => colour(picture, 9, 9) === one);
    }
    expect(cast.stage.describe().bufferCount).toBe(2);
    expect([cast.count("frames"), cast.count("copies")]).toEqual([3, 3]);
  });

  test("takes the producer's time of a picture where it can be true", async () => {
    const producer = await produce(64, 64);
    const cast = new Cast(server, producer);
    cast.stage.start();
    await producer.streaming();
    const age = async (word: string) => {
      const before = nowNs();
      await producer.frame("00ff00", word);
      return Number(before - (await cast.picture()).captureNs) / 1e6;
    };
    expect(await age("age=400")).toBeWithin(300, 400);
    expect(await age("age=4000")).toBeLessThan(0);
    expect(await age("age=-4000")).toBeLessThan(0);
  });

  test("takes DMA buffers where it may", async () => {
    const producer = await produce(64, 64, "dmabuf");
    const without = new Cast(server, producer);
    without.stage.start();
    await producer.streaming();
    await producer.frame("00ff00");
    await without.event("first_frame");
    expect(without.stage.describe()).toMatchObject({ memory: "shared" });
    open.pop()?.();
    const cast = new Cast(server, producer, { allowDmabuf: true });
    cast.stage.start();
    await cast.sent(producer, "0000ff");
    expect(cast.stage.describe()).toMatchObject({ memory: "DMA", format: "BGRx" });
    expect([cast.count("copies"), cast.count("fallbacks")]).toEqual([0, 0]);
  });

  test.each(["mute", "broken"])("gives up DMA buffers that are %s", async (flaw) => {
    const producer = await produce(64, 64, "dmabuf", flaw);
    const cast = new Cast(server, producer, { allowDmabuf: true, firstFrameMs: 400 });
    cast.stage.start();
    while (cast.stage.describe().memory !== "shared") await Bun.sleep(1);
    while (cast.count("frames") === 0) {
      producer.command("frame 00ff00");
      await Bun.sleep(5);
    }
    expect(colour(await cast.picture(), 9, 9)).toBe("00ff00");
    expect([cast.count("fallbacks"), cast.count("failures")]).toEqual([1, 0]);
  });

  test("ends with a sentence when the producer dies", async () => {
    const producer = await produce(64, 64);
    const cast = new Cast(server, producer);
    cast.stage.start();
    await producer.streaming();
    await producer.frame("00ff00");
    await cast.event("first_frame");
    await producer.process.stop();
    const ended = await cast.event("ended");
    expect(ended.text).toBe("The program that gave the pictures took them away.");
    expect(() => new Cast(server, producer, { firstFrameMs: 50 })).toThrow(
      `The screencast can't be captured: PipeWire has no node ${producer.node}.`,
    );
  });

  test("says what is known when no picture comes", async () => {
    const producer = await produce(64, 64);
    const cast = new Cast(server, producer, { firstFrameMs: 150 });
    cast.stage.start();
    const began = performance.now();
    const { text } = await cast.event("failed");
    expect(performance.now() - began).toBeLessThan(1000);
    expect(text).toMatch(
      /^No picture came in 0.15 s: the stream is (paused|streaming), BGRx 64x64 was agreed, 8 buffers.$/,
    );
    expect(cast.count("failures")).toBe(1);
  });

  test.each(["", "few"])(
    "keeps its memory in order while pictures are kept too long %s",
    async (flag) => {
      const producer = await produce(128, 96, flag);
      const program = nativeProgram("sanitize", "test/screencast_test");
      const printed = server.run([program, server.socketPath, producer.node, "40"]);
      let done = false;
      printed.finally(() => {
        done = true;
      });
      while (!done) {
        await producer.frame("00ff00", "pointer=5,5", "picture=3,3,ff0000ff");
        await Bun.sleep(2);
      }
      expect(await printed).toMatch(/^\d+ pictures$/);
    },
  );

  test("leaves no file, thread or memory behind in 50 rounds", async () => {
    const producer = await produce(640, 360);
    const held = () => ["fd", "task", "map_files"].map((name) => count(`/proc/self/${name}`));
    const round = async () => {
      const cast = new Cast(server, producer);
      cast.stage.start();
      await cast.sent(producer, "00ff00");
      for (const close of open.splice(1).reverse()) await close();
    };
    for (let i = 0; i < 5; i++) await round();
    const [files, threads, maps] = held() as [number, number, number];
    for (let i = 0; i < 50; i++) await round();
    const after = held() as [number, number, number];
    // The runtime itself has some more or less.
    expect(after[0]).toBeLessThan(files + 10);
    expect(after[1]).toBeLessThan(threads + 10);
    expect(after[2]).toBeLessThan(maps + 20);
  });
});

test.skipIf(!pipeWireInstalled)("a screencast misses the session manager", async () => {
  await using server = await startPipeWire({ sessionManager: false });
  const producer = new TestProducer(server, 64, 64);
  const cast = new Cast(server, producer, { firstFrameMs: 200 });
  cast.stage.start();
  expect((await cast.event("failed")).text).toBe(
    "No picture came in 0.2 s: no session manager runs beside PipeWire; start wireplumber.",
  );
  for (const close of open.splice(0).reverse()) await close();
});

const count = (folder: string) => readdirSync(folder).length;

test.skipIf(!pipeWireInstalled)(
  "a screencast ends with a sentence when PipeWire dies",
  async () => {
    await using server = await startPipeWire();
    const producer = new TestProducer(server, 64, 64);
    const cast = new Cast(server, producer);
    cast.stage.start();
    await producer.streaming();
    await server.kill();
    expect((await cast.event("ended")).text).toMatch(/^PipeWire is gone/);
    await producer.process.stop();
    await server.start();
    const again = new TestProducer(server, 64, 64);
    const second = new Cast(server, again);
    second.stage.start();
    await again.streaming();
    await again.frame("00ff00");
    await second.event("first_frame");
    for (const close of open.splice(0).reverse()) await close();
  },
);

describe.skipIf(!pipeWireInstalled || !gstreamerInstalled)("a screencast of GStreamer", () => {
  let server: PipeWireServer;
  beforeAll(async () => {
    server = await startPipeWire();
  });
  afterAll(async () => await server[Symbol.asyncDispose]());

  function produce(caps: string, pattern = "smpte100"): TestPicture {
    const picture = new TestPicture(server, caps, pattern);
    open.push(async () => await picture.process.stop());
    return picture;
  }

  test.each(["BGRx", "RGBx", "BGRA", "RGBA"])("has the right colours in %s", async (format) => {
    const producer = produce(`format=${format},width=280,height=120`);
    const cast = new Cast(server, producer);
    expect(cast.stage.describe()).toMatchObject({ format, width: 280, height: 120 });
    cast.stage.start();
    const picture = await cast.picture();
    const bars = [0, 1, 2, 3, 4, 5, 6].map((bar) => colour(picture, 20 + 40 * bar, 20));
    const wanted = ["ffffff", "ffff00", "00ffff", "00ff00", "ff00ff", "ff0000", "0000ff"];
    expect(bars).toEqual(wanted);
  });

  test("comes as fast as it is made, and never faster than it is asked to", async () => {
    const [large, small] = [
      [1280, 720],
      [320, 180],
    ].map(([width, height]) => produce(`format=BGRx,width=${width},height=${height}`, "ball")) as [
      TestPicture,
      TestPicture,
    ];
    const all = new Cast(server, large, { refreshMilliHz: milliHz(60_000) });
    const half = new Cast(server, small, { refreshMilliHz: milliHz(30_000) });
    const rate = async (cast: Cast) => {
      cast.stage.start();
      await cast.event("first_frame");
      const [before, began] = [cast.count("frames"), performance.now()];
      await Bun.sleep(1200);
      return ((cast.count("frames") - before) * 1000) / (performance.now() - began);
    };
    const [full, halved] = await Promise.all([rate(all), rate(half)]);
    // A busy machine makes fewer; none makes more.
    expect(full).toBeWithin(30, 63);
    expect(halved).toBeWithin(15, 32);
    expect([all.count("copies"), all.count("frames_invalid")]).toEqual([0, 0]);
    expect(half.count("frames_skipped")).toBeGreaterThan(15);
  });

  test("says when the node's pictures are not of a kind that it takes", async () => {
    const picture = produce("format=YUY2,width=320,height=240");
    // A session manager may end it before its time is over, even while it is being opened.
    const words = async () => {
      try {
        const cast = new Cast(server, picture, { firstFrameMs: 200 });
        expect(cast.stage.describe()).toMatchObject({ format: null, width: 0 });
        cast.stage.start();
        return (await cast.event("failed")).text;
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(await words()).toMatch(/ no format of BGRx, RGBx, BGRA or RGBA was agreed/);
  });
});
