import { histogramExponents, histogramSubBuckets } from "../base/stats.ts";

/**
 * Every limit of punktfunk/1 and of the program's own queues, each with its reason. The generator
 * writes them as `PF_<NAME>` into src/ffi/common/wire.h and into docs/protocol.md.
 */

export const limits = {
  protocol_version: [1, "the only version there is; another one is refused by name"],
  width_min: [64, "smallest picture in which the synthetic marker can be read back"],
  width_max: [16384, "the encoders' own limit"],
  height_min: [64, "as width_min"],
  height_max: [16384, "the encoders' own limit"],
  refresh_hz_min: [1, "a slower picture is a still"],
  refresh_hz_max: [1000, "fastest panels sold are below it"],
  bitrate_kbps_min: [500, "below it text is unreadable"],
  bitrate_kbps_max: [2_000_000, "2 Gbps: what 2.5 GbE carries with parity"],
  bitrate_kbps_default: [20_000, "1080p60 desktop at good quality on any LAN"],
  shard_align_bytes: [64, "Leopard's layout: 32 low bytes, then 32 high bytes"],
  shard_bytes_max: [1408, "fits a 1,492-byte path on IPv4 with all headers"],
  shard_bytes_max_v6: [1344, "the same path on IPv6"],
  shard_bytes_small: [512, "smallest shard that a large enough frame is cut into"],
  shard_count_target: [64, "a block this long makes the parity share reliable"],
  shard_count_max: [65535, "data + parity of one block of the 16-bit field"],
  block_shards_min: [1024, "data or parity shards taken of a frame of whatever size"],
  parity_count_min: [2, "one parity shard would make every second loss fatal"],
  parity_permille_min: [50, "5%: floor of the adaptive share"],
  parity_permille_max: [500, "50%: ceiling of the adaptive share"],
  parity_permille_default: [200, "20%: survives 5% random loss"],
  parity_table_count: [257, "parity by data shard count 0…256; longer blocks use the share"],
  frame_bytes_max: [33_554_432, "32 MiB: one access unit at 2 Gbps and 60 fps is 4.2 MB"],
  frames_in_flight_max: [16, "frames that the reassembler holds at once"],
  loss_window_ms: [120, "a frame that is incomplete after this is lost; before, it is late"],
  stall_ms: [8, "a hole this old asks for a keyframe, while the frame may still complete"],
  burst_bytes: [131_072, "a frame up to this leaves at once, beyond it is paced"],
  pace_multiple: [4, "what is beyond the burst leaves at this multiple of the bitrate"],
  send_queue_count: [3, "access units between encoder and sender; then back-pressure"],
  socket_bytes: [33_554_432, "32 MiB: what a burst at 10 Gbps needs while a thread is held up"],
  replay_window_packets: [4096, "sequence numbers that the replay window remembers"],
  hello_interval_ms: [500, "how often a client repeats its media hello"],
  tip_first_ms: [10, "an idle sender names its newest frame after this"],
  tip_max_ms: [
    40,
    "then at doubling intervals up to this one: what a burst swallowed is missed soon",
  ],
  probe_kbps_min: [500, "the least that is asked of a path"],
  probe_kbps_default_max: [
    3_000_000,
    "3 Gbps: the clamp of a speed test unless --max-probe is given",
  ],
  probe_kbps_max: [20_000_000, "20 Gbps: a frame of it fits frame_bytes_max"],
  probe_duration_ms_min: [100, "a shorter burst is a few frames, which tell nothing"],
  probe_duration_ms_max: [5000, "longest burst of a speed test"],
  probe_duration_ms_default: [2000, "long enough for a path's queues to fill"],
  probe_frames_per_second: [120, "frames of filler, as a fast stream has them"],
  control_message_bytes_max: [65_536, "one control message, length prefix not counted"],
  datagram_bytes_max: [1150, "what one QUIC datagram carries"],
  text_bytes_max: [4096, "one text input message"],
  heartbeat_interval_ms: [1000, "a ping each way on the control stream"],
  heartbeat_timeout_ms: [4000, "silence after which a peer is gone"],
  control_queue_bytes_max: [1_048_576, "control messages that wait for a peer that does not read"],
  control_inbox_count: [256, "control messages that wait for their handler"],
  hello_timeout_ms: [5000, "a connection's first message comes within this, or it is closed"],
  connect_timeout_ms: [4000, "a host that has not answered by then is not there"],
  close_timeout_ms: [500, "how long a goodbye waits for its answer"],
  idle_timeout_ms: [10_000, "QUIC's own limit of silence, behind the heartbeat"],
  connections_handshaking_max: [256, "handshakes under way; the oldest makes place for a new one"],
  connections_silent_max: [64, "connections without a hello; the oldest makes place for a new one"],
  connections_silent_per_address_max: [16, "the same from one address"],
  device_name_bytes_max: [128, "a host's or a device's name"],
  clock_rounds: [8, "probes of the clock; the one of least round trip counts"],
  clock_timeout_ms: [2000, "what an end that does not answer may cost"],
  event_queue_count: [4096, "events that wait for TypeScript"],
  event_text_bytes: [128, "an event's text, zero-terminated"],
  histogram_sub_buckets: [histogramSubBuckets, "3% resolution"],
  histogram_exponents: [histogramExponents, "up to 2^26 µs"],
  queue_depth_max: [4096, "any queue between stages"],
} as const satisfies Record<string, readonly [number, string]>;

export type LimitName = keyof typeof limits;

/** The value of a limit. */
export function limit(name: LimitName): number {
  return limits[name][0];
}
