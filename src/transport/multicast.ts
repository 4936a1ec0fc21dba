/**
 * The network's side of multicast DNS (RFC 6762): one socket for each address family of each
 * interface, opened and closed as interfaces come and go. The sockets are bound to the group's own
 * address, so that they share port 5353 with avahi-daemon and take no packet that is meant for it
 * alone. Whatever fails is told once as a problem and tried again; nothing here throws.
 */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { BlockList, isIPv4 } from "node:net";
import { type NetworkInterfaceInfo, networkInterfaces } from "node:os";
import multicastDns, {
  type MulticastDNS,
  type QueryOutgoingPacket,
  type ResponseOutgoingPacket,
} from "multicast-dns";
import { settledWithin } from "../base/time.ts";
import {
  isUsableAddress,
  type Message,
  type MessageFault,
  messageFault,
  type Resource,
  readMessage,
} from "../wire/discovery.ts";

export const multicastPort = 5353;
const groups = { 4: "224.0.0.251", 6: "ff02::fb" } as const;

/** One interface in one address family. */
export interface MulticastLink {
  readonly key: string;
  /** The interface's name, as "eth0". */
  readonly network: string;
  readonly family: 4 | 6;
  /** Addresses of the interface, of both families, that others can connect to. */
  readonly addresses: readonly string[];
}

export interface Sender {
  readonly address: string;
  readonly port: number;
}

export interface OutgoingMessage {
  readonly id?: number;
  readonly type: "query" | "response";
  readonly questions?: readonly { readonly name: string; readonly type: string }[];
  readonly answers?: readonly Resource[];
  readonly authorities?: readonly Resource[];
  readonly additionals?: readonly Resource[];
}

export interface MulticastHooks {
  /** A link was opened, or its interface has other addresses now. */
  readonly onLink: (link: MulticastLink) => void;
  readonly onLinkGone: (link: MulticastLink) => void;
  readonly onMessage: (message: Message, link: MulticastLink, from: Sender) => void;
  /** A sentence, once for each cause. */
  readonly onProblem: (problem: string) => void;
  /**
   * Queries also go out of a port of their own, and are answered to it alone and at once (RFC 6762
   * section 6.7), where an answer to all may come a second late: for who waits.
   */
  readonly isHurried?: boolean;
}

/** Why a datagram was not handled. */
export type MulticastDrop = MessageFault | "malformed" | "off-link" | "flood";

/** How soon an interface that has come or gone is noticed. */
const lookMs = 2000;
/** The same while there is none: a cable that was plugged in a moment ago takes up to a second. */
const firstLookMs = 250;
/** So often there may be none before that is a problem. */
const looksAlone = 4;
/** A machine with many containers has many interfaces; the first ones will do. */
const linksMax = 32;
/**
 * What others send may take this share of the thread, however they fill their packets: the rest is
 * dropped. A busy network's multicast takes a hundredth of it.
 */
const busyShare = 0.05;
const busyMsMax = 100;
/** Told once each; a machine that brings up ever new interfaces tells no more than these. */
const problemsMax = 64;
const closeMsMax = 1000;

interface OpenLink extends MulticastLink {
  addresses: readonly string[];
  readonly mdns: MulticastDNS;
  hurried: MulticastDNS | undefined;
  readonly group: string;
  readonly near: BlockList;
  isReady: boolean;
}

export class MulticastGroup {
  readonly drops: Partial<Record<MulticastDrop, number>> = {};
  readonly #hooks: MulticastHooks;
  readonly #links = new Map<string, OpenLink>();
  readonly #told = new Set<string>();
  #looking: ReturnType<typeof setTimeout> | undefined;
  #looks = 0;
  /** Milliseconds that handling packets may take yet. */
  #busyMs = busyMsMax;
  #busyAt = performance.now();
  #closed = false;

  constructor(hooks: MulticastHooks) {
    this.#hooks = hooks;
    queueMicrotask(() => this.#look());
  }

  /** Those that are open now. */
  get links(): readonly MulticastLink[] {
    return [...this.#links.values()].filter(({ isReady }) => isReady);
  }

  /** Sends to all on a link, or to one; resolves when the kernel has it, or has refused it. */
  send(link: MulticastLink, message: OutgoingMessage, to?: Sender): Promise<void> {
    const open = this.#links.get(link.key);
    if (open?.isReady !== true) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = (error?: Error | null) => {
      if (error) this.#problem(open, error);
      resolve();
    };
    const target = to === undefined ? { address: open.group, port: multicastPort } : { ...to };
    try {
      // The encoder takes mutable arrays, and writes to none.
      if (message.type === "query") {
        open.mdns.query(message as QueryOutgoingPacket, target, done);
        open.hurried?.query({ ...message } as QueryOutgoingPacket, target);
      } else open.mdns.respond(message as unknown as ResponseOutgoingPacket, target, done);
    } catch (error) {
      done(error as Error);
    }
    return promise;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#looking);
    const closing = [...this.#links.values()].map((link) => this.#drop(link));
    await settledWithin(Promise.all(closing), closeMsMax);
  }

  /** Opens what is new and closes what has gone. */
  #look(): void {
    if (this.#closed) return;
    const wanted = usableLinks();
    const isAlone = wanted.size === 0;
    this.#looks++;
    if (isAlone && this.#looks > looksAlone) {
      this.#tell("this machine has no network interface with an address");
    }
    this.#looking = setTimeout(() => this.#look(), isAlone ? firstLookMs : lookMs);
    this.#looking.unref();
    for (const link of this.#links.values()) {
      if (!wanted.has(link.key)) void this.#drop(link);
    }
    for (const link of wanted.values()) {
      const open = this.#links.get(link.key);
      if (open === undefined) this.#open(link);
      else if (open.addresses.join() !== link.addresses.join()) {
        open.addresses = link.addresses;
        if (open.isReady) this.#hooks.onLink(open);
      }
    }
  }

  #open(wanted: WantedLink): void {
    const { family, network, own } = wanted;
    const scope = family === 6 ? `%${network}` : "";
    const group = `${groups[family]}${scope}`;
    const at = family === 6 ? `::${scope}` : own;
    const type = family === 6 ? "udp6" : "udp4";
    let socket: Socket;
    let mdns: MulticastDNS;
    try {
      socket = createSocket({ type, reuseAddr: true });
      // Joining is done below, where its errors can be caught.
      const options = { type, socket, ip: group, interface: at, bind: group, multicast: false };
      mdns = multicastDns({ ...options, port: multicastPort } as Parameters<
        typeof multicastDns
      >[0]);
    } catch (error) {
      this.#problem(wanted, error as Error);
      return;
    }
    const link: OpenLink = { ...wanted, mdns, group, hurried: undefined, isReady: false };
    this.#links.set(link.key, link);
    this.#guard(socket, mdns, link);
    const failed = (error: Error) => {
      this.#problem(link, error);
      if (!link.isReady) void this.#drop(link);
    };
    mdns.on("error", failed);
    socket.on("error", failed);
    mdns.once("ready", () => {
      if (this.#links.get(link.key) !== link) return;
      try {
        socket.addMembership(groups[family], at);
        socket.setMulticastInterface(at);
        socket.setMulticastTTL(255);
        socket.setMulticastLoopback(true);
      } catch (error) {
        failed(error as Error);
        return;
      }
      const ready = () => {
        link.isReady = true;
        this.#hooks.onLink(link);
      };
      if (this.#hooks.isHurried === true) this.#openHurried(link, at, ready);
      else ready();
    });
  }

  /** The link is as good without it, only slower. */
  #openHurried(link: OpenLink, at: string, ready: () => void): void {
    const type = link.family === 6 ? "udp6" : "udp4";
    const socket = createSocket({ type });
    socket.once("error", ready);
    socket.bind(0, () => {
      socket.off("error", ready);
      if (this.#links.get(link.key) !== link) {
        socket.close();
        return;
      }
      try {
        socket.setMulticastInterface(at);
        const options = { type, socket, ip: link.group, interface: at, multicast: false } as const;
        link.hurried = multicastDns({ ...options, bind: false });
        link.hurried.on("error", () => {});
        this.#guard(socket, link.hurried, link);
      } catch {
        socket.close();
      }
      ready();
    });
  }

  /** Stands between the socket and the decoder, which takes whatever comes. */
  #guard(socket: Socket, mdns: MulticastDNS, link: OpenLink): void {
    const [decode] = socket.listeners("message") as ((bytes: Buffer, from: RemoteInfo) => void)[];
    socket.removeAllListeners("message");
    mdns.on("warning", () => this.#count("malformed"));
    mdns.on("packet", (packet: object, from: RemoteInfo) => {
      this.#hooks.onMessage(readMessage(packet), link, { address: from.address, port: from.port });
    });
    socket.on("message", (bytes, from) => {
      const now = performance.now();
      const earned = (now - this.#busyAt) * busyShare;
      this.#busyMs = Math.min(busyMsMax, this.#busyMs + earned);
      this.#busyAt = now;
      const fault =
        this.#busyMs <= 0
          ? "flood"
          : isNear(from.address, link)
            ? messageFault(bytes)
            : ("off-link" as const);
      if (fault === undefined) decode?.(bytes, from);
      else this.#count(fault);
      this.#busyMs -= performance.now() - now;
    });
  }

  #count(drop: MulticastDrop): void {
    this.drops[drop] = (this.drops[drop] ?? 0) + 1;
  }

  async #drop(link: OpenLink): Promise<void> {
    this.#links.delete(link.key);
    if (link.isReady && !this.#closed) this.#hooks.onLinkGone(link);
    link.isReady = false;
    await Promise.all([destroyed(link.mdns), link.hurried && destroyed(link.hurried)]);
  }

  #problem({ network, family }: MulticastLink, error: Error): void {
    if (this.#closed) return;
    const code = (error as NodeJS.ErrnoException).code;
    const why = causes[code ?? ""] ?? error.message;
    this.#tell(`multicast fails on ${network} (IPv${family}): ${why}`);
  }

  #tell(problem: string): void {
    if (this.#told.has(problem) || this.#told.size >= problemsMax) return;
    this.#told.add(problem);
    this.#hooks.onProblem(problem);
  }
}

function destroyed(mdns: MulticastDNS): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  try {
    mdns.destroy(resolve);
  } catch {
    // It had not been opened.
    resolve();
  }
  return promise;
}

const causes: Readonly<Record<string, string>> = {
  EACCES: "the system or its firewall forbids it (EACCES)",
  EPERM: "the system or its firewall forbids it (EPERM)",
  EADDRINUSE: "another program has UDP port 5353 to itself (EADDRINUSE)",
  ENETUNREACH: "there is no route for multicast (ENETUNREACH)",
  ENODEV: "the interface knows no multicast (ENODEV)",
};

interface WantedLink extends MulticastLink {
  /** The interface's first address of the family. */
  readonly own: string;
  /** Who is on the same link. */
  readonly near: BlockList;
}

/**
 * The interfaces that lead to others. One that has no neighbours, as a tunnel to a single peer, has
 * nobody to be found by; IPv6 multicast needs a link-local address.
 */
function usableLinks(): Map<string, WantedLink> {
  const wanted = new Map<string, WantedLink>();
  for (const [network, all = []] of Object.entries(networkInterfaces())) {
    const outer = all.filter(({ internal, cidr }) => !internal && !/\/(32|128)$/.test(cidr ?? ""));
    const addresses = outer.map(({ address }) => address).filter(isUsableAddress);
    if (addresses.length === 0) continue;
    const near = subnetsOf(outer);
    const scope = outer.find(({ scopeid }) => scopeid)?.scopeid ?? 0;
    for (const family of [4, 6] as const) {
      const own = outer.find(({ address, scopeid }) =>
        family === 4 ? isIPv4(address) : !isIPv4(address) && scopeid,
      );
      if (own === undefined || wanted.size >= linksMax) continue;
      const key = [network, family, own.address, own.mac, scope].join(" ");
      wanted.set(key, { key, network, family, addresses, own: own.address, near });
    }
  }
  return wanted;
}

function subnetsOf(addresses: readonly NetworkInterfaceInfo[]): BlockList {
  const subnets = new BlockList();
  for (const { address, cidr, family } of addresses) {
    const bits = Number(cidr?.split("/")[1]);
    if (Number.isInteger(bits)) {
      subnets.addSubnet(address, bits, family === "IPv4" ? "ipv4" : "ipv6");
    }
  }
  return subnets;
}

/**
 * Whether a packet is from a machine on the link (RFC 6762 section 11). A socket also gets what
 * came by the machine's other interfaces.
 */
function isNear(address: string, { near, network }: OpenLink): boolean {
  const [bare = "", zone] = address.split("%");
  if (zone !== undefined) return zone === network;
  return near.check(bare, isIPv4(bare) ? "ipv4" : "ipv6");
}
