import { expect, test } from "bun:test";
import { SeededRandom } from "../base/random.ts";
import { checkMessage, type Message, type MessageType, mayTravel, messages } from "./control.ts";
import vectors from "./control.vectors.json" with { type: "json" };
import { ControlDecoder, encodeMessage, lengthPrefixBytes } from "./control-stream.ts";
import { limit } from "./limits.ts";
import { packValue } from "./messagepack.ts";

const fromHex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** Vectors write bytes as {hex} and 64-bit times as {ns}. */
function revive(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revive);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && first?.[0] === "hex") return fromHex(first[1] as string);
  if (entries.length === 1 && first?.[0] === "ns") return BigInt(first[1] as string);
  return Object.fromEntries(entries.map(([key, each]) => [key, revive(each)]));
}
const messageOf = (vector: { message: unknown }) => revive(vector.message) as Message;
const decode = (bytes: Uint8Array) => new ControlDecoder().push(bytes);

test.each(vectors.exact)("writes and reads $name", (vector) => {
  const message = messageOf(vector);
  expect(hex(encodeMessage(message))).toBe(vector.hex);
  expect(decode(fromHex(vector.hex))).toEqual([{ kind: "message", message }]);
});

test("every message has a vector", () => {
  const types = new Set(vectors.exact.map((vector) => vector.message.type));
  expect([...types].sort()).toEqual(Object.keys(messages).sort());
});

test.each(vectors.lenient)("reads $name", (vector) => {
  const expected =
    "unknown" in vector
      ? { kind: "unknown", type: vector.unknown }
      : { kind: "message", message: messageOf(vector as { message: unknown }) };
  expect(decode(fromHex(vector.hex))).toEqual([expected as never]);
  expect(({} as { down?: boolean }).down).toBeUndefined();
});

test.each(vectors.bad)("refuses $name, and all that follows", (vector) => {
  const decoder = new ControlDecoder();
  const [item, ...others] = decoder.push(fromHex(vector.hex));
  expect(item?.kind).toBe("violation");
  expect(item?.kind === "violation" && item.why).toContain(vector.why);
  expect(others).toEqual([]);
  expect(decoder.push(fromHex(vectors.exact[0]?.hex as string))).toEqual([]);
});

test("a stream cut at any place gives the same messages", () => {
  const stream = fromHex(vectors.exact.map((vector) => vector.hex).join(""));
  const whole = decode(stream);
  expect(whole.length).toBe(vectors.exact.length);
  for (let at = 0; at <= stream.length; at++) {
    const decoder = new ControlDecoder();
    const items = [...decoder.push(stream.subarray(0, at)), ...decoder.push(stream.subarray(at))];
    expect(items.length).toBe(whole.length);
  }
  const decoder = new ControlDecoder();
  const bytewise = Array.from(stream, (byte) => decoder.push(Uint8Array.of(byte))).flat();
  expect(bytewise).toEqual([...whole]);
});

test("a decoded message shares no memory with the stream's pieces", () => {
  const piece = fromHex(vectors.exact[1]?.hex as string);
  const [item] = decode(piece);
  piece.fill(0xff);
  expect(item).toEqual({ kind: "message", message: messageOf(vectors.exact[1] as never) });
});

test("a message of exactly the limit is read, one more byte is refused", () => {
  const padded = (bytes: number) => {
    const empty = packValue({ type: "ping", id: 1, padding: "" }).length;
    const padding = "x".repeat(bytes - empty - 2);
    const body = packValue({ type: "ping", id: 1, padding });
    expect(body.length).toBe(bytes);
    const framed = new Uint8Array(lengthPrefixBytes + bytes);
    new DataView(framed.buffer).setUint32(0, bytes, true);
    framed.set(body, lengthPrefixBytes);
    return framed;
  };
  const most = limit("control_message_bytes_max");
  expect(decode(padded(most))).toEqual([{ kind: "message", message: { type: "ping", id: 1 } }]);
  expect(decode(padded(most + 1))[0]?.kind).toBe("violation");
});

test("codecs that this version does not know are left out of a hello", () => {
  const hello = { ...(messageOf(vectors.exact[1] as never) as object), codecs: ["vvc", "av1"] };
  const checked = checkMessage(hello);
  expect(checked.kind === "message" && checked.message).toMatchObject({ codecs: ["av1"] });
});

test("hello comes before welcome, the session's messages after it, and each from its own end", () => {
  const allowed = (from: "client" | "host", welcomed: boolean) =>
    (Object.keys(messages) as MessageType[]).filter((type) => mayTravel(type, from, welcomed));
  expect(allowed("client", false)).toEqual([
    "hello",
    "pairStart",
    "pairConfirm",
    "bye",
    "ping",
    "pong",
  ]);
  expect(allowed("host", false)).toEqual([
    "welcome",
    "pairShare",
    "pairConfirm",
    "approvalAwaited",
    "placeAwaited",
    "refuse",
    "bye",
    "ping",
    "pong",
  ]);
  expect(allowed("host", true)).toEqual([
    "pendingRequest",
    "pendingSettled",
    "levelChanged",
    "bye",
    "ping",
    "pong",
    "clockEcho",
    "reconfigured",
    "probeStarted",
    "probeResult",
    "speedTestAsk",
    "speedTestStop",
    "hostStats",
  ]);
  expect(allowed("client", true)).not.toContain("hello");
  expect(allowed("client", true)).toContain("key");
});

/** Changes some bytes, or cuts, or joins: what a broken or hostile peer may send. */
function mutate(random: SeededRandom, seeds: readonly Uint8Array[]): Uint8Array {
  const bytes = Uint8Array.from(random.pick(seeds));
  const changes = random.below(4);
  for (let i = 0; i < changes; i++) bytes[random.below(bytes.length)] = random.u32() & 0xff;
  if (random.chance(0.2)) return bytes.subarray(0, random.below(bytes.length + 1));
  if (random.chance(0.1)) return random.bytes(random.below(64));
  return bytes;
}

test("100,000 broken streams never throw and give only messages that are right", () => {
  const random = new SeededRandom(0x9777);
  const all = [...vectors.exact, ...vectors.lenient, ...vectors.bad];
  const seeds = all.map((vector) => fromHex(vector.hex)).filter((bytes) => bytes.length < 2000);
  const kinds = { message: 0, unknown: 0, violation: 0, nothing: 0 };
  for (let run = 0; run < 100_000; run++) {
    const decoder = new ControlDecoder();
    const bytes = mutate(random, seeds);
    const cut = random.below(bytes.length + 1);
    const items = [...decoder.push(bytes.subarray(0, cut)), ...decoder.push(bytes.subarray(cut))];
    kinds[items[0]?.kind ?? "nothing"]++;
    for (const item of items) {
      if (item.kind !== "message" || run % 16 !== 0) continue;
      // What was accepted is what we could have sent: it survives another round.
      const [again] = decode(encodeMessage(item.message));
      expect(again).toEqual(item);
    }
  }
  for (const count of Object.values(kinds)) expect(count).toBeGreaterThan(500);
});
