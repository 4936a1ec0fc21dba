import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { milliHz } from "../../base/units.ts";
import { EventQueue, type NativeEvent, nowNs } from "../core/core.ts";
import { PictureTap, type TappedPicture } from "../decode/tap.ts";
import { noSink } from "../library.ts";
import {
  type PipeWireServer,
  pipeWireInstalled,
  startPipeWire,
} from "../pipewire/server.fixture.ts";
import { gstreamerInstalled, startTestPicture, TestProducer } from "./producer.fixture.ts";
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

  constructor(server: PipeWireServer, options: Partial<ScreencastOptions> = {}) {
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
      node: "pf-producer",
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

  async event(kind: NativeEvent["kind"]): Promise<NativeEvent> {
    for (;;) {
      const next = this.#news.promise;
      const found = this.#seen.find((one) => one.kind === kind);
      if (found !== undefined) return found;
      await next;
    }
  }

  count(name: Parameters<ScreencastStage["counters"]["get"]>[0]): number {
    return this.stage.counters.get(name);
  }

  async picture(fits: (picture: TappedPicture) => boolean = () => true): Promise<TappedPicture> {
    for (;;) {
      const picture = this.tap.take();
      if (picture !== undefined && fits(picture)) return picture;
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
    const cast = new Cast(server);
    expect(cast.stage.describe()).toMatchObject({
      name: "pf-producer",
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
    const cast = new Cast(server);
    await producer.streaming();
    await producer.frame("0000ff");
    await producer.frame("00ffff");
    cast.stage.start();
    await cast.event("first_frame");
    await cast.picture((picture) => colour(picture, 5, 5) === "00ffff");
  });
});
