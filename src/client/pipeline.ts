/**
 * The client's picture path, the mirror of the host's:
 *
 *   receive + open + reassemble ─┬→ decode → (latest wins) → present
 *                                └→ record
 *
 * Each stage runs on native threads; this file only links them.
 */
import { PfError } from "../base/errors.ts";
import type { Nanos } from "../base/units.ts";
import { type EventQueue, Tee } from "../ffi/core/core.ts";
import { DecodeStage } from "../ffi/decode/decode.ts";
import { noSink, type Sink } from "../ffi/library.ts";
import { MediaSession, UdpPort } from "../ffi/media/port.ts";
import { ReceiveStage } from "../ffi/media/receive.ts";
import type { Presenter } from "../ffi/present/presenter.ts";
import { type RecordFormat, RecordStage } from "../ffi/record/record.ts";
import type { MessageOf } from "../wire/control.ts";
import type { MediaKeys } from "../wire/exporter.ts";
import type { Mode } from "../wire/mode.ts";
import type { ClientSnapshot } from "./figures.ts";
import type { LossCounters } from "./loss.ts";

/** Numbers by which the stages' events are known. */
export const stageNumber = { port: 1, session: 2, receive: 3, decode: 4, present: 5, record: 6 };

/** Hardware decoders, as libavcodec names their devices, fastest first. */
const hardwareDecoders = ["cuda", "vaapi"] as const;

export interface ClientPipelineOptions {
  readonly events: EventQueue;
  readonly welcome: MessageOf<"welcome">;
  readonly keys: MediaKeys;
  /** Where the host's media port is. */
  readonly peer: { readonly address: string; readonly port: number };
  /** auto, software, or a hardware type of libavcodec. */
  readonly decoder: string;
  readonly presenter: Presenter | null;
  /** Takes the decoded pictures where there is no presenter: for tests and probes. */
  readonly pictureSink?: Sink;
  /** Sees the decoded pictures on their way; whoever made it closes it, after the pipeline. */
  readonly watch?: PictureWatch;
  readonly record: { readonly path: string; readonly format: RecordFormat } | null;
}

/** Looks at decoded pictures and hands them on. */
export interface PictureWatch {
  /** To be called once: what it takes pictures by, handing them on to `next`. */
  before(next: Sink): Sink;
  setClockOffset(offsetNs: Nanos | null): void;
}

export class ClientPipeline {
  readonly port: UdpPort;
  readonly session: MediaSession;
  readonly receive: ReceiveStage;
  readonly decode: DecodeStage;
  readonly record: RecordStage | null;
  readonly #presenter: Presenter | null;
  readonly #watch: PictureWatch | null;
  readonly #tee: Tee | null;
  #closed = false;

  constructor(options: ClientPipelineOptions) {
    const { events, welcome, keys, peer, presenter } = options;
    const { width, height, refreshMilliHz } = welcome.mode;
    const opened: { close(): void }[] = [];
    const keep = <Stage extends { close(): void }>(stage: Stage): Stage => {
      opened.push(stage);
      return stage;
    };
    this.#presenter = presenter;
    this.#watch = options.watch ?? null;
    try {
      const shown = presenter?.sink() ?? options.pictureSink ?? noSink;
      const sink = options.watch?.before(shown) ?? shown;
      this.decode = keep(openDecoder(options, sink));
      this.record =
        options.record === null
          ? null
          : keep(
              new RecordStage({
                ...options.record,
                codec: welcome.codec,
                width,
                height,
                refreshMilliHz,
                events,
                stage: stageNumber.record,
              }),
            );
      this.#tee =
        this.record === null ? null : keep(new Tee(this.decode.sink(), this.record.sink()));
      this.port = keep(
        new UdpPort({
          address: peer.address.includes(":") ? "::" : "0.0.0.0",
          port: 0,
          events,
          stage: stageNumber.port,
        }),
      );
      this.session = keep(
        new MediaSession({
          port: this.port,
          tag: welcome.session,
          role: "client",
          send: keys.clientToHost,
          receive: keys.hostToClient,
          peer,
          events,
          stage: stageNumber.session,
        }),
      );
      this.receive = keep(
        new ReceiveStage({
          session: this.session,
          sink: this.#tee?.sink() ?? this.decode.sink(),
          frameBytesMax: welcome.frameBytesMax,
          framesInFlightMax: welcome.framesInFlightMax,
          shardBytesMax: welcome.shardBytesMax,
          lossWindowMs: welcome.lossWindowMs,
          stallMs: welcome.stallMs,
          events,
          stage: stageNumber.receive,
        }),
      );
    } catch (error) {
      for (const stage of opened.reverse()) stage.close();
      throw error;
    }
  }

  start(): void {
    this.#presenter?.start();
    this.record?.start();
    this.decode.start();
    this.port.start();
  }

  /** See ReceiveStage.setClockOffset. */
  setClockOffset(offsetNs: Nanos | null, errorNs?: Nanos): void {
    this.receive.setClockOffset(offsetNs, errorNs);
    this.decode.setClockOffset(offsetNs);
    this.#presenter?.setClockOffset(offsetNs);
    this.#watch?.setClockOffset(offsetNs);
  }

  /** Pictures of this size may come too. */
  expectMode({ width, height }: Mode): void {
    this.decode.raisePictureMax(width, height);
  }

  snapshot(atMs: number): ClientSnapshot {
    const { counters: receive } = this.receive;
    const { counters: decode } = this.decode;
    const present = this.#presenter?.counters ?? null;
    return {
      atMs,
      receive: receive.snapshot(),
      decode: decode.snapshot(),
      present: present?.snapshot() ?? null,
      port: this.port.counters.snapshot(),
      session: this.session.counters.snapshot(),
      stages: {
        network: receive.histogram("network_us"),
        reassemble: receive.histogram("reassemble_us"),
        wait: decode.histogram("queue_us"),
        decode: decode.histogram("decode_us"),
        present: present?.histogram("present_us") ?? null,
      },
      whole: {
        captureToReassembled: receive.histogram("capture_to_reassembled_us"),
        captureToDecoded: decode.histogram("capture_to_decoded_us"),
        captureToPresented: present?.histogram("capture_to_presented_us") ?? null,
      },
    };
  }

  lossCounters(atMs: number): LossCounters {
    const { counters } = this.receive;
    return {
      atMs,
      packets: counters.get("packets"),
      packetsLost: counters.get("packets_lost") - counters.get("packets_late"),
      packetsLate: counters.get("shards_late"),
      packetsDropped: this.port.counters.get("dropped_kernel"),
      framesComplete: counters.get("frames_complete"),
      framesRecovered: counters.get("frames_recovered"),
      framesLost: counters.get("frames_lost"),
      shardsSettled: counters.get("shards_settled"),
    };
  }

  /** Stops from the wire to the picture, then frees. Idempotent. The presenter stays open. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.port.stop();
    this.decode.stop();
    this.record?.stop();
    this.#presenter?.stop();
    this.receive.close();
    this.session.close();
    this.port.close();
    this.#tee?.close();
    this.record?.close();
    this.decode.close();
  }
}

/** The wanted decoder; for `auto` hardware if it really opens, else software. */
function openDecoder(options: ClientPipelineOptions, sink: Sink): DecodeStage {
  const { welcome, events, decoder } = options;
  const open = (hardware: string) =>
    new DecodeStage({
      sink,
      codec: welcome.codec,
      width: welcome.mode.width,
      height: welcome.mode.height,
      hardware,
      events,
      stage: stageNumber.decode,
    });
  if (decoder === "software") return open("");
  if (decoder !== "auto") return open(decoder);
  for (const hardware of hardwareDecoders) {
    try {
      return open(hardware);
    } catch (error) {
      if (!(error instanceof PfError)) throw error;
    }
  }
  return open("");
}
