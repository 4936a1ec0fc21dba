/**
 * The host's picture path, from top to bottom:
 *
 *   source → (latest wins) → convert + encode → (queue of 3, back-pressure) → FEC + seal + send
 *
 * Each stage runs on native threads; this file only links them.
 */
import { PfError } from "../base/errors.ts";
import { Histogram } from "../base/stats.ts";
import type { Kbps, PerMille } from "../base/units.ts";
import type { EventQueue } from "../ffi/core/core.ts";
import { EncodeStage } from "../ffi/encode/encode.ts";
import { MediaSession, type UdpPort } from "../ffi/media/port.ts";
import { SendStage } from "../ffi/media/send.ts";
import type { MediaKeys } from "../wire/exporter.ts";
import { limit } from "../wire/limits.ts";
import type { CodecName } from "../wire/media.ts";
import type { EncoderCandidate } from "./policy/codec.ts";
import { parityTable } from "./policy/parity.ts";
import { type PictureStage, type PreparedSource, stageNumber } from "./sources.ts";

/** How often a still picture is coded again until it is sharp. */
const settleCount = 30;

export interface HostPipelineOptions {
  readonly port: UdpPort;
  readonly events: EventQueue;
  readonly session: number;
  readonly keys: MediaKeys;
  readonly source: PreparedSource;
  readonly candidates: readonly EncoderCandidate[];
  readonly bitrateKbps: Kbps;
  readonly parityPermille: PerMille;
  readonly shardBytesMax: number;
}

export class HostPipeline {
  readonly session: MediaSession;
  readonly send: SendStage;
  readonly codec: CodecName;
  readonly encoder: string;
  readonly shardBytesMax: number;
  readonly #options: HostPipelineOptions;
  /** The source and the encoder of one mode; undefined while the mode changes. */
  #picture: Picture | undefined;
  /** What those of the modes before have done. */
  #done: PictureFigures = nothingDone;
  #isStarted = false;
  #isPaused = false;
  #bitrateKbps: Kbps;
  #parityPermille: PerMille;
  #closed = false;

  constructor(options: HostPipelineOptions) {
    const { events, bitrateKbps } = options;
    this.#options = options;
    this.shardBytesMax = options.shardBytesMax;
    this.#bitrateKbps = bitrateKbps;
    this.#parityPermille = options.parityPermille;
    const opened: { close(): void }[] = [];
    try {
      this.session = new MediaSession({
        port: options.port,
        tag: options.session,
        role: "host",
        send: options.keys.hostToClient,
        receive: options.keys.clientToHost,
        events,
        stage: stageNumber.session,
      });
      opened.push(this.session);
      this.send = new SendStage({
        session: this.session,
        frameBytesMax: limit("frame_bytes_max"),
        shardBytesMax: options.shardBytesMax,
        bitrateKbps,
        parityPermille: options.parityPermille,
        parityTable: parityTable(options.parityPermille),
        events,
        stage: stageNumber.send,
      });
      opened.push(this.send);
      const { encode, source, codec, name } = openPicture(options, this.send, bitrateKbps);
      this.#picture = { encode, source };
      this.codec = codec;
      this.encoder = name;
    } catch (error) {
      for (const stage of opened.reverse()) stage.close();
      throw error;
    }
  }

  start(): void {
    this.send.start();
    this.#isStarted = true;
    this.#picture?.encode.start();
    this.#picture?.source.start();
  }

  /** What source and encoder have done since the start, in all modes. */
  get figures(): PictureFigures {
    return this.#picture === undefined ? this.#done : sumOf(this.#done, figuresOf(this.#picture));
  }

  /** Whether the source has given a picture at its mode. */
  get hasPicture(): boolean {
    return (this.#picture?.source.counters.get("frames") ?? 0) > 0;
  }

  /** The next access unit is a keyframe. */
  requestKeyframe(): void {
    this.#picture?.encode.requestKeyframe();
  }

  /** Ends source and encoder, so that the source's mode can change; what is sent goes on. */
  endPicture(): void {
    const picture = this.#picture;
    if (picture === undefined) return;
    picture.source.stop();
    picture.encode.stop();
    this.#done = sumOf(this.#done, figuresOf(picture));
    this.#picture = undefined;
    picture.encode.close();
    picture.source.close();
  }

  /** Goes on at the source's mode, with the encoder that there was. Throws as the constructor. */
  beginPicture(): void {
    const { candidates: all } = this.#options;
    const candidates = all.filter(
      ({ name, codec }) => name === this.encoder && codec === this.codec,
    );
    const options = { ...this.#options, candidates };
    const { encode, source } = openPicture(options, this.send, this.#bitrateKbps);
    this.#picture = { encode, source };
    if (this.#isPaused) encode.setPaused(true);
    if (!this.#isStarted) return;
    encode.start();
    source.start();
  }

  /** Constant bitrate of the encoder. */
  get bitrateKbps(): Kbps {
    return this.#bitrateKbps;
  }

  /** Share of parity that the table was made for. */
  get parityPermille(): PerMille {
    return this.#parityPermille;
  }

  setBitrate(bitrateKbps: Kbps): void {
    this.#bitrateKbps = bitrateKbps;
    this.#picture?.encode.setBitrate(bitrateKbps);
    this.send.setBitrate(bitrateKbps);
  }

  /** The share that every block gets, and the loss rate by which short ones get more. */
  setParity(share: PerMille, lossPermille: number): void {
    this.#parityPermille = share;
    this.send.setParity(share, parityTable(share, lossPermille));
  }

  /** Holds the stream before its encoder, where the newest picture waits. */
  pause(): void {
    this.#isPaused = true;
    this.#picture?.encode.setPaused(true);
  }

  /** Goes on with the newest picture, as a keyframe. */
  resume(): void {
    this.#isPaused = false;
    this.#picture?.encode.requestKeyframe();
    this.#picture?.encode.setPaused(false);
  }

  /** Stops from the source to the wire and frees in the reverse order. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const picture = this.#picture;
    picture?.source.stop();
    picture?.encode.stop();
    this.send.stop();
    this.session.close();
    this.send.close();
    picture?.encode.close();
    picture?.source.close();
  }
}

interface Picture {
  readonly encode: EncodeStage;
  readonly source: PictureStage;
}

/** What a source and its encoder have done. */
export interface PictureFigures {
  readonly framesCaptured: number;
  readonly framesReplaced: number;
  readonly keyframes: number;
  readonly queueUs: Histogram;
  readonly encodeUs: Histogram;
}

const nothingDone: PictureFigures = {
  framesCaptured: 0,
  framesReplaced: 0,
  keyframes: 0,
  queueUs: new Histogram(),
  encodeUs: new Histogram(),
};

const figuresOf = ({ source, encode }: Picture): PictureFigures => ({
  framesCaptured: source.counters.get("frames"),
  framesReplaced: encode.counters.get("frames_replaced"),
  keyframes: encode.counters.get("keyframes"),
  queueUs: encode.counters.histogram("queue_us"),
  encodeUs: encode.counters.histogram("encode_us"),
});

const sumOf = (one: PictureFigures, other: PictureFigures): PictureFigures => ({
  framesCaptured: one.framesCaptured + other.framesCaptured,
  framesReplaced: one.framesReplaced + other.framesReplaced,
  keyframes: one.keyframes + other.keyframes,
  queueUs: one.queueUs.plus(other.queueUs),
  encodeUs: one.encodeUs.plus(other.encodeUs),
});

function openPicture(options: HostPipelineOptions, send: SendStage, bitrateKbps: Kbps) {
  const { stage: encode, codec, name } = openEncoder(options, send, bitrateKbps);
  try {
    const source = options.source.openStage({
      sink: encode.sink(),
      events: options.events,
      stage: stageNumber.source,
    });
    return { encode, source, codec, name };
  } catch (error) {
    encode.close();
    throw error;
  }
}

/** Walks the ladder until an encoder really opens; the words of those that did not are kept. */
function openEncoder(options: HostPipelineOptions, send: SendStage, bitrateKbps: Kbps) {
  const { mode } = options.source;
  const failures: string[] = [];
  for (const { codec, name } of options.candidates) {
    try {
      const stage = new EncodeStage({
        sink: send.sink(),
        encoder: name,
        codec,
        width: mode.width,
        height: mode.height,
        refreshMilliHz: mode.refreshMilliHz,
        bitrateKbps,
        settleCount,
        events: options.events,
        stage: stageNumber.encode,
      });
      return { stage, codec, name };
    } catch (error) {
      if (!(error instanceof PfError)) throw error;
      failures.push(`${name}: ${error.message}`);
    }
  }
  throw new PfError("PF_ENCODER_MISSING", `No encoder could be opened. ${failures.join(" ")}`, {
    hint: "Install libavcodec with a software encoder (libx264), or choose another --encoder.",
  });
}
