/**
 * Makes a host known to its network, so that clients find it by name. Multicast DNS by RFC 6762: on
 * each link the name is probed for, announced and defended; questions are answered; a goodbye ends
 * it. Nothing here throws, and no stream needs it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { settledWithin } from "../../base/time.ts";
import {
  type MulticastDrop,
  MulticastGroup,
  type MulticastLink,
  multicastPort,
  type Sender,
} from "../../transport/multicast.ts";
import {
  type Advert,
  additionalsOf,
  answersTo,
  claimOf,
  compareClaims,
  contests,
  goodbyeOf,
  instanceLabel,
  instanceName,
  type Message,
  type PairingWish,
  type Resource,
  recordsOf,
  sameName,
  sameRecord,
} from "../../wire/discovery.ts";
import { AnswerQueue } from "./answers.ts";
import { listensAt } from "./listening.ts";

export interface AdvertiseOptions {
  /** The host's name; where another host has it too, this one becomes "NAME (2)". */
  readonly name: string;
  readonly hostId: string;
  /** UDP port of the control plane. */
  readonly port: number;
  /** Where it listens; undefined = everywhere. */
  readonly address?: string | undefined;
  /** SHA-256 of the certificate, 64 hex digits. */
  readonly fingerprint: string;
  readonly pair: PairingWish;
  /** TCP port of the management API; null = it is not served to the network. */
  readonly mgmtPort: number | null;
  /** The host has another name now, because its own was taken. */
  readonly onName?: (name: string) => void;
  /** What keeps the host from being found, as a sentence, once for each cause. */
  readonly onProblem: (problem: string) => void;
}

export type AdvertChange = Partial<Pick<AdvertiseOptions, "pair" | "mgmtPort">>;

export interface Advertisement {
  /** The name by which clients find the host. */
  readonly name: string;
  /** Datagrams that were not read, by reason. */
  readonly drops: Readonly<Partial<Record<MulticastDrop, number>>>;
  /** Tells the network what has changed. */
  update(change: AdvertChange): void;
  /** Says goodbye and closes the sockets, within a second. */
  close(): Promise<void>;
}

/** Starts to advertise a host. Never throws: problems go to `onProblem`. */
export function advertise(options: AdvertiseOptions): Advertisement {
  return new Advertiser(options);
}

/** RFC 6762 section 8.1: how often the name is probed for, and the time between. */
const [probes, probeMs] = [3, 250];
/** Section 8.3: how often the records are announced, and the time between. */
const [announcements, announceMs] = [2, 1000];
/** Section 8.2: who has to give way to another's probe looks again after this. */
const tieMs = 1000;
/** Section 8.1: after so many conflicts within this time, each further try waits. */
const [conflictsMax, conflictSpanMs, conflictWaitMs] = [15, 10_000, 5000];
/** Section 6.7: what a resolver that knows no multicast may keep an answer for, in seconds. */
const unicastTtl = 10;
/** Answers to such resolvers go to one address, which may be forged: so many a second. */
const unicastPerSecondMax = 20;
const closeMsMax = 500;

/** The host on one link. */
interface Presence {
  readonly link: MulticastLink;
  readonly queue: AnswerQueue;
  /** The name is the host's on this link, and questions are answered. */
  isEstablished: boolean;
  /** What was announced last. */
  told: readonly Resource[];
  /** Ends the probing or announcing that is under way. */
  stopped: AbortController;
}

class Advertiser implements Advertisement {
  #options: AdvertiseOptions;
  /** Of the name: "NAME (2)". */
  #number = 1;
  readonly #group: MulticastGroup;
  readonly #presences = new Map<string, Presence>();
  #conflictsAtMs: number[] = [];
  #unicastsAtMs: number[] = [];
  #isClosed = false;

  constructor(options: AdvertiseOptions) {
    this.#options = options;
    this.#group = new MulticastGroup({
      onLink: (link) => this.#meet(link),
      onLinkGone: (link) => this.#leave(link),
      onMessage: (message, link, from) => this.#hear(message, link, from),
      onProblem: (problem) =>
        options.onProblem(`Clients may not find this host by name, only by address: ${problem}.`),
    });
  }

  get name(): string {
    return this.#advert.label;
  }

  get drops(): Advertisement["drops"] {
    return this.#group.drops;
  }

  update(change: AdvertChange): void {
    const { pair, mgmtPort } = this.#options;
    this.#options = { ...this.#options, ...change };
    if (pair === this.#options.pair && mgmtPort === this.#options.mgmtPort) return;
    for (const presence of this.#presences.values()) {
      if (presence.isEstablished) void this.#announce(presence);
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const goodbyes: Promise<void>[] = [];
    for (const { link, isEstablished, queue, stopped } of this.#presences.values()) {
      stopped.abort();
      queue.clear();
      if (!isEstablished) continue;
      const answers = goodbyeOf(this.#advert, this.#addresses(link));
      goodbyes.push(this.#group.send(link, { type: "response", answers }));
    }
    await settledWithin(Promise.all(goodbyes), closeMsMax);
    await settledWithin(this.#group.close(), closeMsMax);
  }

  get #advert(): Advert {
    const { name, hostId, port, fingerprint, pair, mgmtPort } = this.#options;
    const label = instanceLabel(name, this.#number);
    return { label, id: hostId, port, fingerprint, pair, mgmtPort };
  }

  #records(link: MulticastLink): Resource[] {
    return recordsOf(this.#advert, this.#addresses(link));
  }

  /** Where the host listens on a link. */
  #addresses({ addresses }: MulticastLink): readonly string[] {
    return addresses.filter((address) => listensAt(this.#options.address, address));
  }

  /** A link is new, or has other addresses. */
  #meet(link: MulticastLink): void {
    if (this.#isClosed || this.#addresses(link).length === 0) return;
    const known = this.#presences.get(link.key);
    if (known?.isEstablished === true) {
      void this.#announce(known);
      return;
    }
    if (known !== undefined) return;
    const send = (answers: Resource[]) => {
      const additionals = additionalsOf(answers, this.#records(link));
      void this.#group.send(link, { type: "response", answers, additionals });
    };
    const queue = new AnswerQueue(send);
    const stopped = new AbortController();
    const presence: Presence = { link, queue, isEstablished: false, told: [], stopped };
    this.#presences.set(link.key, presence);
    void this.#establish(presence, Math.random() * probeMs);
  }

  #leave(link: MulticastLink): void {
    const presence = this.#presences.get(link.key);
    presence?.stopped.abort();
    presence?.queue.clear();
    this.#presences.delete(link.key);
  }

  /** Asks whether the name is free on a link, and takes it when nobody objects. */
  async #establish(presence: Presence, afterMs: number): Promise<void> {
    presence.isEstablished = false;
    presence.told = [];
    presence.queue.clear();
    const wait = this.#restart(presence);
    if (!(await wait(afterMs))) return;
    for (let sent = 0; sent < probes; sent++) {
      const claim = claimOf(this.#advert);
      const authorities = claim.map((record) => ({ ...record, flush: false }));
      const questions = [{ name: instanceName(this.#advert.label), type: "ANY" }];
      void this.#group.send(presence.link, { type: "query", questions, authorities });
      if (!(await wait(probeMs))) return;
    }
    presence.isEstablished = true;
    await this.#announce(presence);
  }

  async #announce(presence: Presence): Promise<void> {
    const wait = this.#restart(presence);
    const records = this.#records(presence.link);
    const isOver = (old: Resource) => !records.some((record) => sameRecord(record, old));
    // Addresses that the machine has no more; what says something else now is replaced as it is.
    const over = presence.told.filter(({ type }) => type === "A" || type === "AAAA").filter(isOver);
    const answers = [...records, ...over.map((record) => ({ ...record, ttl: 0 }))];
    presence.told = records;
    for (let sent = 0; sent < announcements; sent++) {
      void this.#group.send(presence.link, { type: "response", answers });
      if (!(await wait(announceMs))) return;
    }
  }

  /** Ends what a presence is at; returns a wait of what comes now: false when it was ended too. */
  #restart(presence: Presence): (milliseconds: number) => Promise<boolean> {
    presence.stopped.abort();
    presence.stopped = new AbortController();
    const { signal } = presence.stopped;
    return (milliseconds) => sleep(milliseconds, true, { signal, ref: false }).catch(() => false);
  }

  #hear(message: Message, link: MulticastLink, from: Sender): void {
    const presence = this.#presences.get(link.key);
    if (presence === undefined || this.#isClosed) return;
    if (message.type === "response") this.#hearResponse(message, presence);
    else if (presence.isEstablished) this.#answer(message, presence, from);
    else this.#hearProbe(message, presence);
  }

  #hearResponse(message: Message, presence: Presence): void {
    const heard = [...message.answers, ...message.additionals];
    if (heard.some((record) => contests(record, this.#advert))) {
      if (presence.isEstablished) void this.#establish(presence, this.#conflictWait());
      else this.#rename();
      return;
    }
    // Somebody took back what is still true, by mistake or not: all is said again.
    const taken = heard.filter(({ ttl }) => ttl === 0);
    if (!presence.isEstablished || taken.length === 0) return;
    const records = this.#records(presence.link);
    if (records.some((record) => taken.some((each) => sameRecord(each, record)))) {
      presence.queue.add(records, { isShared: true, isProbe: false });
    }
  }

  /** Another host probes for the name while this one does. */
  #hearProbe(message: Message, presence: Presence): void {
    const name = instanceName(this.#advert.label);
    const claim = message.authorities.filter((record) => sameName(record.name, name));
    if (claim.length === 0 || compareClaims(claimOf(this.#advert), claim) >= 0) return;
    void this.#establish(presence, tieMs);
  }

  #answer(query: Message, presence: Presence, from: Sender): void {
    const records = this.#records(presence.link);
    const answers = answersTo(query, records);
    if (answers.length === 0) return;
    if (from.port === multicastPort) {
      const isShared = answers.some(({ type }) => type === "PTR");
      presence.queue.add(answers, { isShared, isProbe: query.authorities.length > 0 });
      return;
    }
    if (!this.#mayAnswerOne()) return;
    const plain = (record: Resource) =>
      ({ ...record, flush: false, ttl: Math.min(record.ttl, unicastTtl) }) as Resource;
    const response = {
      id: query.id,
      type: "response" as const,
      questions: query.questions.slice(0, 1),
      answers: answers.map(plain),
      additionals: additionalsOf(answers, records).map(plain),
    };
    void this.#group.send(presence.link, response, from);
  }

  #mayAnswerOne(): boolean {
    const now = performance.now();
    this.#unicastsAtMs = this.#unicastsAtMs.filter((atMs) => now - atMs < 1000);
    if (this.#unicastsAtMs.length >= unicastPerSecondMax) return false;
    this.#unicastsAtMs.push(now);
    return true;
  }

  #rename(): void {
    this.#number++;
    this.#options.onName?.(this.name);
    const waitMs = this.#conflictWait();
    for (const presence of this.#presences.values()) void this.#establish(presence, waitMs);
  }

  /** How long the next try waits, because of a conflict that is counted by this. */
  #conflictWait(): number {
    const now = performance.now();
    this.#conflictsAtMs = this.#conflictsAtMs.filter((atMs) => now - atMs < conflictSpanMs);
    this.#conflictsAtMs.push(now);
    return this.#conflictsAtMs.length >= conflictsMax ? conflictWaitMs : 0;
  }
}
