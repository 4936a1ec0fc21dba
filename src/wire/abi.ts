/**
 * Structs that cross between TypeScript and C: configurations (TypeScript fills them before
 * `open`) and events. They never leave the machine. `pointer` fields hold native addresses.
 */
import { layout } from "./layout.ts";

/** What a native stage tells TypeScript: rare things, by the one event queue. */
export const eventKind = {
  none: 0,
  started: 1,
  failed: 2,
  ended: 3,
  format: 4,
  first_frame: 5,
  /** a = first missing frame. A keyframe is needed unless it still completes. */
  stall: 6,
  /** a = index of the frame that ended a stall, b = milliseconds without a picture. */
  recovered: 7,
  /** The peer's media address was learned or changed; text = address. */
  path: 8,
  note: 9,
  window_closed: 10,
  window_resized: 11,
  focus_lost: 12,
  focus_gained: 13,
  /** A person asks for the next mode. */
  next_mode: 14,
  /** a = USB HID usage of page 7, b = 1 down, 0 up. */
  key: 20,
  /** a = button 1 left, 2 middle, 3 right, 4 back, 5 forward, b = 1 down, 0 up. */
  button: 21,
  /** Relative motion in picture pixels: a = dx, b = dy. */
  motion: 22,
  /** Absolute position: a = x, b = y, both 0…65535 over the picture. */
  position: 23,
  /** a = horizontal, b = vertical, in 1/120 of a notch; positive is right and down. */
  scroll: 24,
  /** text = up to 127 bytes of UTF-8 without control characters other than U+0009 and U+000A. */
  text: 25,
  /** a = finger + 256 * phase (0 down, 1 move, 2 up, 3 cancel), b = x + 65536 * y as position. */
  touch: 26,
} as const;
export type EventKind = keyof typeof eventKind;

export const event = layout("event", "one entry of the event queue", [
  ["kind", "u32", "see event kinds"],
  ["stage", "u32", "the number that TypeScript gave the stage at open"],
  ["time_ns", "u64", "CLOCK_MONOTONIC when it happened"],
  ["a", "i64", "by kind"],
  ["b", "i64", "by kind"],
  ["text", "chars", "by kind; zero-terminated UTF-8", 128],
]);

/** Pixel formats of raw pictures. */
export const pixelFormat = { bgrx: 0, i420: 1, nv12: 2, rgbx: 3 } as const;

export const sink = layout("sink_ref", "where a stage's output goes", [
  ["push", "pointer", "void (*)(void *context, void *item)"],
  ["context", "pointer", "first argument of push"],
]);

export const sourceConfig = layout("source_config", "synthetic source", [
  ["events", "pointer", "event queue, or 0"],
  ["sink_push", "pointer", "picture sink"],
  ["sink_context", "pointer", "its context"],
  ["width", "u32", "pixels, even"],
  ["height", "u32", "pixels, even"],
  ["refresh_mhz", "u32", "pictures per 1,000 seconds"],
  ["pattern", "u32", "0 moving picture with marker, 1 test card with marker, 2 still with marker"],
  ["stage", "u32", "stage number for events"],
  ["frame_limit", "u32", "stops after this many frames; 0 = never"],
]);

export const captureConfig = layout("capture_config", "zwlr_screencopy capture", [
  ["events", "pointer", "event queue, or 0"],
  ["sink_push", "pointer", "picture sink"],
  ["sink_context", "pointer", "its context"],
  ["socket", "chars", "absolute path of the Wayland socket", 108],
  ["output", "chars", "name of the output; empty = the first", 64],
  ["stage", "u32", "stage number for events"],
  ["refresh_mhz", "u32", "never captures faster than this"],
  ["cursor", "u32", "1 = the compositor paints the pointer into the picture"],
]);

/** What a capture says of the output that it opened. */
export const captureOutput = layout("capture_output", "the output that is captured", [
  ["name", "chars", "the compositor's name for it", 64],
  ["width", "u32", "pixels of its pictures"],
  ["height", "u32", "pixels of its pictures"],
  ["refresh_mhz", "u32", "pictures per 1,000 seconds; 0 = not known"],
  ["reserved", "u32", "0"],
]);

export const x11Config = layout("x11_config", "capture of an X11 screen", [
  ["events", "pointer", "event queue, or 0"],
  ["sink_push", "pointer", "picture sink"],
  ["sink_context", "pointer", "its context"],
  ["display", "chars", "as :0, or :0#COOKIE with the server's MIT-MAGIC-COOKIE-1 in hex", 108],
  ["stage", "u32", "stage number for events"],
  ["refresh_mhz", "u32", "never captures faster than this"],
  ["cursor", "u32", "1 = the pointer is painted into the picture"],
]);

export const kwinConfig = layout("kwin_config", "an output of KWin and its cast", [
  ["events", "pointer", "event queue"],
  ["socket", "chars", "absolute path of the Wayland socket", 108],
  ["name", "chars", "of a new virtual output; empty = the first output there is", 64],
  ["width", "u32", "pixels of a new output"],
  ["height", "u32", "pixels of a new output"],
  ["refresh_mhz", "u32", "wanted of a new output"],
  ["cursor", "u32", "1 = the pointer is painted into the picture"],
  ["stage", "u32", "stage number for events"],
]);

export const screencastConfig = layout("screencast_config", "PipeWire video capture", [
  ["events", "pointer", "event queue, or 0"],
  ["sink_push", "pointer", "picture sink"],
  ["sink_context", "pointer", "its context"],
  ["socket", "chars", "the server's socket, path or name; empty = the user's own server", 108],
  ["target", "chars", "name or serial of the video node; empty = see node", 128],
  ["fd", "i32", "a connected socket, taken over also on failure; -1 = connect to socket"],
  ["node", "u32", "id of the video node; 0xffffffff = see target"],
  ["stage", "u32", "stage number for events"],
  ["refresh_mhz", "u32", "never gives pictures faster than this"],
  ["width", "u32", "pixels wanted of producers that take a size; 0 = theirs"],
  ["height", "u32", "likewise"],
  ["cursor", "u32", "1 = the pointer that comes beside the pictures is drawn into them"],
  ["dmabuf", "u32", "1 = pictures may come as DMA buffers with linear rows"],
  ["first_frame_ms", "u32", "how long a first picture is waited for; 0 = default"],
  ["buffer_count", "u32", "buffers that are wished for; 0 = default"],
  ["reserved", "u32", "0"],
]);

/** What a screencast says of itself: for the encoder, and to tell why nothing comes. */
export const screencastState = layout("screencast_state", "how a screencast stands", [
  ["name", "chars", "of the node", 64],
  ["state", "chars", "of the stream, in PipeWire's words", 24],
  ["format", "chars", "agreed pixel format, as BGRx; empty = none", 16],
  ["memory", "chars", "what the buffers are; empty = there are none", 24],
  ["error", "chars", "last error's words; empty = none", 160],
  ["node", "u32", "its id"],
  ["width", "u32", "pixels of the pictures; 0 = not agreed"],
  ["height", "u32", "likewise"],
  ["refresh_mhz", "u32", "fastest that the producer promised; 0 = it did not tell"],
  ["buffer_count", "u32", "buffers of the producer"],
  ["reserved", "u32", "0"],
]);

export const pipewireServer = layout("pipewire_server", "a PipeWire server that answered", [
  ["version", "chars", "as 0.3.65", 32],
  ["session_manager", "u32", "1 = one runs, without which nothing is connected"],
  ["reserved", "u32", "0"],
]);

export const inputConfig = layout("input_config", "virtual keyboard, pointer and touch screen", [
  ["events", "pointer", "event queue, or 0"],
  ["path", "chars", "absolute path of the compositor's or EIS socket, or of the device", 108],
  ["region", "chars", "what positions refer to: an output or a mapping id; empty = the first", 64],
  ["layout", "chars", "XKB layout, as us or de", 32],
  ["stage", "u32", "stage number for events"],
  ["fd", "i32", "EIS: a connected socket, taken over also on failure; -1 = connect to path"],
  ["width", "u32", "EIS: of the wanted region where no mapping id fits; 0 = any"],
  ["height", "u32", "likewise"],
  ["reserved", "u32", "0"],
]);

export const encodeConfig = layout("encode_config", "encoder stage", [
  ["events", "pointer", "event queue, or 0"],
  ["sink_push", "pointer", "access unit sink"],
  ["sink_context", "pointer", "its context"],
  ["encoder", "chars", "libavcodec's name, as libx264 or h264_nvenc", 32],
  ["device", "chars", "device for hardware encoders, as /dev/dri/renderD128; empty = default", 64],
  ["width", "u32", "pixels, even"],
  ["height", "u32", "pixels, even"],
  ["refresh_mhz", "u32", "nominal picture rate"],
  ["bitrate_kbps", "u32", "constant bit rate"],
  ["codec", "u32", "as in the frame header"],
  ["threads", "u32", "software encoder threads; 0 = as many as cores"],
  ["stage", "u32", "stage number for events"],
  ["settle_count", "u32", "how often a still picture is encoded again until it is sharp"],
]);

export const portConfig = layout("port_config", "UDP port with its receiving thread", [
  ["events", "pointer", "event queue, or 0"],
  ["address", "chars", "local IPv4 or IPv6 address; :: serves both", 64],
  ["port", "u16", "0 = any free one"],
  ["reserved", "u16", "0"],
  ["socket_bytes", "u32", "wanted size of the socket buffers"],
  ["stage", "u32", "stage number for events"],
  ["batch", "u32", "packets per system call, 1…64; 0 = default"],
  ["flags", "u32", "bit 0: no GSO, bit 1: no GRO (to measure and test the fallbacks)"],
  ["reserved2", "u32", "0"],
]);

export const sessionConfig = layout("session_config", "one peer on a port: its keys and its path", [
  ["events", "pointer", "event queue, or 0"],
  ["session", "u32", "session tag"],
  ["is_host", "u32", "1 = learns the path from hellos, 0 = sends hellos to the peer address"],
  ["send_key", "chars", "AES-128 key of what this end sends", 16],
  ["receive_key", "chars", "AES-128 key of what this end receives", 16],
  ["send_salt", "chars", "nonce salt of what this end sends", 12],
  ["receive_salt", "chars", "nonce salt of what this end receives", 12],
  ["peer_address", "chars", "client only: the host's address", 64],
  ["peer_port", "u16", "client only: the host's media port"],
  ["reserved", "u16", "0"],
  ["stage", "u32", "stage number for events"],
]);

export const sendConfig = layout("send_config", "packetizer, FEC, sealing and paced sending", [
  ["events", "pointer", "event queue, or 0"],
  ["session", "pointer", "session that seals and carries the packets; must outlive the stage"],
  ["frame_bytes_max", "u32", "largest frame header + access unit"],
  ["shard_bytes_max", "u32", "multiple of 64"],
  ["shard_bytes_small", "u32", "multiple of 64; smallest shard of a frame with several"],
  ["shard_count_target", "u32", "data shards that a frame is cut into before shards grow"],
  ["bitrate_kbps", "u32", "the stream's rate, for pacing"],
  ["pace_multiple", "u32", "see limits"],
  ["burst_bytes", "u32", "see limits"],
  ["stage", "u32", "stage number for events"],
  ["parity_permille", "u32", "share for blocks longer than the table"],
  ["parity_table", "u16s", "parity shards by data shard count 0…256", 257],
  ["plane", "u16", "of the packets: video or probe; 0 = video"],
]);

export const receiveConfig = layout("receive_config", "reassembler", [
  ["events", "pointer", "event queue, or 0"],
  ["sink_push", "pointer", "access unit sink, called on the receiving thread"],
  ["sink_context", "pointer", "its context"],
  ["session", "pointer", "session whose video packets it takes; must outlive the stage"],
  ["frame_bytes_max", "u32", "negotiated"],
  ["frames_in_flight_max", "u32", "negotiated"],
  ["shard_bytes_max", "u32", "negotiated"],
  ["loss_window_ms", "u32", "see limits"],
  ["stall_ms", "u32", "see limits"],
  ["stage", "u32", "stage number for events"],
  ["plane", "u32", "of the packets: video or probe; 0 = video"],
  ["reserved", "u32", "0"],
]);

export const frameLoss = layout("frame_loss", "a settled frame that lost shards on its way", [
  ["frame", "u32", "its index"],
  ["data_count", "u16", "its data shards"],
  ["parity_count", "u16", "its parity shards"],
  ["lost", "u16", "shards that never came"],
  ["late", "u16", "shards that came after it was complete or given up"],
  ["runs", "u16", "runs of shards that never came"],
  ["longest_run", "u16", "shards of the longest"],
  ["tail_lost", "u16", "lost if they are its last shards, 0 if its first, half by chance"],
  ["reserved", "u16", "0"],
]);

export const labConfig = layout("lab_config", "one cell of the loss harness", [
  ["scheme", "u32", "0 this protocol's own packets, 1 Moonlight's layout"],
  ["frame_bytes", "u32", "bytes of each coded picture"],
  ["slot_count", "u32", "frames whose packets are kept at once"],
  ["parity_permille", "u32", "share of blocks longer than the table, and of all Moonlight blocks"],
  ["parity_table", "u16s", "parity shards by data shard count 0…256", 257],
  ["reserved", "u16", "0"],
]);

export const fillerConfig = layout("filler_config", "frames of filler for speed tests", [
  ["events", "pointer", "event queue, or 0"],
  ["sink_push", "pointer", "access unit sink"],
  ["sink_context", "pointer", "its context"],
  ["session", "pointer", "session whose path is waited for; must outlive the stage"],
  ["frame_bytes_max", "u32", "largest frame header + filler"],
  ["frames_per_second", "u32", "of a burst"],
  ["stage", "u32", "stage number for events"],
  ["reserved", "u32", "0"],
]);

export const decodeConfig = layout("decode_config", "decoder stage", [
  ["events", "pointer", "event queue, or 0"],
  ["sink_push", "pointer", "picture sink, or 0"],
  ["sink_context", "pointer", "its context"],
  ["codec", "u32", "as in the frame header"],
  ["threads", "u32", "slice threads; 0 = as many as cores"],
  ["hardware", "chars", "hardware device type, as vaapi or cuda; empty = software", 32],
  ["stage", "u32", "stage number for events"],
  ["queue_count", "u32", "access units that may wait; then the newest are refused"],
  ["width", "u32", "negotiated picture width; a larger picture is refused"],
  ["height", "u32", "negotiated picture height"],
]);

export const tapConfig = layout("tap_config", "keeps the newest picture for a reader", [
  ["sink_push", "pointer", "picture sink that every picture is passed on to, or 0"],
  ["sink_context", "pointer", "its context"],
  ["flags", "u32", "bit 0: read the synthetic marker of every picture"],
  ["reserved", "u32", "0"],
]);

/** What a tap says of the picture that it holds. */
export const tapPicture = layout("tap_picture", "the picture that a tap holds", [
  ["number", "u64", "counts the pictures of its source, from 0"],
  ["capture_ns", "u64", "host's clock"],
  ["decode_end_ns", "u64", "this machine's clock; 0 = not decoded"],
  ["width", "u32", "pixels"],
  ["height", "u32", "pixels"],
  ["format", "u32", "see pixel formats"],
  ["marker_found", "u32", "1 = the marker was read, so that the next two fields count"],
  ["marker_capture_ns", "u64", "from the marker"],
  ["marker_frame", "u32", "number of the picture from the marker, modulo 2^24"],
  ["marker_mark", "u32", "from the marker"],
]);

/** A patch of the synthetic test card. */
export const cardPatch = layout("card_patch", "one patch of the test card", [
  ["x", "u32", "left edge in pixels"],
  ["y", "u32", "top edge in pixels"],
  ["width", "u32", "pixels"],
  ["height", "u32", "pixels"],
  ["rgb", "u32", "0xRRGGBB"],
]);

export const recordConfig = layout("record_config", "recording without encoding again", [
  ["events", "pointer", "event queue, or 0"],
  ["path", "chars", "file to write", 1024],
  ["format", "chars", "libavformat's muxer name: matroska, mp4, h264, hevc, obu", 32],
  ["codec", "u32", "as in the frame header"],
  ["width", "u32", "pixels"],
  ["height", "u32", "pixels"],
  ["refresh_mhz", "u32", "nominal picture rate"],
  ["stage", "u32", "stage number for events"],
  ["reserved", "u32", "0"],
]);

export const presentConfig = layout("present_config", "presenter stage", [
  ["events", "pointer", "event queue, or 0"],
  ["title", "chars", "window title", 128],
  ["font", "chars", "path of a TrueType font for the overlay; empty = no overlay", 512],
  ["terminal", "chars", "path of the terminal, as /dev/tty", 64],
  ["width", "u32", "picture width"],
  ["height", "u32", "picture height"],
  ["flags", "u32", "bit 0: full screen, 1: relative mouse, 2: no input, 3: text"],
  ["stage", "u32", "stage number for events"],
]);

export const planeConfig = layout("plane_config", "packets of one plane, out or in", [
  ["sink_push", "pointer", "packet sink, called on the receiving thread; of what comes in"],
  ["sink_context", "pointer", "its context"],
  ["session", "pointer", "session that carries the packets; must outlive the stage"],
  ["plane", "u32", "audio or microphone"],
  ["reserved", "u32", "0"],
]);

/** What a sound stage is in the graph of PipeWire, or that it is not there. */
export const soundRole = {
  /** A sink of its own, to which applications play. */
  sink: 0,
  /** Hears what the default sink plays. */
  monitor: 1,
  /** Hears the default source. */
  capture: 2,
  /** Plays to the default sink. */
  playback: 3,
  /** A source of its own, from which applications record. */
  source: 4,
  /** Who has the stage's samples pulls them: no part of PipeWire. */
  pulled: 5,
} as const;
export type SoundRole = keyof typeof soundRole;

export const soundConfig = layout("sound_config", "a stage that hears or plays sound", [
  ["events", "pointer", "event queue, or 0"],
  ["sink_push", "pointer", "packet sink of a stage that hears"],
  ["sink_context", "pointer", "its context"],
  ["socket", "chars", "PipeWire's socket, path or name; empty = the user's own server", 108],
  ["name", "chars", "of the node", 64],
  ["description", "chars", "of the node, for people", 128],
  ["role", "u32", "see sound roles"],
  ["channel_count", "u32", "1, 2, 6 or 8"],
  ["bitrate_kbps", "u32", "of a stage that hears"],
  ["stage", "u32", "stage number for events"],
  ["reserved", "u32", "0"],
]);

export const speakerConfig = layout("speaker_config", "sound device by SDL", [
  ["events", "pointer", "event queue, or 0"],
  ["sink_push", "pointer", "fills the sound block that it gets, on the device's thread"],
  ["sink_context", "pointer", "its context"],
  ["channel_count", "u32", "1, 2, 6 or 8"],
  ["stage", "u32", "stage number for events"],
]);

/** Knobs: `pf_<kernel>_set(handle, knob, i64 value)`, callable from any thread at any time. */
export const knob = {
  /** Nanoseconds to add to a host time to get this machine's; INT64_MIN = not known. */
  clock_offset_ns: 1,
  bitrate_kbps: 2,
  /** Value ignored: the next access unit is a keyframe, made from the last picture if need be. */
  keyframe: 3,
  parity_permille: 4,
  overlay_visible: 5,
  grab: 6,
  fullscreen: 7,
  paused: 8,
  /** What the synthetic source's marker shows from the next picture on, 0…255. */
  mark: 9,
  /** Largest picture that is taken from now on: width × 65,536 + height. */
  picture_max: 10,
  /** 1 = keys that print come as text of this machine's layout, 0 = by their place. */
  text_input: 9,
  /** 0 = no input events, as while a question is open in the terminal. */
  input_enabled: 10,
  /** Nanoseconds by which clock_offset_ns is wrong at most, ≥ 0; 0 until it is told. */
  clock_error_ns: 11,
} as const;
