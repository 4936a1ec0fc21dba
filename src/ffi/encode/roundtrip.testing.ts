/** What the tests of source, encoder, decoder and recorder share: the four of them in a row. */
import { type Kbps, kbps, milliHz } from "../../base/units.ts";
import type { EventKind } from "../../wire/abi.ts";
import type { CodecName } from "../../wire/media.ts";
import { EventQueue, type NativeEvent, Tee } from "../core/core.ts";
import { DecodeStage } from "../decode/decode.ts";
import { PictureTap, type TappedPicture } from "../decode/tap.ts";
import { type RecordFormat, RecordStage } from "../record/record.ts";
import { type SourcePattern, SyntheticSource } from "../source/source.ts";
import { EncodeStage } from "./encode.ts";

export const stageNumber = { source: 1, encode: 2, decode: 3, record: 4 } as const;

/** The software encoders that code without delay on every supported system. */
export const softwareEncoders: readonly (readonly [string, CodecName])[] = [
  ["libx264", "h264"],
  ["libx265", "hevc"],
  ["libaom-av1", "av1"],
];

export interface RoundTripOptions {
  readonly encoder: string;
  readonly codec: CodecName;
  readonly width: number;
  readonly height: number;
  readonly refreshHz: number;
  readonly bitrateKbps: number;
  readonly pattern?: SourcePattern;
  readonly frameLimit?: number;
  readonly settleCount?: number;
  readonly record?: { readonly path: string; readonly format: RecordFormat };
}

/** source → encoder → decoder → tap, with a recorder beside the decoder when asked for. */
export class RoundTrip {
  readonly events = new EventQueue();
  readonly source: SyntheticSource;
  readonly encode: EncodeStage;
  readonly decode: DecodeStage;
  readonly tap: PictureTap;
  readonly record: RecordStage | undefined;
  readonly seen: NativeEvent[] = [];
  readonly #tee: Tee | undefined;

  constructor(options: RoundTripOptions) {
    const { codec, width, height, events } = { ...options, events: this.events };
    const refreshMilliHz = milliHz(options.refreshHz * 1000);
    this.tap = new PictureTap({ readMarkers: true });
    this.decode = new DecodeStage({
      sink: this.tap.sink(),
      codec,
      width,
      height,
      events,
      stage: stageNumber.decode,
    });
    let sink = this.decode.sink();
    if (options.record !== undefined) {
      const mode = { codec, width, height, refreshMilliHz };
      const stage = stageNumber.record;
      this.record = new RecordStage({ ...options.record, ...mode, events, stage });
      this.#tee = new Tee(sink, this.record.sink());
      sink = this.#tee.sink();
    }
    this.encode = new EncodeStage({
      sink,
      encoder: options.encoder,
      codec,
      width,
      height,
      refreshMilliHz,
      bitrateKbps: kbps(options.bitrateKbps),
      settleCount: options.settleCount ?? 0,
      events,
      stage: stageNumber.encode,
    });
    this.source = new SyntheticSource({
      sink: this.encode.sink(),
      width,
      height,
      refreshMilliHz,
      pattern: options.pattern ?? "moving",
      frameLimit: options.frameLimit ?? 0,
      events,
      stage: stageNumber.source,
    });
    this.decode.setClockOffset(0n);
    this.tap.setClockOffset(0n);
    this.record?.start();
    this.decode.start();
    this.encode.start();
    this.source.start();
  }

  /** Waits for the first event of a kind, of a stage when one is named. */
  async event(kind: EventKind, stage?: number): Promise<NativeEvent> {
    const fits = (event: NativeEvent) =>
      event.kind === kind && (stage === undefined || event.stage === stage);
    await until(() => {
      this.seen.push(...this.events.take());
      return this.seen.some(fits);
    }, `the event ${kind}`);
    return this.seen.find(fits) as NativeEvent;
  }

  /** Waits until the source has ended and everything that it drew came out at the other end. */
  async drained(): Promise<void> {
    await this.event("ended", stageNumber.source);
    const { encode, decode } = this;
    await until(
      () =>
        encode.counters.get("frames_out") - encode.counters.get("repeats") ===
          encode.counters.get("frames_in") - encode.counters.get("frames_replaced") &&
        decode.counters.get("frames_out") === encode.counters.get("frames_out"),
      "everything that went in to come out",
    );
  }

  /** Waits for the next picture at the end. */
  async picture(): Promise<TappedPicture> {
    let picture: TappedPicture | undefined;
    await until(() => {
      picture = this.tap.take();
      return picture !== undefined;
    }, "a picture");
    return picture as TappedPicture;
  }

  setBitrate(bitrateKbps: number): void {
    this.encode.setBitrate(bitrateKbps as Kbps);
  }

  async close(): Promise<void> {
    this.source.stop();
    this.encode.stop();
    this.decode.stop();
    this.record?.stop();
    this.tap.close();
    this.record?.close();
    this.decode.close();
    this.encode.close();
    this.#tee?.close();
    this.source.close();
    await this.events.close();
  }
}

/** Counters have no event: looks at them every millisecond; throws after 20 s. */
export async function until(done: () => boolean, what: string): Promise<void> {
  const giveUp = performance.now() + 20_000;
  while (!done()) {
    if (performance.now() > giveUp) throw new Error(`waited in vain for ${what}`);
    await Bun.sleep(1);
  }
}
