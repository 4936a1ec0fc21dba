/**
 * The host's picture path, from top to bottom:
 *
 *   source → (latest wins) → convert + encode → (queue of 3, back-pressure) → FEC + seal + send
 *
 * Each stage runs on native threads; this file only links them.
 */
import { PfError } from "../base/errors.ts";
import type { Kbps, PerMille } from "../base/units.ts";
import type { EventQueue } from "../ffi/core/core.ts";
import { EncodeStage } from "../ffi/encode/encode.ts";
import { MediaSession, type UdpPort } from "../ffi/media/port.ts";
import { SendStage } from "../ffi/media/send.ts";
import type { MediaKeys } from "../wire/exporter.ts";
import { limit } from "../wire/limits.ts";
import type { CodecName } from "../wire/media.ts";
import type { Mode } from "../wire/mode.ts";
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
  readonly mode: Mode;
  readonly candidates: readonly EncoderCandidate[];
  readonly bitrateKbps: Kbps;
  readonly parityPermille: PerMille;
  readonly shardBytesMax: number;
}

export class HostPipeline {
  readonly session: MediaSession;
  readonly send: SendStage;
  readonly encode: EncodeStage;
  readonly source: PictureStage;
  readonly codec: CodecName;
  readonly encoder: string;
  readonly shardBytesMax: number;
  #bitrateKbps: Kbps;
  #parityPermille: PerMille;
  #closed = false;

  constructor(options: HostPipelineOptions) {
    const { events, bitrateKbps } = options;
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
      const chosen = openEncoder(options, this.send);
      this.encode = chosen.stage;
      this.codec = chosen.codec;
      this.encoder = chosen.name;
      opened.push(this.encode);
      this.source = options.source.openStage({
        sink: this.encode.sink(),
        events,
        stage: stageNumber.source,
      });
    } catch (error) {
      for (const stage of opened.reverse()) stage.close();
      throw error;
    }
  }

  start(): void {
    this.send.start();
    this.encode.start();
    this.source.start();
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
    this.encode.setBitrate(bitrateKbps);
    this.send.setBitrate(bitrateKbps);
  }

  /** The share that every block gets, and the loss rate by which short ones get more. */
  setParity(share: PerMille, lossPermille: number): void {
    this.#parityPermille = share;
    this.send.setParity(share, parityTable(share, lossPermille));
  }

  /** Holds the stream before its encoder, where the newest picture waits. */
  pause(): void {
    this.encode.setPaused(true);
  }

  /** Goes on with the newest picture, as a keyframe. */
  resume(): void {
    this.encode.requestKeyframe();
    this.encode.setPaused(false);
  }

  /** Stops from the source to the wire and frees in the reverse order. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.source.stop();
    this.encode.stop();
    this.send.stop();
    this.session.close();
    this.send.close();
    this.encode.close();
    this.source.close();
  }
}

/** Walks the ladder until an encoder really opens; the words of those that did not are kept. */
function openEncoder(options: HostPipelineOptions, send: SendStage) {
  const failures: string[] = [];
  for (const { codec, name } of options.candidates) {
    try {
      const stage = new EncodeStage({
        sink: send.sink(),
        encoder: name,
        codec,
        width: options.mode.width,
        height: options.mode.height,
        refreshMilliHz: options.mode.refreshMilliHz,
        bitrateKbps: options.bitrateKbps,
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
