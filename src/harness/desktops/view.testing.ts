/** A desktop as a client sees it: captured, coded, decoded and looked at, in one process. */
import { join } from "node:path";
import { kbps } from "../../base/units.ts";
import { EventQueue, type NativeEvent } from "../../ffi/core/core.ts";
import { DecodeStage } from "../../ffi/decode/decode.ts";
import { encodePng } from "../../ffi/decode/png.ts";
import { PictureTap, type RgbPicture } from "../../ffi/decode/tap.ts";
import { EncodeStage } from "../../ffi/encode/encode.ts";
import type { PictureStage, StageWiring } from "../../host/sources.ts";
import type { Mode } from "../../wire/mode.ts";
import { until } from "../processes.ts";

const stageNumber = { source: 1, encode: 2, decode: 3 } as const;
/** Enough that text is legible at the first look. */
const bitrateKbps = kbps(20_000);

/** Where the pictures of a run are collected. */
const picturesFolder = process.env["PUNKTFUNK_PICTURES"] ?? "build/desktops";

export interface ViewOptions {
  readonly mode: Mode;
  openStage(wiring: StageWiring): PictureStage;
}

export class View implements AsyncDisposable {
  readonly stage: PictureStage;
  readonly seen: NativeEvent[] = [];
  readonly #events = new EventQueue();
  readonly #tap = new PictureTap();
  readonly #decode: DecodeStage;
  readonly #encode: EncodeStage;
  #newest: RgbPicture | undefined;

  constructor(display: ViewOptions) {
    const { width, height, refreshMilliHz } = display.mode;
    const events = this.#events;
    this.#decode = new DecodeStage({
      sink: this.#tap.sink(),
      codec: "h264",
      width,
      height,
      events,
      stage: stageNumber.decode,
    });
    this.#encode = new EncodeStage({
      sink: this.#decode.sink(),
      encoder: "libx264",
      codec: "h264",
      width,
      height,
      refreshMilliHz,
      bitrateKbps,
      settleCount: 30,
      events,
      stage: stageNumber.encode,
    });
    const wiring = { sink: this.#encode.sink(), events, stage: stageNumber.source };
    this.stage = display.openStage(wiring);
    this.#decode.start();
    this.#encode.start();
    this.stage.start();
  }

  /** The first decoded picture that fits; throws when none comes. */
  async picture(
    fits: (picture: RgbPicture) => boolean = () => true,
    what = "a picture",
  ): Promise<RgbPicture> {
    await until(() => this.#look() !== undefined && fits(this.#newest as RgbPicture), what, 60_000);
    return this.#newest as RgbPicture;
  }

  /** Waits until the desktop gives no more pictures, or only those of a blinking cursor. */
  async still(): Promise<void> {
    const startedAt = performance.now();
    while ((await this.rate(600)) > 4 && performance.now() - startedAt < 10_000);
  }

  /** Pictures a second that the desktop gave, by counting for a while. */
  async rate(ms: number): Promise<number> {
    const before = this.stage.counters.get("frames");
    const startedAt = performance.now();
    await Bun.sleep(ms);
    const count = this.stage.counters.get("frames") - before;
    return (count * 1000) / (performance.now() - startedAt);
  }

  /** The newest decoded picture as `NAME.png` among the pictures of this run. */
  async save(name: string): Promise<void> {
    this.#look();
    if (this.#newest === undefined) throw new Error(`there is no picture of ${name}`);
    await Bun.write(join(picturesFolder, `${name}.png`), encodePng(this.#newest));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stage.stop();
    this.#encode.stop();
    this.#decode.stop();
    this.#tap.close();
    this.#decode.close();
    this.#encode.close();
    this.stage.close();
    await this.#events.close();
  }

  #look(): RgbPicture | undefined {
    this.seen.push(...this.#events.take());
    this.#newest = this.#tap.takeRgb() ?? this.#newest;
    return this.#newest;
  }
}

/** Share of the pixels that fit, 0…1. */
export function shareOf(
  { data }: RgbPicture,
  fits: (red: number, green: number, blue: number) => boolean,
): number {
  let count = 0;
  for (let at = 0; at < data.length; at += 3) {
    if (fits(data[at] as number, data[at + 1] as number, data[at + 2] as number)) count++;
  }
  return (3 * count) / data.length;
}

const colours: readonly ((red: number, green: number, blue: number) => boolean)[] = [
  (red, green, blue) => red > 200 && green + blue < 90,
  (red, green, blue) => green > 200 && red + blue < 90,
  (red, green, blue) => blue > 200 && red + green < 90,
];

/** Whether the test application of src/ffi/wayland is seen: red, green and blue, of equal size. */
export function hasTestPicture(picture: RgbPicture): boolean {
  return colours.every((fits) => shareOf(picture, fits) > 0.02);
}
