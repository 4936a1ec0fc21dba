/**
 * A picture's whole way by another road than punktfunk's: the same source, encoder, decoder and
 * tap, with a rival between encoder and decoder.
 */
import { createSocket } from "node:dgram";
import type { Histogram } from "../base/stats.ts";
import type { Kbps } from "../base/units.ts";
import { DecodeStage } from "../ffi/decode/decode.ts";
import { PictureTap } from "../ffi/decode/tap.ts";
import { EncodeStage } from "../ffi/encode/encode.ts";
import { type RivalPath, RivalReceiver, RivalSender } from "../ffi/rival/rival.ts";
import { SyntheticSource } from "../ffi/source/source.ts";
import type { Mode } from "../wire/mode.ts";
import { until } from "./processes.ts";

/** How often a still picture is coded again, as the host's own pipeline has it. */
const settleCount = 30;

export interface RivalStreamOptions {
  readonly path: RivalPath;
  readonly mode: Mode;
  readonly bitrateKbps: Kbps;
  /** Pictures that have to be decoded before it ends. */
  readonly pictures: number;
}

export interface RivalFigures {
  /** From the time in a picture's marker to the decoded picture. */
  readonly markerToTapUs: Histogram;
  readonly markers: number;
  readonly unreadable: number;
  /** Pictures that never came. */
  readonly skipped: number;
  /** Access units that the network refused. */
  readonly failures: number;
}

/** Streams by a rival's path. Throws where this machine can't, and when no pictures come. */
export async function streamRival(options: RivalStreamOptions): Promise<RivalFigures> {
  const { path, mode, bitrateKbps, pictures } = options;
  const { width, height, refreshMilliHz } = mode;
  const size = { width, height };
  const port = await freePort();
  const opened: { stop?(): void; close(): void }[] = [];
  const keep = <Stage extends { stop?(): void; close(): void }>(stage: Stage) => {
    opened.push(stage);
    return stage;
  };
  let asking: ReturnType<typeof setInterval> | undefined;
  try {
    const tap = keep(new PictureTap({ readMarkers: true }));
    tap.setClockOffset(0n);
    const decode = keep(new DecodeStage({ ...size, codec: "h264", sink: tap.sink() }));
    const receiver = keep(new RivalReceiver({ path, port, sink: decode.sink() }));
    decode.start();
    receiver.start();
    const sender = keep(new RivalSender({ ...size, path, port }));
    const encode = keep(
      new EncodeStage({
        ...size,
        sink: sender.sink(),
        encoder: "libx264",
        codec: "h264",
        refreshMilliHz,
        bitrateKbps,
        settleCount,
      }),
    );
    const source = keep(new SyntheticSource({ ...size, sink: encode.sink(), refreshMilliHz }));
    encode.start();
    source.start();
    // A receiver that was not there for the first picture waits for the next keyframe.
    asking = setInterval(() => {
      if (tap.counters.get("markers") === 0) encode.requestKeyframe();
    }, 250);
    const msMax = 5000 + (2 * pictures * 1e6) / refreshMilliHz;
    await until(() => tap.counters.get("markers") >= pictures, `pictures by ${path}`, msMax);
    return {
      markerToTapUs: tap.counters.histogram("marker_to_tap_us"),
      markers: tap.counters.get("markers"),
      unreadable: tap.counters.get("markers_unreadable"),
      skipped: tap.counters.get("markers_skipped"),
      failures: sender.failures,
    };
  } finally {
    clearInterval(asking);
    // From the source to the end, and freed in the reverse order.
    for (const stage of opened.toReversed()) stage.stop?.();
    for (const stage of opened) stage.close();
  }
}

/** An even UDP port of which the next is free too, as RTP wants them. */
async function freePort(): Promise<number> {
  for (;;) {
    const socket = createSocket("udp4");
    const { promise, resolve } = Promise.withResolvers<number>();
    socket.bind(0, "127.0.0.1", () => resolve(socket.address().port));
    const port = await promise;
    socket.close();
    if (port % 2 === 0) return port;
  }
}
