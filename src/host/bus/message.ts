/** D-Bus messages (D-Bus Specification, "Message Format"). Pure. */
import { BusFormatError, parseSignature, parseSingle } from "./signature.ts";
import { type BusValue, ValueReader, ValueWriter, Variant } from "./values.ts";

const kinds = ["call", "return", "error", "signal"] as const;
export type MessageKind = (typeof kinds)[number];

export interface BusMessage {
  readonly kind: MessageKind;
  /** Of this message; 1…2³²-1, unique on its connection. */
  readonly serial: number;
  readonly expectsReply: boolean;
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  /** Serial of the call that is answered. */
  readonly replySerial?: number;
  readonly destination?: string;
  readonly sender?: string;
  readonly signature?: string;
  /** How many descriptors came with it. */
  readonly descriptorCount?: number;
  readonly body: readonly BusValue[];
}

/** Header fields by their code. */
const fields = [
  { code: 1, name: "path", type: "o" },
  { code: 2, name: "interface", type: "s" },
  { code: 3, name: "member", type: "s" },
  { code: 4, name: "errorName", type: "s" },
  { code: 5, name: "replySerial", type: "u" },
  { code: 6, name: "destination", type: "s" },
  { code: 7, name: "sender", type: "s" },
  { code: 8, name: "signature", type: "g" },
  { code: 9, name: "descriptorCount", type: "u" },
] as const;

const protocolVersion = 1;
const noReplyFlag = 1;
const littleEndian = 0x6c;
const bigEndian = 0x42;
/** Up to and with the length of the array of header fields. */
const fixedBytes = 16;
const fieldsType = parseSingle("a(yv)");

/** Far above what is asked of a bus here; the specification allows 128 MiB. */
export const messageBytesMax = 1 << 24;

/** Throws BusFormatError when a value does not fit its type. */
export function encodeMessage(message: BusMessage): Uint8Array {
  const body = new ValueWriter();
  const types = parseSignature(message.signature ?? "");
  if (types.length !== message.body.length) {
    const { length } = message.body;
    throw new BusFormatError(`${length} values for the signature "${message.signature}"`);
  }
  for (const [i, type] of types.entries()) body.write(type, message.body[i] as BusValue);
  const bodyBytes = body.bytes();
  const header = new ValueWriter();
  const flags = message.expectsReply ? 0 : noReplyFlag;
  const numbers = [littleEndian, kinds.indexOf(message.kind) + 1, flags, protocolVersion];
  for (const number of numbers) header.write({ code: "y" }, number);
  header.write({ code: "u" }, bodyBytes.length);
  header.write({ code: "u" }, message.serial);
  const present = fields.flatMap(({ code, name, type }) => {
    const value = message[name];
    return value === undefined || value === "" ? [] : [[code, new Variant(type, value)]];
  });
  header.write(fieldsType, present);
  header.align(8);
  return Buffer.concat([header.bytes(), bodyBytes]);
}

/** How long the message is that begins with these bytes; undefined while that can't be told. */
export function messageBytes(bytes: Uint8Array): number | undefined {
  if (bytes.length < fixedBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, fixedBytes);
  const little = endianOf(bytes);
  const fieldBytes = view.getUint32(12, little);
  const padded = fieldBytes + (-fieldBytes & 7);
  const total = fixedBytes + padded + view.getUint32(4, little);
  if (total > messageBytesMax) throw new BusFormatError(`a message of ${total} bytes`);
  return total;
}

/** A whole message; undefined for one of a kind that is to be ignored. Throws BusFormatError. */
export function decodeMessage(bytes: Uint8Array): BusMessage | undefined {
  const little = endianOf(bytes);
  const reader = new ValueReader(bytes, little);
  const [, kindNumber, flags, version] = [0, 1, 2, 3].map(() => reader.read({ code: "y" }));
  if (version !== protocolVersion) throw new BusFormatError(`D-Bus of version ${version}`);
  reader.read({ code: "u" });
  const serial = reader.read({ code: "u" }) as number;
  const header = Object.assign({}, ...(reader.read(fieldsType) as BusValue[]).map(headerField));
  const kind = kinds[(kindNumber as number) - 1];
  if (kind === undefined) return undefined;
  checkHeader(kind, header);
  reader.align(8);
  const types = parseSignature(header.signature ?? "");
  const expectsReply = kind === "call" && ((flags as number) & noReplyFlag) === 0;
  return { ...header, kind, serial, expectsReply, body: types.map((type) => reader.read(type)) };
}

function endianOf(bytes: Uint8Array): boolean {
  if (bytes[0] === littleEndian) return true;
  if (bytes[0] === bigEndian) return false;
  throw new BusFormatError("what is no message");
}

function headerField(field: BusValue): Partial<BusMessage> {
  const [code, value] = field as [number, BusValue];
  const known = fields.find((one) => one.code === code);
  if (known === undefined) return {};
  const wanted = known.type === "u" ? "number" : "string";
  if (typeof value !== wanted) throw new BusFormatError(`a ${known.name} of another type`);
  return { [known.name]: value };
}

/** What the specification requires of each kind. */
function checkHeader(kind: MessageKind, header: Partial<BusMessage>): void {
  const required = {
    call: ["path", "member"],
    return: ["replySerial"],
    error: ["replySerial", "errorName"],
    signal: ["path", "interface", "member"],
  } as const;
  for (const name of required[kind]) {
    if (header[name] === undefined) throw new BusFormatError(`a ${kind} without its ${name}`);
  }
}
