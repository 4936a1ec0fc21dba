/** How fast an encoder is on this machine: what the project's bench prints for `encode …`. */

import type { Percentiles } from "../../base/stats.ts";
import { type Kbps, type MilliHz, micros } from "../../base/units.ts";
import type { CodecName } from "../../wire/media.ts";
import { noSink } from "../library.ts";
import { SyntheticSource } from "../source/source.ts";
import { EncodeStage } from "./encode.ts";

export interface EncodeBenchOptions {
  /** libavcodec's name. */
  readonly encoder: string;
  readonly codec: CodecName;
  readonly width: number;
  readonly height: number;
  readonly refreshMilliHz: MilliHz;
  readonly bitrateKbps: Kbps;
  /** Threads of a software encoder; 0 or absent = as many as cores. */
  readonly threads?: number;
  /** How long to encode the moving picture; default 2,000. */
  readonly milliseconds?: number;
}

export interface EncodeBenchResult {
  /** `encode libx264 1280x720@60 20000k` */
  readonly name: string;
  /** Opening the encoder and proving that it has no delay. */
  readonly openMs: number;
  /** Pictures that came out, a second; the source offers refreshMilliHz / 1000. */
  readonly fps: number;
  /** Pictures a second that the mean time of one would allow. */
  readonly fpsPossible: number;
  /** Pictures that a newer one replaced before they were encoded. */
  readonly replaced: number;
  readonly kbps: number;
  /** Conversion and encoding of one picture; null when none came out. */
  readonly encodeUs: Percentiles | null;
}

/**
 * Encodes the synthetic moving picture in real time. Throws PF_ENCODER_MISSING or PF_ENCODER_FAILED
 * as EncodeStage does.
 */
export async function benchEncode(options: EncodeBenchOptions): Promise<EncodeBenchResult> {
  const { width, height, refreshMilliHz } = options;
  const opening = performance.now();
  const encode = new EncodeStage({ ...options, sink: noSink });
  const openMs = performance.now() - opening;
  const source = new SyntheticSource({ sink: encode.sink(), width, height, refreshMilliHz });
  encode.start();
  source.start();
  const begin = performance.now();
  await Bun.sleep(options.milliseconds ?? 2000);
  source.stop();
  encode.stop();
  const seconds = (performance.now() - begin) / 1000;
  const { frames_out = 0, frames_replaced = 0, bytes_out = 0 } = encode.counters.snapshot();
  const times = encode.counters.histogram("encode_us");
  const encodeUs = times.percentiles();
  encode.close();
  source.close();
  const mode = `${width}x${height}@${refreshMilliHz / 1000}`;
  return {
    name: `encode ${options.encoder} ${mode} ${options.bitrateKbps}k`,
    openMs,
    fps: frames_out / seconds,
    fpsPossible: frames_out === 0 ? 0 : 1e6 / micros(times.sumUs / times.count),
    replaced: frames_replaced,
    kbps: (bytes_out * 8) / 1000 / seconds,
    encodeUs,
  };
}
