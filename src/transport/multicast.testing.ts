/** The encoder and decoder that the sockets of multicast DNS use, without a socket. */
import type { Socket } from "node:dgram";
import { EventEmitter } from "node:events";
import multicastDns, {
  type MulticastDNS,
  type QueryOutgoingPacket,
  type ResponseOutgoingPacket,
} from "multicast-dns";
import { type Message, messageFault, readMessage } from "../wire/discovery.ts";
import type { OutgoingMessage } from "./multicast.ts";

export class PacketCodec {
  #sent = (_bytes: Uint8Array): void => {};
  #heard: Message | undefined;
  readonly #socket = new EventEmitter();
  readonly #mdns: MulticastDNS;

  constructor() {
    const send = (bytes: Uint8Array) => this.#sent(bytes);
    const socket = Object.assign(this.#socket, { send }) as unknown as Socket;
    this.#mdns = multicastDns({ socket, port: 0, multicast: false });
    this.#mdns.on("packet", (packet: object) => {
      this.#heard = readMessage(packet);
    });
    this.#mdns.on("warning", () => {});
  }

  encode(message: OutgoingMessage): Promise<Uint8Array<ArrayBuffer>> {
    const { promise, resolve } = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
    this.#sent = (bytes) => resolve(Uint8Array.from(bytes));
    if (message.type === "query") this.#mdns.query(message as QueryOutgoingPacket);
    else this.#mdns.respond(message as unknown as ResponseOutgoingPacket);
    return promise;
  }

  /** What the program would see of a datagram; undefined = it is dropped. */
  decode(bytes: Uint8Array): Message | undefined {
    this.#heard = undefined;
    if (messageFault(bytes) !== undefined) return undefined;
    this.#socket.emit("message", Buffer.from(bytes), { address: "192.0.2.1", port: 5353 });
    return this.#heard;
  }
}
