/**
 * What a client has heard of hosts, folded into a list of them. Pure: messages and times come in.
 * Everything in it was sent by anybody: each collection is bounded, and what is not right is
 * dropped and counted under one reason.
 */
import { isIPv4 } from "node:net";
import {
  decodeText,
  type HostText,
  isUsableAddress,
  isWholeName,
  labelOf,
  type Message,
  nameKey,
  type PairingWish,
  type Question,
  type Resource,
  sameName,
  serviceType,
  type TextFault,
} from "../../wire/discovery.ts";

/** A host as it advertises itself; all of it is advice until its certificate is checked. */
export interface FoundHost {
  readonly name: string;
  /** IPv4 first. */
  readonly addresses: readonly string[];
  /** UDP port of the control plane. */
  readonly port: number;
  readonly pair: PairingWish;
  readonly fingerprint: string;
  readonly id: string;
  /** TCP port of the management API; null = it is not served to the network. */
  readonly mgmtPort: number | null;
}

export type FoundDrop = TextFault | "bad-name" | "bad-port" | "bad-address" | "too-many";

/** More than a LAN has; the records of all of them take less than a megabyte. */
const instancesMax = 256;
const addressesMax = 16;
/** An instance that does not say where it is within this is forgotten. */
const placelessMs = 10_000;
/** RFC 6762 section 10: no record of a host that is right lives longer. */
const ttlSecondsMax = 4500;
/** Section 5.2: a record is asked for anew when this share of its life is over. */
const refreshShare = 0.8;
/** Section 10.2: records that came this close together belong to one set. */
const togetherMs = 1000;
/** So that the answers, if they come in one packet, fit it. */
const questionsMax = 32;

interface Kept<Value> {
  readonly value: Value;
  readonly sinceMs: number;
  readonly untilMs: number;
}

interface Instance {
  readonly name: string;
  readonly label: string;
  readonly bornMs: number;
  /** The pointer to it. */
  untilMs: number;
  ttl: number;
  place: Kept<{ readonly port: number; readonly target: string }> | undefined;
  text: Kept<HostText> | undefined;
  /** By network and address. */
  readonly addresses: Map<string, Kept<{ readonly address: string; readonly network: string }>>;
}

export class HostCache {
  readonly drops: Partial<Record<FoundDrop, number>> = {};
  /** By name; in the order in which they were met. */
  readonly #instances = new Map<string, Instance>();

  /** Takes in what came by a network, as "eth0". */
  add(message: Message, network: string, nowMs: number): void {
    if (message.type !== "response") return;
    const records = [...message.answers, ...message.additionals];
    // Whatever their order: places belong to instances, and addresses to places.
    for (const record of records) this.#addPointer(record, nowMs);
    for (const record of records) this.#addPlace(record, nowMs);
    for (const record of records) this.#addText(record, nowMs);
    this.#addAddresses(records, network, nowMs);
  }

  /** The hosts that are there, each once; what has expired is forgotten. */
  hosts(nowMs: number): FoundHost[] {
    this.#expire(nowMs);
    const hosts = new Map<string, FoundHost>();
    for (const { label, place, text, addresses } of this.#instances.values()) {
      if (place === undefined || text === undefined || addresses.size === 0) continue;
      // Whoever was met first keeps its id.
      if (hosts.has(text.value.id)) continue;
      const found = new Set([...addresses.values()].map(({ value }) => value.address));
      hosts.set(text.value.id, {
        name: label,
        addresses: [...found].sort(byFamily),
        port: place.value.port,
        ...text.value,
      });
    }
    return [...hosts.values()];
  }

  /** When something expires next; undefined = nothing is kept. */
  nextExpiryMs(): number | undefined {
    let next: number | undefined;
    for (const instance of this.#instances.values()) {
      const addresses = [...instance.addresses.values()];
      for (const { untilMs } of [...partsOf(instance), ...addresses]) {
        next = Math.min(next ?? untilMs, untilMs);
      }
    }
    return next;
  }

  /** What to ask: for hosts, for what is missing of those that are known, and for what grows old. */
  questions(nowMs: number): Question[] {
    const questions: Question[] = [{ name: serviceType, type: "PTR" }];
    const isStale = (kept: Kept<unknown> | undefined) =>
      kept === undefined || nowMs > kept.sinceMs + (kept.untilMs - kept.sinceMs) * refreshShare;
    for (const { name, place, text, addresses } of this.#instances.values()) {
      if (isStale(place)) questions.push({ name, type: "SRV" });
      if (isStale(text)) questions.push({ name, type: "TXT" });
      if (place === undefined) continue;
      if (addresses.size > 0 && ![...addresses.values()].some(isStale)) continue;
      const target = place.value.target;
      questions.push({ name: target, type: "A" }, { name: target, type: "AAAA" });
    }
    return questions.slice(0, questionsMax);
  }

  /** The pointers that nobody needs to answer with. */
  knownAnswers(nowMs: number): Resource[] {
    return [...this.#instances.values()].flatMap(({ name, untilMs, ttl, place, text }) => {
      const left = Math.floor((untilMs - nowMs) / 1000);
      if (left < ttl / 2 || place === undefined || text === undefined) return [];
      return { name: serviceType, type: "PTR" as const, ttl: left, flush: false, data: name };
    });
  }

  #drop(reason: FoundDrop): void {
    this.drops[reason] = (this.drops[reason] ?? 0) + 1;
  }

  #addPointer(record: Resource, nowMs: number): void {
    if (record.type !== "PTR" || !sameName(record.name, serviceType)) return;
    const label = labelOf(record.data);
    if (label === undefined) return this.#drop("bad-name");
    const key = nameKey(record.data);
    if (record.ttl === 0) {
      this.#instances.delete(key);
      return;
    }
    const ttl = Math.min(record.ttl, ttlSecondsMax);
    const untilMs = nowMs + ttl * 1000;
    const known = this.#instances.get(key);
    if (known !== undefined) {
      Object.assign(known, { untilMs, ttl });
      return;
    }
    if (!this.#hasRoom()) return this.#drop("too-many");
    const empty = { place: undefined, text: undefined, addresses: new Map() };
    this.#instances.set(key, {
      name: record.data,
      label,
      bornMs: nowMs,
      untilMs,
      ttl,
      ...empty,
    });
  }

  /** An instance of which little is known gives way to a new one. */
  #hasRoom(): boolean {
    if (this.#instances.size < instancesMax) return true;
    for (const [key, { place, text }] of this.#instances) {
      if (place !== undefined && text !== undefined) continue;
      this.#instances.delete(key);
      return true;
    }
    return false;
  }

  #addPlace(record: Resource, nowMs: number): void {
    if (record.type !== "SRV") return;
    const instance = this.#instances.get(nameKey(record.name));
    if (instance === undefined) return;
    const { port, target } = record.data;
    if (port === 0) return this.#drop("bad-port");
    if (!isWholeName(target)) return this.#drop("bad-name");
    if (record.ttl > 0 && instance.place?.value.target !== target) instance.addresses.clear();
    instance.place = kept({ port, target }, record.ttl, nowMs);
    if (instance.place === undefined) this.#instances.delete(nameKey(record.name));
  }

  #addText(record: Resource, nowMs: number): void {
    if (record.type !== "TXT") return;
    const instance = this.#instances.get(nameKey(record.name));
    if (instance === undefined) return;
    const text = decodeText(record.data);
    if (typeof text === "string") {
      instance.text = undefined;
      return this.#drop(text);
    }
    instance.text = kept(text, record.ttl, nowMs);
  }

  #addAddresses(records: readonly Resource[], network: string, nowMs: number): void {
    const given = records.filter(({ type }) => type === "A" || type === "AAAA");
    if (given.length === 0) return;
    for (const { place, addresses } of this.#instances.values()) {
      if (place === undefined) continue;
      const own = given.filter(({ name }) => sameName(name, place.value.target));
      for (const record of own) {
        if (record.flush) flushOlder(addresses, { type: record.type, network, nowMs });
      }
      for (const { ttl, data } of own) {
        const address = data as string;
        const key = `${network} ${address}`;
        if (!isUsableAddress(address)) {
          this.#drop("bad-address");
          continue;
        }
        const value = kept({ address, network }, ttl, nowMs);
        if (value === undefined) addresses.delete(key);
        else if (addresses.has(key) || addresses.size < addressesMax) addresses.set(key, value);
        else this.#drop("too-many");
      }
    }
  }

  #expire(nowMs: number): void {
    for (const [key, instance] of this.#instances) {
      if (partsOf(instance).some(({ untilMs }) => untilMs <= nowMs)) this.#instances.delete(key);
      for (const [address, { untilMs }] of instance.addresses) {
        if (untilMs <= nowMs) instance.addresses.delete(address);
      }
    }
  }
}

/** What an instance stands or falls with. */
function partsOf({ bornMs, untilMs, place, text }: Instance): { readonly untilMs: number }[] {
  const placeless = { untilMs: bornMs + placelessMs };
  return [{ untilMs }, place ?? placeless, text ?? placeless];
}

function kept<Value>(value: Value, ttl: number, nowMs: number): Kept<Value> | undefined {
  if (ttl === 0) return undefined;
  return { value, sinceMs: nowMs, untilMs: nowMs + Math.min(ttl, ttlSecondsMax) * 1000 };
}

/** Forgets the addresses that a record with the flush bit makes void. */
function flushOlder(
  addresses: Instance["addresses"],
  { type, network, nowMs }: { type: string; network: string; nowMs: number },
): void {
  for (const [key, { value, sinceMs }] of addresses) {
    const isOfSet = value.network === network && isIPv4(value.address) === (type === "A");
    if (isOfSet && nowMs - sinceMs > togetherMs) addresses.delete(key);
  }
}

function byFamily(a: string, b: string): number {
  return Number(isIPv4(b)) - Number(isIPv4(a)) || (a < b ? -1 : 1);
}
