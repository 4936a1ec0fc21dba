/**
 * A UDP relay that stands between a client and a host and treats packets as a bad network does. It
 * keeps one upstream socket for each client address, so that the host sees the clients apart.
 */
import { createSocket, type Socket } from "node:dgram";
import { SeededRandom } from "../base/random.ts";
import { cleanLink, decideFate, type Impairment } from "./impairment.ts";

export interface LinkOptions {
  /** Where packets of clients go. */
  readonly target: { readonly host: string; readonly port: number };
  /** Host → client. */
  readonly down?: Partial<Impairment>;
  /** Client → host. */
  readonly up?: Partial<Impairment>;
  readonly seed: number;
  /** This machine's address at which both sides of the link are; default: that of loopback. */
  readonly address?: string;
  /** Sees each packet as it comes in; borrowed until it returns. */
  readonly observe?: (direction: "down" | "up", packet: Uint8Array) => void;
}

export interface LinkCounts {
  forwarded: number;
  lost: number;
  corrupted: number;
  /** The kernel refused a packet. */
  refused: number;
}

interface Peer {
  readonly address: string;
  readonly port: number;
  readonly upstream: Socket;
}

/** Clients that one link tells apart; more are ignored. */
const peersMax = 64;

export class ImpairedLink {
  readonly port: number;
  readonly down: LinkCounts = { forwarded: 0, lost: 0, corrupted: 0, refused: 0 };
  readonly up: LinkCounts = { forwarded: 0, lost: 0, corrupted: 0, refused: 0 };
  readonly #options: LinkOptions;
  readonly #random: { readonly down: SeededRandom; readonly up: SeededRandom };
  readonly #peers = new Map<string, Promise<Peer>>();
  readonly #front: Socket;
  #downImpairment: Impairment;
  #closed = false;

  private constructor(front: Socket, options: LinkOptions) {
    this.#front = front;
    this.#options = options;
    this.#downImpairment = { ...cleanLink, ...options.down };
    this.#random = { down: new SeededRandom(options.seed), up: new SeededRandom(options.seed + 1) };
    this.port = front.address().port;
    front.on("message", (packet, { port, address }) => this.#fromClient(packet, port, address));
  }

  /** Listens on a free port. */
  static async open(options: LinkOptions): Promise<ImpairedLink> {
    return new ImpairedLink(await openSocket(options.address), options);
  }

  /** Changes what happens to packets of the host from now on. */
  setDown(impairment: Partial<Impairment>): void {
    this.#downImpairment = { ...cleanLink, ...impairment };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#front.close();
    for (const peer of this.#peers.values()) (await peer).upstream.close();
  }

  #fromClient(packet: Buffer, port: number, address: string): void {
    const key = `${address} ${port}`;
    let peer = this.#peers.get(key);
    if (peer === undefined) {
      if (this.#peers.size >= peersMax) return;
      peer = this.#connectPeer(address, port);
      this.#peers.set(key, peer);
    }
    const { host, port: targetPort } = this.#options.target;
    const up = { ...cleanLink, ...this.#options.up };
    this.#options.observe?.("up", packet);
    void peer.then(({ upstream }) =>
      this.#relay(packet, up, this.#random.up, this.up, (bytes, done) =>
        upstream.send(bytes, targetPort, host, done),
      ),
    );
  }

  async #connectPeer(address: string, port: number): Promise<Peer> {
    const upstream = await openSocket(this.#options.address);
    upstream.on("message", (packet) => {
      this.#options.observe?.("down", packet);
      this.#relay(packet, this.#downImpairment, this.#random.down, this.down, (bytes, done) =>
        this.#front.send(bytes, port, address, done),
      );
    });
    return { address, port, upstream };
  }

  #relay(
    packet: Buffer,
    impairment: Impairment,
    random: SeededRandom,
    counts: LinkCounts,
    send: (bytes: Buffer, done: (error: Error | null) => void) => void,
  ): void {
    const fate = decideFate(impairment, random, packet.length);
    if (fate.arrivals.length === 0) counts.lost++;
    if (fate.flippedBit !== undefined) {
      const at = fate.flippedBit >> 3;
      packet[at] = (packet[at] as number) ^ (1 << (fate.flippedBit & 7));
      counts.corrupted++;
    }
    const deliver = () => {
      if (this.#closed) return;
      send(packet, (error) => {
        // A client that has left refuses what is still on its way.
        if (error) counts.refused++;
        else counts.forwarded++;
      });
    };
    for (const delay of fate.arrivals) {
      if (delay <= 0) deliver();
      else setTimeout(deliver, delay);
    }
  }
}

/** What comes while this process is held up must wait, or it would be a loss that nobody asked for. */
const waitingBytesMax = 4_194_304;

function openSocket(address = "127.0.0.1"): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = createSocket({ type: "udp4", recvBufferSize: waitingBytesMax });
  socket.once("error", reject);
  socket.bind(0, address, () => {
    socket.off("error", reject);
    // A peer that has left is heard of here; its packets are counted when they are sent.
    socket.on("error", () => {});
    resolve(socket);
  });
  return promise;
}
