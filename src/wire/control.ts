/**
 * The control messages of punktfunk/1. This table is all there is to know about them: who sends
 * one, when, and its fields. From it come the TypeScript types, the checks, and docs/protocol.md.
 * control-stream.ts has the framing. Unknown messages and fields are skipped, so both ends can grow.
 */
import { z } from "zod";
import { type ClientStageName, clientStageNames } from "../base/stages.ts";
import { micros, milliHz } from "../base/units.ts";
import { keyboardLayoutPattern } from "./keys.ts";
import { limit } from "./limits.ts";
import { codec as mediaCodecs } from "./media.ts";
import { levelNames } from "./pairing/level.ts";
import { pairingMessages } from "./pairing/messages.ts";

export const alpn = "punktfunk/1";

export type Role = "client" | "host";

/** A field: its type in words for the documentation, what it means, and its check. */
export interface Field<Schema extends z.ZodType = z.ZodType> {
  readonly type: string;
  readonly purpose: string;
  readonly schema: Schema;
}

function field<Schema extends z.ZodType>(type: string, schema: Schema) {
  return (purpose: string): Field<Schema> => ({ type, purpose, schema });
}

const unsigned = (max: number) => z.int().min(0).max(max);
const boolean = field("bool", z.boolean());
const u8 = field("u8", unsigned(0xff));
const u16 = field("u16", unsigned(0xffff));
const u32 = field("u32", unsigned(0xffff_ffff));
const i16 = field("i16", z.int().min(-0x8000).max(0x7fff));
/** A number that only grows; what does not fit into 32 bits may come as a 64-bit float. */
const count = field("count", unsigned(Number.MAX_SAFE_INTEGER));
const real = field("float", z.number().min(-1e9).max(1e9));
const nanoseconds = field(
  "u64",
  z
    .union([z.bigint(), z.number().refine(Number.isInteger)])
    .transform(BigInt)
    .refine((value) => value >= 0n && value < 1n << 64n),
);

const utf8Bytes = (text: string) => Buffer.byteLength(text);
const text = (max: number) => z.string().refine((value) => utf8Bytes(value) <= max);
/** Control characters and those that turn the direction of writing: never printed as they came. */
const unprintable = /[\p{Cc}\u2028-\u202e\u2066-\u2069]/gu;
/** What a peer says as one line that a terminal shows as it is. */
export const plainLine = (words: string): string => words.replace(unprintable, "");
const line = (max: number) => text(max).transform(plainLine);
const name = field("line", line(limit("device_name_bytes_max")));
const sentence = field("line", line(1024));
const word = line(64);
const words = field("words", z.array(word).max(32));
const reason = field("word", word);
const bytes = (length: number) =>
  field(
    `bytes[${length}]`,
    z
      .custom<Uint8Array>((value) => value instanceof Uint8Array)
      .refine((value) => value.length === length),
  );
const nullable = <Schema extends z.ZodType>(of: Field<Schema>) => ({
  type: `${of.type} or nil`,
  purpose: of.purpose,
  schema: of.schema.nullish().transform((value) => value ?? null),
});

const codecNames = Object.keys(mediaCodecs) as [keyof typeof mediaCodecs];
const codec = field(codecNames.join(" or "), z.enum(codecNames));
const codecs = field(
  "words",
  z
    .array(word)
    .max(32)
    .transform((names) => names.filter((each) => codecNames.includes(each as never)))
    .pipe(z.array(z.enum(codecNames))),
);
const mode = field(
  "map",
  z.object({
    width: unsigned(0xffff_ffff),
    height: unsigned(0xffff_ffff),
    refreshMilliHz: unsigned(0xffff_ffff).transform(milliHz),
  }),
);
const device = field(
  "map",
  z.object({ publicKey: bytes(32)("").schema, signature: bytes(64)("").schema }),
);
const worst = field(
  "map",
  z.object({
    data: unsigned(0xffff),
    parity: unsigned(0xffff),
    lost: unsigned(0x1_ffff),
    burst: unsigned(0x1_ffff),
  }),
);
const displays = field(
  "maps",
  z.array(z.object({ kind: word, version: word.nullish().transform((v) => v ?? null) })).max(16),
);
const microseconds = unsigned(Number.MAX_SAFE_INTEGER).transform(micros);
const percentilesSchema = z.object({
  p50: microseconds,
  p95: microseconds,
  p99: microseconds,
  max: microseconds,
});
const percentiles = field("map p50, p95, p99, max", percentilesSchema);
const stageFigures = percentilesSchema.nullish().transform((value) => value ?? null);
const clientStages = field(
  `map ${clientStageNames.join(", ")}`,
  z.object(
    Object.fromEntries(clientStageNames.map((name) => [name, stageFigures])) as Record<
      ClientStageName,
      typeof stageFigures
    >,
  ),
);
const level = field(levelNames.join(", "), z.enum(levelNames));
const keyboardLayout = field("word", z.string().regex(keyboardLayoutPattern));
const touchPhase = field("down, move, up or cancel", z.enum(["down", "move", "up", "cancel"]));
const fingerprint = field("64 hex digits", z.string().regex(/^[0-9a-f]{64}$/));
const pairing = field("optional or required", z.enum(["optional", "required"]));

/**
 * Who may send a message, and when: *opening* is before the host has answered with Welcome,
 * *session* after it, *always* both.
 */
export interface MessageSpec {
  readonly from: Role | "both";
  readonly when: "opening" | "session" | "always";
  readonly purpose: string;
  readonly fields: Readonly<Record<string, Field>>;
}

function message<const Fields extends Readonly<Record<string, Field>>>(
  from: MessageSpec["from"],
  when: MessageSpec["when"],
  purpose: string,
  fields: Fields,
) {
  return { from, when, purpose, fields } satisfies MessageSpec;
}

export const messages = {
  hello: message("client", "opening", "the first message of a connection, and the only first one", {
    version: u32("version of the protocol"),
    name: name("the client's name for people"),
    device: device("publicKey: Ed25519, 32 bytes; signature: over the channel binding, 64 bytes"),
    mode: mode("wanted picture: width, height in pixels, refreshMilliHz"),
    codecs: codecs("what the client can decode, best first; unknown ones are skipped"),
    bitrateKbps: nullable(u32("wanted bitrate; nil = the host's default")),
    fecPermille: nullable(u32("wanted share of parity; nil = the host decides and adapts")),
    features: words("optional abilities of the client"),
    purpose: nullable(
      field(
        "word",
        word,
      )("probe: only for speed tests, so no desktop is needed; pair: for a PIN; else a stream"),
    ),
    compositor: nullable(
      field("word", word)("which of the host's desktops is wanted; nil = the host chooses"),
    ),
    waits: nullable(boolean("true = waits for a person's approval if the host wants pairing")),
    keyboardLayout: nullable(
      keyboardLayout("XKB name of the client's keyboard, as us or de(nodeadkeys); nil = not known"),
    ),
    audio: nullable(u8("channels of sound that the client wants: 1, 2, 6 or 8; nil = no sound")),
    microphone: nullable(boolean("true = the client wants to be heard")),
  }),
  welcome: message(
    "host",
    "opening",
    "the session that the client gets; media keys follow from it",
    {
      session: u32("the session's tag in every media packet"),
      mediaPort: u16("UDP port of the host's media socket"),
      hostName: name("the host's name for people"),
      hostId: field("word", word)("stable id of the host"),
      codec: codec("what is sent"),
      encoder: field("word", word)("the encoder's name"),
      mode: mode("what is really sent"),
      bitrateKbps: u32("what the host took"),
      parityPermille: u32("share of parity at the start"),
      frameBytesMax: u32("largest frame; the receiver allocates no more"),
      framesInFlightMax: u32("frames that the receiver holds at once"),
      shardBytesMax: u32("largest shard"),
      lossWindowMs: u32("a frame incomplete for this long is lost"),
      stallMs: u32("a hole this old asks for a keyframe"),
      source: field("word", word)("what is captured"),
      sourceWhy: sentence("why this source was chosen"),
      displays: nullable(
        displays("desktops that this host can stream: kind, and version where it is known"),
      ),
      pairing: pairing("whether the host serves devices that it does not know"),
      level: nullable(
        level("what the device may do; nil = it is not paired, and may do all but manage"),
      ),
      keyboardLayout: nullable(
        keyboardLayout("by which the host reads keys; nil = the desktop's own, or no desktop"),
      ),
      audio: nullable(u8("channels of the sound that is sent; nil = none is")),
      microphone: nullable(boolean("true = the client is heard, in mono; else it need not send")),
    },
  ),
  ...pairingMessages,
  approvalAwaited: message(
    "host",
    "opening",
    "a person has to let this device in; Welcome follows",
    {
      id: field("word", word)("of the device, as the host shows it"),
      fingerprint: fingerprint("of the device's key, as the host shows it"),
      timeoutMs: u32("the host waits no longer"),
    },
  ),
  placeAwaited: message(
    "host",
    "opening",
    "all places are taken; Welcome follows when one is free",
    {
      ahead: u32("clients that get a place before this one"),
      clients: u32("clients that the host serves at once"),
      timeoutMs: u32("the host waits no longer"),
    },
  ),
  pendingRequest: message("host", "session", "a device waits for approval; to who may manage", {
    id: field("word", word)("of the device"),
    name: name("that the device gave itself"),
    fingerprint: fingerprint("of the device's key"),
    address: field("word", word)("where it connects from"),
    timeoutMs: u32("it waits no longer"),
  }),
  pendingAnswer: message("client", "session", "what the person said; from who may manage", {
    id: field("word", word)("of the device"),
    level: nullable(level("let it in with this level; nil = send it away")),
  }),
  pendingSettled: message("host", "session", "that device waits no longer", {
    id: field("word", word)("of the device"),
    how: field("word", word)("approved, denied, withdrawn or expired"),
  }),
  levelChanged: message("host", "session", "the device may do something else from now on", {
    level: level("what it may do"),
  }),
  refuse: message("host", "opening", "no session; the host closes the connection after it", {
    reason: reason("see reasons"),
    message: sentence("what happened and what to do, for a person"),
    detail: nullable(sentence("more for a log")),
  }),
  start: message("client", "session", "the client is ready to receive: the stream may begin", {}),
  bye: message("both", "always", "the sender ends the connection; the other end closes it", {
    reason: reason("see reasons"),
    message: sentence("for a person; may be empty"),
  }),
  ping: message("both", "always", "sent each second; any message shows that an end lives", {
    id: u32("returned in pong"),
  }),
  pong: message("both", "always", "answers a ping at once", { id: u32("of the ping") }),
  clockProbe: message("client", "session", "a round of the clock handshake", {
    id: u32("returned in clockEcho"),
    clientNs: nanoseconds("client's CLOCK_MONOTONIC when this was sent"),
  }),
  clockEcho: message("host", "session", "answers a clockProbe at once", {
    id: u32("of the probe"),
    clientNs: nanoseconds("of the probe"),
    hostReceivedNs: nanoseconds("host's CLOCK_MONOTONIC when the probe came"),
    hostSentNs: nanoseconds("host's CLOCK_MONOTONIC when this was sent"),
  }),
  requestKeyframe: message("client", "session", "decoding can't go on without a keyframe", {
    frame: nullable(u32("index of the first frame that is missing; nil = any")),
    why: field("word", word)("loss, stall, decoder or start; for counters and logs"),
  }),
  lossReport: message("client", "session", "what the receiver saw since its last report", {
    intervalMs: u32("time that this report covers"),
    packetsReceived: count("media packets that came"),
    packetsLost: count("media packets that never came within the loss window"),
    packetsLate: count("media packets that came after their frame was settled"),
    packetsDropped: count("of the lost ones those that the client's own machine dropped"),
    framesComplete: count("frames that have all their data, from parity or without"),
    framesRecovered: count("of them those that parity saved"),
    framesLost: count("frames that were given up"),
    shardsSettled: count("shards of the frames of which nothing more is expected"),
    shardsLost: count("of them those that never came"),
    lossRuns: count("runs of lost shards"),
    tailLost: count(
      "how far behind they lie: shardsLost if they are the last of their frames, 0 if the first, " +
        "half of it by chance",
    ),
    framesBeyond: count(
      "frames that lost more than the largest share of parity makes good; of frames that were " +
        "lost whole nothing is known",
    ),
    beyondSettled: count("their shards, which are among shardsSettled"),
    beyondLost: count("of them those that never came"),
    burstPacketsMax: u32("longest run of lost shards"),
    worst: nullable(
      worst(
        "of the other frames that which came closest to the end of its parity: its data and " +
          "parity shards, how many were lost, and the longest run of them",
      ),
    ),
  }),
  reconfigure: message("client", "session", "asks for another setting without reconnecting", {
    mode: nullable(mode("wanted picture; nil = unchanged")),
    bitrateKbps: nullable(u32("nil = unchanged")),
    parityPermille: nullable(u32("nil = unchanged")),
  }),
  reconfigured: message("host", "session", "what is in force now, also when the host changed it", {
    mode: mode("picture"),
    bitrateKbps: u32("bitrate of the encoder"),
    parityPermille: u32("share of parity"),
    problem: nullable(sentence("why something that was asked for is not in force")),
  }),
  setFec: message("client", "session", "fixes the share of parity, or lets it adapt again", {
    parityPermille: nullable(u32("nil = the host adapts")),
  }),
  probeRequest: message("client", "session", "asks for a burst of filler; it ends one that runs", {
    id: u32("returned in the answers"),
    rateKbps: u32("of frames, so without parity and headers; the host may take less"),
    durationMs: u32("of the burst; the host may take less"),
  }),
  probeStop: message("client", "session", "ends a burst before its time", {
    id: u32("of the request"),
  }),
  probeStarted: message("host", "session", "the burst begins; video is paused until its result", {
    id: u32("of the request"),
    rateKbps: u32("what the host sends"),
    rateKbpsMax: u32("the most that this host sends"),
    durationMs: u32("for how long"),
  }),
  probeResult: message("host", "session", "the burst is over: what the host did", {
    id: u32("of the request"),
    ended: field("word", word)("done, stopped, or no-path: no media packet of the client came"),
    durationMs: u32("how long it was"),
    sendUs: count("microseconds until its last packet had left; longer if the host was too slow"),
    framesOffered: count("frames of filler that the rate asks for in this time"),
    framesSent: count("of them sent; the others the host had no time for"),
    bytesSent: count("of these frames"),
    packetsSent: count("packets of filler and its parity that left the host"),
    packetsDropped: count("packets that the host's own machine dropped"),
  }),
  speedTestAsk: message("host", "session", "asks the client to test the speed of its path", {
    id: u32("returned in the answers; 0 is none"),
    rateKbps: nullable(u32("send at this rate; nil = find the rate that the path sustains")),
    durationMs: nullable(u32("of the burst whose figures count; nil = the usual one")),
  }),
  speedTestStop: message("host", "session", "asks the client to end that test", {
    id: u32("of the test"),
  }),
  speedTestProgress: message("client", "session", "how the burst goes that runs", {
    id: u32("of the test"),
    targetKbps: u32("what is sent"),
    elapsedMs: u32("of the burst"),
    throughputKbps: count("of the last interval"),
    lossPct: nullable(real("of packets")),
    jitterUs: nullable(real("of frames")),
  }),
  speedTestResult: message("client", "session", "that test is over", {
    id: u32("of the test"),
    error: sentence("why nothing was measured; empty = it was"),
    targetKbps: u32("rate of the burst whose figures these are"),
    throughputKbps: nullable(count("what came")),
    lossPct: nullable(real("of packets")),
    jitterUs: nullable(real("of frames")),
    recommendedKbps: nullable(count("a bitrate for this path")),
    limitedBy: field("word", word)("rate, clamp, host, network or client"),
    bursts: u32("how many there were"),
  }),
  clientStats: message("client", "session", "the client's figures, sent each second", {
    framesDecoded: count("pictures decoded since Start"),
    framesPresented: nullable(count("pictures shown since Start; nil when nothing shows them")),
    captureToPresentedUs: nullable(percentiles("since the last one; nil when not measured")),
    stagesUs: nullable(
      clientStages("of each stage of the client's: percentiles since the last one, or nil"),
    ),
    packetsDisordered: nullable(count("packets that came behind later ones")),
    decodeRefused: nullable(count("frames that the decoder's full queue did not take")),
    presentReplaced: nullable(count("pictures that a newer one replaced before they were shown")),
    clockErrorNs: nullable(count("the clocks' offset is wrong by at most this; nil = not known")),
    clockSuspect: nullable(boolean("the clocks contradict each other")),
  }),
  hostStats: message("host", "session", "the host's figures, sums since Start", {
    framesCaptured: count("pictures that the source gave"),
    framesReplaced: count("pictures that a newer one replaced before the encoder"),
    framesSent: count("frames sent"),
    keyframes: count("of them keyframes"),
    packetsSent: count("media packets sent"),
    packetsDropped: count("media packets that the sender's own machine dropped"),
    bytesSent: count("bytes of media packets"),
    bitrateKbps: u32("bitrate of the encoder now"),
    parityPermille: u32("share of parity now"),
    parityCause: reason("why it is what it is; docs/adaptive-fec.md names the reasons"),
  }),
  key: message("client", "session", "a key went down or up", {
    usage: u16("USB HID usage of page 7"),
    down: boolean("true = down"),
  }),
  button: message("client", "session", "a mouse button went down or up", {
    button: u8("1 left, 2 middle, 3 right, 4 back, 5 forward"),
    down: boolean("true = down"),
  }),
  motion: message("client", "session", "the pointer moved by a distance", {
    dx: real("pixels of the picture, right is positive"),
    dy: real("pixels of the picture, down is positive"),
  }),
  position: message("client", "session", "the pointer is at a place", {
    x: u16("0 left edge … 65535 right edge of the picture"),
    y: u16("0 upper edge … 65535 lower edge of the picture"),
  }),
  scroll: message("client", "session", "the wheel turned", {
    h: i16("1/120 of a notch, right is positive"),
    v: i16("1/120 of a notch, down is positive"),
  }),
  touch: message("client", "session", "a finger on the picture", {
    finger: field(
      `0…${limit("touch_fingers_max") - 1}`,
      unsigned(limit("touch_fingers_max") - 1),
    )("which one; free again after up and cancel"),
    phase: touchPhase("cancel = it was never meant"),
    x: u16("0 left edge … 65535 right edge of the picture; as before for up and cancel"),
    y: u16("0 upper edge … 65535 lower edge of the picture"),
  }),
  text: message("client", "session", "text to type, whatever the keyboard's layout", {
    text: field("text", text(limit("text_bytes_max")))("UTF-8"),
  }),
} as const satisfies Record<string, MessageSpec>;

export type MessageType = keyof typeof messages;

/** A message of one type (or of one of several), as both ends hold it. */
export type MessageOf<Type extends MessageType> = Type extends MessageType
  ? { readonly type: Type } & {
      readonly [Name in keyof (typeof messages)[Type]["fields"]]: FieldValueOf<
        (typeof messages)[Type]["fields"][Name]
      >;
    }
  : never;
type FieldValueOf<Of> = Of extends Field<infer Schema> ? z.output<Schema> : never;

/** Any control message. */
export type Message = MessageOf<MessageType>;

const schemas: ReadonlyMap<string, z.ZodType> = new Map(
  Object.entries(messages).map(([type, spec]: [string, MessageSpec]) => {
    const fields = Object.entries(spec.fields).map(([key, { schema }]) => [key, schema] as const);
    return [type, z.object({ type: z.literal(type), ...Object.fromEntries(fields) })];
  }),
);

export type Checked =
  | { readonly kind: "message"; readonly message: Message }
  /** A type that this version does not know: skipped. */
  | { readonly kind: "unknown"; readonly type: string }
  | { readonly kind: "violation"; readonly why: string };

/** Checks a decoded value against its message's fields. Never throws. */
export function checkMessage(value: unknown): Checked {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { kind: "violation", why: "a message is not a map" };
  }
  const type = (value as { type?: unknown }).type;
  if (typeof type !== "string") return { kind: "violation", why: "a message has no type" };
  const schema = schemas.get(type);
  if (schema === undefined) return { kind: "unknown", type: type.slice(0, 64) };
  const checked = schema.safeParse(value);
  if (checked.success) return { kind: "message", message: checked.data as Message };
  const issue = checked.error.issues[0];
  const where = issue === undefined ? "" : issue.path.map(String).join(".");
  return { kind: "violation", why: `${type}.${where} is out of its range` };
}

/** Whether the end that plays `from` may send `type` now; `welcomed` = Welcome has been sent. */
export function mayTravel(type: MessageType, from: Role, welcomed: boolean): boolean {
  const spec: MessageSpec = messages[type];
  if (spec.from !== "both" && spec.from !== from) return false;
  return spec.when === "always" || (spec.when === "session") === welcomed;
}
