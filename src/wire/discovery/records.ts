/** The records that a host has in the network, and what it answers to a question about them. */
import { isIPv4, isIPv6 } from "node:net";
import type { Message, Question, Resource } from "./message.ts";
import { instanceName, sameName, serviceList, serviceType, targetName } from "./names.ts";
import { decodeText, encodeText, type HostText } from "./text.ts";

export interface Advert extends HostText {
  /** The instance's label, unique in the network. */
  readonly label: string;
  /** UDP port of the control plane. */
  readonly port: number;
}

/** RFC 6762 section 10: what depends on an address is asked for anew soon, the rest rarely. */
const [addressTtl, otherTtl] = [120, 4500];

/** Addresses that one host advertises on one interface; a host of more has been set up strangely. */
const addressesMax = 8;

/** The records that name the host and are nobody else's, and so are probed for. */
export function claimOf(advert: Advert): Resource[] {
  const name = instanceName(advert.label);
  const place = { priority: 0, weight: 0, port: advert.port, target: targetName(advert.id) };
  const text = encodeText(advert).map((string) => Buffer.from(string));
  return [
    { name, type: "SRV", ttl: addressTtl, flush: true, data: place },
    { name, type: "TXT", ttl: otherTtl, flush: true, data: text },
  ];
}

/** All records of a host; `addresses` are those of the interface that they go out of. */
export function recordsOf(advert: Advert, addresses: readonly string[]): Resource[] {
  const name = instanceName(advert.label);
  const target = targetName(advert.id);
  const shared = { ttl: otherTtl, flush: false } as const;
  return [
    { ...shared, name: serviceType, type: "PTR", data: name },
    { ...shared, name: serviceList, type: "PTR", data: serviceType },
    ...claimOf(advert),
    ...addresses
      .filter(isUsableAddress)
      .slice(0, addressesMax)
      .map((address) => ({
        name: target,
        type: isIPv4(address) ? ("A" as const) : ("AAAA" as const),
        ttl: addressTtl,
        flush: true,
        data: address,
      })),
  ];
}

/**
 * What takes the host's records back (RFC 6762 section 10.1). That the service exists at all stays:
 * it may be another host's as well.
 */
export function goodbyeOf(advert: Advert, addresses: readonly string[]): Resource[] {
  return recordsOf(advert, addresses)
    .filter(({ name }) => name !== serviceList)
    .map((record) => ({ ...record, ttl: 0 }));
}

/**
 * What a host's records answer to a query. Records that the asker shows to know are left out
 * (RFC 6762 section 7.1), and a type that a name of the host's own does not have is denied
 * (section 6.1).
 */
export function answersTo(query: Message, records: readonly Resource[]): Resource[] {
  const asked = records.filter((record) => query.questions.some((each) => matches(each, record)));
  const isKnown = (record: Resource) =>
    query.answers.some((known) => known.ttl >= record.ttl / 2 && sameRecord(known, record));
  const denials = query.questions.flatMap((question) => denial(question, records) ?? []);
  return [...asked.filter((record) => !isKnown(record)), ...denials];
}

/** The records that an asker of `answers` asks for next (RFC 6763 section 12). */
export function additionalsOf(
  answers: readonly Resource[],
  records: readonly Resource[],
): Resource[] {
  const instance = records.find(({ type }) => type === "SRV")?.name;
  const hasInstance = answers.some(({ type, data }) => type === "PTR" && data === instance);
  const hasPlace = answers.some(({ type }) => type === "SRV");
  return records.filter((record) => {
    if (record.type === "PTR" || answers.includes(record)) return false;
    return hasInstance || (hasPlace && (record.type === "A" || record.type === "AAAA"));
  });
}

function matches({ name, type }: Question, record: Resource): boolean {
  return (type === record.type || type === "ANY") && sameName(name, record.name);
}

function denial(question: Question, records: readonly Resource[]): Resource | undefined {
  const own = records.filter((each) => each.type !== "PTR" && sameName(each.name, question.name));
  const name = own[0]?.name;
  const types = [...new Set(own.map(({ type }) => type))];
  if (name === undefined || question.type === "ANY") return undefined;
  if (types.some((type) => type === question.type)) return undefined;
  const data = { nextDomain: name, rrtypes: types };
  return { name, type: "NSEC", ttl: addressTtl, flush: true, data };
}

/** Whether two records say the same, whatever their TTL. */
export function sameRecord(a: Resource, b: Resource): boolean {
  return a.type === b.type && sameName(a.name, b.name) && dataKey(a) === dataKey(b);
}

function dataKey({ type, data }: Resource): string {
  if (typeof data === "string") return data.toLowerCase();
  if (type === "TXT") return textBytes(data as readonly Uint8Array[]).toString("latin1");
  return JSON.stringify(data).toLowerCase();
}

const textBytes = (strings: readonly Uint8Array[]) =>
  Buffer.concat(strings.flatMap((each) => [Buffer.from([each.length]), each]));

/**
 * Whether a record of the network says that the host's name is another one's. Records of an earlier
 * state of this host, which a network may repeat late, do not.
 */
export function contests(record: Resource, advert: Advert): boolean {
  if (record.ttl === 0 || !sameName(record.name, instanceName(advert.label))) return false;
  if (record.type === "SRV") {
    return record.data.port !== advert.port || !sameName(record.data.target, targetName(advert.id));
  }
  if (record.type !== "TXT") return false;
  const text = decodeText(record.data);
  return typeof text === "string" || text.id !== advert.id;
}

/**
 * Which of two that probe for one name at once may have it: below 0 when `a` comes before `b` and
 * has to give way, 0 when they claim the same (RFC 6762 section 8.2: the later data wins, byte for
 * byte; records are compared in the order of their types' numbers, TXT 16 before SRV 33).
 */
export function compareClaims(a: readonly Resource[], b: readonly Resource[]): number {
  return Buffer.compare(claimBytes(a), claimBytes(b));
}

function claimBytes(claim: readonly Resource[]): Buffer {
  const parts: Uint8Array[] = [];
  for (const { type, data } of claim) {
    if (type === "TXT") parts.unshift(textBytes(data));
    if (type !== "SRV") continue;
    const numbers = new DataView(new ArrayBuffer(6));
    numbers.setUint16(0, data.priority);
    numbers.setUint16(2, data.weight);
    numbers.setUint16(4, data.port);
    const labels = data.target.split(".").map((label) => Buffer.from(label));
    parts.push(new Uint8Array(numbers.buffer), textBytes([...labels, Buffer.alloc(0)]));
  }
  return Buffer.concat(parts);
}

/**
 * Whether a client can connect to an address that a record names: no address that means the machine
 * itself, nobody, or a group; and none that is good on one interface only, as QUIC is not spoken
 * to those.
 */
export function isUsableAddress(address: string): boolean {
  if (isIPv4(address)) return !/^(0|127|22[4-9]|2[3-5]\d)\./.test(address);
  if (!isIPv6(address) || address.includes("%")) return false;
  return !/^(::$|::1$|::ffff:|fe[89ab]|ff)/i.test(address);
}
