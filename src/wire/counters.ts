/**
 * Counters blocks: what a native stage counts, read by TypeScript as a view without a call. Every
 * field is a u64 that only grows (a *gauge* may fall); histograms come last. From these lists come
 * the C structs and the readers.
 */
import { assert } from "../base/errors.ts";
import { histogramBuckets } from "../base/stats.ts";

export interface CountersTable {
  readonly name: string;
  readonly fields: readonly string[];
  readonly histograms: readonly string[];
}

/** u64 words of a histogram: count, sum, max, then the buckets. */
export const histogramWords = 3 + histogramBuckets;

function counters(
  name: string,
  fields: readonly string[],
  histograms: readonly string[] = [],
): CountersTable {
  return { name, fields, histograms };
}

export const counterTables = {
  source: counters("source", ["frames", "frames_dropped", "frames_unchanged", "failures"]),
  capture: counters(
    "capture",
    // urgent: 1 when the system lets the stage's thread run before all ordinary ones
    [
      "frames",
      "damage_rectangles",
      "damage_pixels",
      "buffer_waits",
      "frames_failed",
      "failures",
      "urgent",
    ],
    ["copy_us"],
  ),
  screencast: counters(
    "screencast",
    // frames_skipped: replaced by newer ones in time; copies: pictures copied, not handed on as they
    // came; fallbacks: from DMA buffers to shared memory; reconnects: streams that took the place of
    // one that gave nothing; urgent: as above
    [
      "frames",
      "frames_skipped",
      "frames_unchanged",
      "frames_invalid",
      "cursor_updates",
      "cursor_pictures",
      "cursor_invalid",
      "damage_rectangles",
      "damage_pixels",
      "copies",
      "buffer_waits",
      "fallbacks",
      "reconnects",
      "failures",
      "urgent",
    ],
    ["handover_us"],
  ),
  encode: counters(
    "encode",
    ["frames_in", "frames_replaced", "frames_out", "keyframes", "repeats", "bytes_out", "failures"],
    ["queue_us", "encode_us"],
  ),
  send: counters(
    "send",
    // last_ns: when the last frame had left
    [
      "frames",
      "frame_bytes",
      "packets",
      "packet_bytes",
      "parity_packets",
      "packets_dropped",
      "frames_dropped",
      "blocked",
      "send_calls",
      "tips",
      "queued",
      "no_path",
      "last_ns",
      "urgent",
    ],
    ["seal_us", "pace_us"],
  ),
  // offered: frames that the rates asked for; skipped: of them, those that there was no time for.
  // Gauges: running; of the last burst begin_ns, and burst_ns: how long it was
  filler: counters("filler", [
    "bursts",
    "offered",
    "frames",
    "frame_bytes",
    "skipped",
    "running",
    "begin_ns",
    "burst_ns",
  ]),
  // first_ns and all behind it are gauges of one burst
  meter: counters("meter", [
    "frames",
    "frame_bytes",
    "first_ns",
    "last_ns",
    "first_bytes",
    "jitter_ns",
  ]),
  port: counters("port", [
    "packets",
    "packet_bytes",
    "dropped_kernel",
    "dropped_short",
    "dropped_plane",
    "dropped_session",
    "receive_calls",
    "urgent",
  ]),
  // Gauges: gso, 1 while bursts leave in one piece; timed, 1 while the kernel keeps packets until
  // their time, 0 while the sender waits by itself
  session: counters("session", [
    "packets",
    "dropped_header",
    "dropped_authentication",
    "dropped_replay",
    "dropped_body",
    "packets_disordered",
    "hellos",
    "path_changes",
    "gso",
    "gso_refused",
    "timed",
  ]),
  receive: counters(
    "receive",
    [
      "packets",
      "packet_bytes",
      "packets_lost",
      "packets_late",
      "packets_duplicate",
      "packets_unneeded",
      "shards_settled",
      "shards_lost",
      "shards_late",
      "dropped_geometry",
      "dropped_geometry_changed",
      "dropped_bounds",
      "dropped_old",
      "dropped_ahead",
      "dropped_frame_header",
      "frames_seen",
      "frames_complete",
      "frames_recovered",
      "frames_delivered",
      "frames_lost",
      "frames_skipped",
      "stalls",
      "tips",
      "bytes_delivered",
      "memory_bytes",
      "frames_before_sent",
    ],
    // frames_before_sent: came before they can have left, so the clocks' offset is wrong by more than its error; overhead: capture to reassembled without what the encoder took of it
    ["network_us", "reassemble_us", "capture_to_reassembled_us", "overhead_us"],
  ),
  // data_count, packet_count: gauges of the newest frame
  lab: counters("lab", [
    "frames_sent",
    "data_count",
    "packet_count",
    "packets_delivered",
    "frames_delivered",
    "frames_recovered",
    "frames_wrong",
    "first_wrong",
  ]),
  decode: counters(
    "decode",
    [
      "units_in",
      "units_dropped",
      "units_skipped",
      "frames_out",
      "frames_dropped",
      "failures",
      "bytes_in",
      "queued",
    ],
    ["queue_us", "decode_us", "capture_to_decoded_us"],
  ),
  tap: counters(
    "tap",
    // Gauges: mark, what the newest marker showed; mark_ns, when the first picture with it came
    [
      "frames",
      "markers",
      "markers_unreadable",
      "markers_repeated",
      "markers_skipped",
      "mark",
      "mark_ns",
    ],
    ["marker_to_tap_us"],
  ),
  present: counters(
    "present",
    ["frames_in", "frames_replaced", "frames_presented", "input_events", "failures"],
    ["present_us", "capture_to_presented_us"],
  ),
  plane: counters("plane", ["packets", "packet_bytes", "packets_dropped", "no_path"]),
  // silent: frames of nothing that were not sent; overruns: frames that the encoder was too slow
  // for; restarts: how often PipeWire was lost. Gauge: connected
  sound_send: counters(
    "sound_send",
    ["frames", "packet_bytes", "silent", "overruns", "restarts", "connected", "urgent"],
    ["capture_to_sent_us"],
  ),
  // frames: played, of them recovered: from the packet behind; concealed: missed their turn, late: of
  // them those that came after it; starved: made up as nothing was left; skipped: to catch up;
  // pauses: nothing came for long. Gauges: slack_us, the least time that a frame of the
  // last interval waited, target_us, what that is to be, rate_ppm, 1,000,000 = as it came; connected
  sound_receive: counters(
    "sound_receive",
    [
      "packets",
      "dropped_geometry",
      "dropped_full",
      "dropped_stale",
      "duplicates",
      "frames",
      "recovered",
      "concealed",
      "starved",
      "late",
      "skipped",
      "pauses",
      "resets",
      "pulls",
      "slack_us",
      "target_us",
      "rate_ppm",
      "restarts",
      "connected",
    ],
    ["buffer_us"],
  ),
  record: counters("record", [
    "units_in",
    "units_dropped",
    "units_written",
    "bytes_written",
    "failures",
  ]),
  input: counters("input", [
    "keys",
    "buttons",
    "motions",
    "scrolls",
    "touches",
    "texts",
    "merged",
    "dropped",
    "ignored",
    "failures",
  ]),
} as const;

export type CountersName = keyof typeof counterTables;

/** Size of a counters block in bytes. */
export function countersBytes(table: CountersTable): number {
  return 8 * (table.fields.length + table.histograms.length * histogramWords);
}

/** Word index of a field of a counters block. */
export function counterIndex(table: CountersTable, field: string): number {
  const index = table.fields.indexOf(field);
  assert(index >= 0, `${table.name} counts ${field}`);
  return index;
}

/** Word index of the first word of a histogram. */
export function histogramIndex(table: CountersTable, histogram: string): number {
  const index = table.histograms.indexOf(histogram);
  assert(index >= 0, `${table.name} has a histogram ${histogram}`);
  return table.fields.length + index * histogramWords;
}
