/** Bindings of the UDP port and of the sessions on it; the contract is in port.h. */
import { ptr } from "bun:ffi";
import { portConfig, sessionConfig } from "../../wire/abi.ts";
import { counterTables } from "../../wire/counters.ts";
import type { MediaKey } from "../../wire/exporter.ts";
import { writeLayout } from "../../wire/layout.ts";
import { limit } from "../../wire/limits.ts";
import type { EventQueue } from "../core/core.ts";
import { Counters } from "../counters.ts";
import { type Address, OutPointer, pointer } from "../library.ts";
import { media } from "./native.ts";

export interface UdpPortOptions {
  /** Local address; `::` also takes IPv4. */
  readonly address: string;
  /** 0 = any free one. */
  readonly port: number;
  readonly events?: EventQueue;
  readonly stage?: number;
  /** Wished size of the socket's buffers in bytes. */
  readonly socketBytes?: number;
  /** Does without the kernel's offloads, to test and measure the fallbacks. */
  readonly noGso?: boolean;
  readonly noGro?: boolean;
}

/** A bound UDP socket and its receiving thread. The constructor throws PF_PORT_TAKEN. */
export class UdpPort {
  readonly port: number;
  readonly counters: Counters<typeof counterTables.port>;
  #handle: Address;

  constructor(options: UdpPortOptions) {
    const config = writeLayout(portConfig, {
      events: options.events?.address ?? 0,
      address: options.address,
      port: options.port,
      socket_bytes: options.socketBytes ?? limit("socket_bytes"),
      stage: options.stage ?? 0,
      flags: (options.noGso ? 1 : 0) | (options.noGro ? 2 : 0),
    });
    const out = new OutPointer();
    const { functions, check } = media();
    check(functions.pf_port_open(ptr(config), out.argument), "PF_PORT_TAKEN", "The media port");
    this.#handle = out.value;
    this.port = functions.pf_port_number(pointer(this.#handle));
    const counters = Number(functions.pf_port_counters_block(pointer(this.#handle)));
    this.counters = new Counters(counterTables.port, counters);
  }

  get address(): Address {
    return this.#handle;
  }

  start(): void {
    const { functions, check } = media();
    check(functions.pf_port_start(pointer(this.#handle)), "PF_NATIVE_FAILED", "The media port");
  }

  stop(): void {
    if (this.#handle !== 0) media().functions.pf_port_stop(pointer(this.#handle));
  }

  /** After every session on it was closed. */
  close(): void {
    if (this.#handle === 0) return;
    media().functions.pf_port_close(pointer(this.#handle));
    this.#handle = 0;
  }
}

export interface MediaSessionOptions {
  readonly port: UdpPort;
  /** The session's tag from Welcome. */
  readonly tag: number;
  /** The host learns the client's address from its hellos; the client sends them. */
  readonly role: "host" | "client";
  readonly send: MediaKey;
  readonly receive: MediaKey;
  /** Client: the host's media address. */
  readonly peer?: { readonly address: string; readonly port: number };
  readonly events?: EventQueue;
  readonly stage?: number;
}

/** One peer on a port: its keys, its replay window, its path. */
export class MediaSession {
  readonly counters: Counters<typeof counterTables.session>;
  #handle: Address;

  constructor(options: MediaSessionOptions) {
    const config = writeLayout(sessionConfig, {
      events: options.events?.address ?? 0,
      session: options.tag,
      is_host: options.role === "host" ? 1 : 0,
      send_key: options.send.key,
      receive_key: options.receive.key,
      send_salt: options.send.salt,
      receive_salt: options.receive.salt,
      peer_address: options.peer?.address ?? "",
      peer_port: options.peer?.port ?? 0,
      stage: options.stage ?? 0,
    });
    const out = new OutPointer();
    const { functions, check } = media();
    const opened = functions.pf_session_open(
      ptr(config),
      pointer(options.port.address),
      out.argument,
    );
    config.fill(0);
    check(opened, "PF_NATIVE_FAILED", "The media session");
    this.#handle = out.value;
    const counters = Number(functions.pf_session_counters_block(pointer(this.#handle)));
    this.counters = new Counters(counterTables.session, counters);
  }

  get address(): Address {
    return this.#handle;
  }

  /** Name of the AEAD library in use. */
  get cipher(): string {
    return String(media().functions.pf_session_cipher(pointer(this.#handle)));
  }

  /** After the stages on it were closed. */
  close(): void {
    if (this.#handle === 0) return;
    media().functions.pf_session_close(pointer(this.#handle));
    this.#handle = 0;
  }
}
