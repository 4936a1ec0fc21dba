/** What a message of multicast DNS holds that discovery looks at, and which ones are not read. */

interface ResourceOf<Type extends string, Data> {
  readonly name: string;
  readonly type: Type;
  /** Seconds; 0 takes the record back. */
  readonly ttl: number;
  /** The sender has all records of this name and type: older ones of others are void. */
  readonly flush: boolean;
  readonly data: Data;
}

export interface ServicePlace {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
}

export type Resource =
  | ResourceOf<"PTR", string>
  | ResourceOf<"SRV", ServicePlace>
  | ResourceOf<"TXT", readonly Uint8Array[]>
  | ResourceOf<"A" | "AAAA", string>
  | ResourceOf<"NSEC", { readonly nextDomain: string; readonly rrtypes: readonly string[] }>;

export interface Question {
  readonly name: string;
  /** A record type, or ANY. */
  readonly type: string;
}

export interface Message {
  readonly id: number;
  readonly type: "query" | "response";
  readonly questions: readonly Question[];
  readonly answers: readonly Resource[];
  /** In a probe: the records that its sender means to have (RFC 6762 section 8.2). */
  readonly authorities: readonly Resource[];
  readonly additionals: readonly Resource[];
}

export type MessageFault = "truncated" | "oversized" | "crowded" | "unusual";

const headerBytes = 12;
/** RFC 6762 section 17. */
const messageBytesMax = 9000;
/** Questions and records of a message: those that are sent have a dozen, or some more with many
 * known answers. */
const entriesMax = 256;
/** The shortest question and the shortest record: name, type and class; TTL and length. */
const [questionBytesMin, recordBytesMin] = [5, 11];

/**
 * Why a datagram is not worth decoding; undefined = it is. What the header promises must fit the
 * datagram: a decoder makes room for it before it looks.
 */
export function messageFault(bytes: Uint8Array): MessageFault | undefined {
  if (bytes.length < headerBytes) return "truncated";
  if (bytes.length > messageBytesMax) return "oversized";
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const questions = view.getUint16(4);
  const records = view.getUint16(6) + view.getUint16(8) + view.getUint16(10);
  if (questions + records > entriesMax) return "crowded";
  const least = headerBytes + questions * questionBytesMin + records * recordBytesMin;
  if (bytes.length < least) return "truncated";
  // RFC 6762 sections 18.3 and 18.11: other operations and error codes are passed over.
  if ((view.getUint16(2) & 0x780f) !== 0) return "unusual";
  return undefined;
}

/** A message as the decoder of DNS packets gives it. */
export interface DecodedMessage {
  readonly id?: number | undefined;
  readonly type?: string | undefined;
  readonly questions?: readonly object[] | undefined;
  readonly answers?: readonly object[] | undefined;
  readonly authorities?: readonly object[] | undefined;
  readonly additionals?: readonly object[] | undefined;
}

/** Takes from a decoded message what discovery knows, and nothing else. Never throws. */
export function readMessage(decoded: DecodedMessage): Message {
  const resources = (list: readonly object[] = []) =>
    list.flatMap((each) => readResource(each) ?? []);
  return {
    id: decoded.id ?? 0,
    type: decoded.type === "response" ? "response" : "query",
    questions: (decoded.questions ?? []).flatMap((each) => readQuestion(each) ?? []),
    answers: resources(decoded.answers),
    authorities: resources(decoded.authorities),
    additionals: resources(decoded.additionals),
  };
}

/** IN, or ANY, or one of them with the bit for which the decoder has no name: answer me alone. */
const questionClasses = new Set<unknown>(["IN", "ANY", "UNKNOWN_32769", "UNKNOWN_33023"]);

function readQuestion(given: object): Question | undefined {
  const { name, type, class: group } = given as Record<string, unknown>;
  if (typeof name !== "string" || typeof type !== "string") return undefined;
  return questionClasses.has(group) ? { name, type } : undefined;
}

function readResource(given: object): Resource | undefined {
  const { name, type, ttl, flush, class: group, data } = given as Record<string, unknown>;
  if (typeof name !== "string" || typeof ttl !== "number" || group !== "IN") return undefined;
  const common = { name, ttl, flush: flush === true };
  if (type === "PTR" || type === "A" || type === "AAAA") {
    return typeof data === "string" ? { ...common, type, data } : undefined;
  }
  if (type === "TXT") {
    const isText = Array.isArray(data) && data.every((each) => each instanceof Uint8Array);
    return isText ? { ...common, type, data: data as Uint8Array[] } : undefined;
  }
  if (type !== "SRV" || typeof data !== "object" || data === null) return undefined;
  const { priority, weight, port, target } = data as Record<string, unknown>;
  if (typeof port !== "number" || typeof target !== "string") return undefined;
  const place = { priority: Number(priority), weight: Number(weight), port, target };
  return { ...common, type, data: place };
}
