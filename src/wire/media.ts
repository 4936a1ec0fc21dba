/**
 * The sealed UDP planes of punktfunk/1. A datagram is
 *
 *   packet header (16, in clear, authenticated) | sealed body | tag (16)
 *
 * sealed with AES-128-GCM: nonce = 12-byte salt XOR (4 zero bytes, sequence as big-endian u64),
 * additional data = the packet header. Each direction of a session has a key and a salt of its own
 * (see keys.ts), and one sequence over all of its planes. The body of a video or probe packet is a
 * shard header and one shard. Data shard i is bytes [i*shard_bytes, (i+1)*shard_bytes) of frame
 * header + access unit, the last one padded with zeros; shards data_count… are parity.
 */
import { layout } from "./layout.ts";

/** First byte of every datagram. */
export const plane = {
  video: [0xc0, "a shard of a video frame, host → client"],
  probe: [0xc1, "filler of a speed test, in a frame index space of its own, host → client"],
  hello: [0xc2, "names the client's address to the host; body: hello body"],
  tip: [0xc3, "names the newest frame while nothing else is sent; body: tip body"],
  audio: [0xc9, "sound, host → client"],
  microphone: [0xcb, "sound, client → host"],
} as const satisfies Record<string, readonly [number, string]>;

export const packetHeader = layout("packet_header", "in front of every datagram, in clear", [
  ["plane", "u8", "which plane; an unknown one is dropped and counted"],
  ["flags", "u8", "0; other values are dropped and counted"],
  ["reserved", "u16", "0"],
  ["session", "u32", "the session's tag from Welcome"],
  ["sequence", "u64", "counts the packets of this direction; never repeats under one key"],
]);

export const shardHeader = layout("shard_header", "in front of every shard, sealed", [
  ["frame", "u32", "index of the frame, from 0, without gaps"],
  ["frame_bytes", "u32", "frame header + access unit, without padding"],
  ["shard_index", "u16", "0 … data_count + parity_count - 1"],
  ["data_count", "u16", "ceil(frame_bytes / shard bytes)"],
  ["parity_count", "u16", "parity shards of this frame"],
  ["reserved", "u16", "0"],
]);

export const frameHeader = layout("frame_header", "the first bytes of a frame, under the FEC", [
  ["capture_ns", "u64", "host's CLOCK_MONOTONIC when the picture was captured"],
  ["queue_us", "u32", "capture to the start of the encoder"],
  ["encode_us", "u32", "conversion and encoding"],
  ["flags", "u8", "bit 0: keyframe (decoding can start here)"],
  ["codec", "u8", "0 H.264, 1 HEVC, 2 AV1"],
  ["header_bytes", "u16", "size of this header, so that it can grow"],
  ["reserved", "u32", "0"],
]);

export const helloBody = layout("hello_body", "body of a hello packet", [
  ["client_ns", "u64", "client's CLOCK_MONOTONIC, for path statistics only"],
]);

export const tipBody = layout("tip_body", "body of a tip packet", [
  ["frame", "u32", "index of the newest frame that was sent completely"],
  ["sent", "u32", "1 if any frame was sent yet"],
]);

/** Body of an audio or microphone packet: this header, the frame, and the frame before it. */
export const soundHeader = layout("sound_header", "in front of the frames of a sound packet", [
  ["capture_ns", "u64", "sender's CLOCK_MONOTONIC when the frame's first sample was captured"],
  ["frame", "u32", "index of the frame, from 0; one each 5 ms while the source runs"],
  ["frame_bytes", "u16", "of the frame's Opus packet; what follows it is the frame before"],
  ["channel_count", "u8", "1, 2, 6 or 8, in the order of Vorbis (RFC 7845, 5.1.1.2)"],
  ["reserved", "u8", "0"],
]);

/** One entry of the 0xCF datagram: what the host measured of a frame after its header was sealed. */
export const hostTiming = layout("host_timing", "entry of a host timing datagram (0xCF)", [
  ["frame", "u32", "index of the frame"],
  ["queue_us", "u32", "capture to the start of the encoder"],
  ["encode_us", "u32", "conversion and encoding"],
  ["seal_us", "u32", "hand-over to the sender, parity and sealing, up to the first packet sent"],
  ["pace_us", "u32", "first packet sent to last packet sent"],
]);

export const frameFlag = { key: 1 } as const;
export const codec = { h264: 0, hevc: 1, av1: 2 } as const;
export type CodecName = keyof typeof codec;

/** Sizes that follow from the tables; asserted by layout tests and by the C compiler. */
export const sealTagBytes = 16;
export const sealKeyBytes = 16;
export const sealSaltBytes = 12;

/** First bytes of the QUIC datagrams' planes. */
export const datagramPlane = {
  gamepad: [0xc8, "gamepad snapshot, client → host"],
  rumble: [0xca, "rumble with a time to live, host → client"],
  richInput: [0xcc, "touchpad and motion, client → host"],
  hidOutput: [0xcd, "lights and triggers, host → client"],
  hostTiming: [0xcf, "u8 plane, u8 count, u16 reserved, then `count` host timing entries"],
} as const satisfies Record<string, readonly [number, string]>;
