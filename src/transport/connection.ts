/**
 * A control connection as both ends hold it: messages in order on one stream, datagrams beside it,
 * a heartbeat, and an ending that says why. It enforces who may say what and when
 * (src/wire/control.ts); what the messages lead to is the caller's business.
 *
 * Nothing that the peer sends makes it throw: a broken rule ends the connection with a reason.
 */
import { assert, PfError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { settledWithin } from "../base/time.ts";
import {
  type Checked,
  type Message,
  type MessageOf,
  type MessageType,
  mayTravel,
  plainLine,
  type Role,
} from "../wire/control.ts";
import { ControlDecoder, encodeMessage } from "../wire/control-stream.ts";
import { type Exporter, exportKeyingMaterial } from "../wire/exporter.ts";
import { limit } from "../wire/limits.ts";
import { type Reason, reasonOfNumber, reasons } from "../wire/reasons.ts";
import { type CloseReason, closeErrorAlways } from "./close-reason.ts";
import { Heartbeat, heartbeatTickMs } from "./heartbeat.ts";
import { Outbox } from "./outbox.ts";
import type { QuicSession, QuicStream, SessionEnd } from "./quic.ts";

export interface PeerAddress {
  /** An IP address; IPv4 as a.b.c.d even where the socket is IPv6. */
  readonly address: string;
  readonly port: number;
}

export interface ConnectionParts {
  readonly role: Role;
  readonly session: QuicSession;
  /** From `guard(session)`. */
  readonly ended: Promise<SessionEnd>;
  readonly stream: QuicStream;
  readonly peer: PeerAddress;
  /** SHA-256 of the host's certificate as the client saw it; null on the host. */
  readonly peerFingerprint: string | null;
  readonly exporterSecret: Secret<Uint8Array>;
}

type Waiter = {
  readonly types: readonly MessageType[];
  readonly resolve: (message: Message) => void;
  readonly reject: (error: PfError) => void;
};

export class ControlConnection {
  readonly role: Role;
  readonly peer: PeerAddress;
  readonly peerFingerprint: string | null;
  /** How it ended. Never rejects. */
  readonly closed: Promise<CloseReason>;
  /** Keying material of this very connection, equal on both ends (RFC 8446 section 7.5). */
  readonly exporter: Exporter;

  readonly #session: QuicSession;
  readonly #ended: Promise<SessionEnd>;
  readonly #outbox: Outbox;
  readonly #decoder = new ControlDecoder();
  readonly #heartbeat = new Heartbeat(performance.now());
  readonly #settle: (reason: CloseReason) => void;
  readonly #ticker: ReturnType<typeof setInterval>;
  #closing: CloseReason | undefined;
  #settled = false;
  #greeted = false;
  #welcomed = false;
  #inbox: Message[] = [];
  #handler: ((message: Message) => void) | undefined;
  #waiter: Waiter | undefined;
  #datagramHandler: ((bytes: Uint8Array) => void) | undefined;
  #inDatagram = false;
  #pingId = 0;
  #pingSentMs = 0;
  #roundTripMs: number | null = null;

  constructor(parts: ConnectionParts) {
    this.role = parts.role;
    this.peer = parts.peer;
    this.peerFingerprint = parts.peerFingerprint;
    this.#session = parts.session;
    this.#ended = parts.ended;
    this.exporter = (label, context, bytes) => {
      const secret = parts.exporterSecret.reveal();
      return exportKeyingMaterial({ secret, label, context, bytes });
    };
    const { promise, resolve } = Promise.withResolvers<CloseReason>();
    this.closed = promise;
    this.#settle = resolve;
    this.#outbox = new Outbox(parts.stream.writer, limit("control_queue_bytes_max"));
    this.#ticker = setInterval(() => this.#tick(), heartbeatTickMs);
    parts.session.ondatagram = (bytes) => this.#takeDatagram(bytes);
    void this.#read(parts.stream);
    void parts.ended.then((end) => this.#finish(this.#closing ?? this.#endReason(end)));
  }

  get isOpen(): boolean {
    return this.#closing === undefined && !this.#settled;
  }

  /** Bytes that wait for the peer to read: what is not urgent may be left out while it is high. */
  get queuedBytes(): number {
    return this.#outbox.waitingBytes;
  }

  /** Round trip of the last ping; null before the first. */
  get roundTripMs(): number | null {
    return this.#roundTripMs;
  }

  /**
   * Sends a message, in order. False when the connection is closed. A peer that does not read is
   * closed with the reason `slow` when the queue is full.
   */
  send(message: Message): boolean {
    if (!this.isOpen) return false;
    if (!this.#outbox.push(encodeMessage(message))) {
      const why = `${this.peer.address} does not read its messages.`;
      this.#fail("slow", new PfError("PF_PEER_LOST", why));
      return false;
    }
    if (message.type === "hello") this.#greeted = true;
    if (message.type === "welcome") this.#welcomed = true;
    return true;
  }

  /**
   * Waits for the next message, which must be one of `types`: another one ends the connection.
   * Throws the PfError of the ending when the connection ends first or `timeoutMs` passes.
   */
  async receive<Type extends MessageType>(
    types: readonly Type[],
    timeoutMs: number,
  ): Promise<MessageOf<Type>> {
    assert(this.#waiter === undefined, "one receive at a time");
    const { promise, resolve, reject } = Promise.withResolvers<Message>();
    this.#waiter = { types, resolve, reject };
    const timer = setTimeout(() => {
      const what = types.join(" or ");
      const seconds = timeoutMs / 1000;
      const sentence = `${this.peer.address} sent no ${what} within ${seconds} s.`;
      this.#fail("idle", new PfError("PF_PEER_LOST", sentence));
    }, timeoutMs);
    this.#dispatch();
    if (this.#settled) void this.closed.then((close) => reject(closeErrorAlways(close)));
    try {
      return (await promise) as MessageOf<Type>;
    } finally {
      clearTimeout(timer);
    }
  }

  /** From now on each message goes to `handler`, first those that have waited. */
  onMessage(handler: (message: Message) => void): void {
    this.#handler = handler;
    this.#dispatch();
  }

  /** Sends up to 1,150 bytes that may be lost; false when they are too many or it is closed. */
  sendDatagram(bytes: Uint8Array): boolean {
    if (!this.isOpen || bytes.length > limit("datagram_bytes_max")) return false;
    // QUIC loses datagrams that are sent from within the callback of another one.
    if (this.#inDatagram) setImmediate(() => this.#sendDatagram(bytes));
    else this.#sendDatagram(bytes);
    return true;
  }

  /** Each datagram goes to `handler`; those that come before there is one are lost. */
  onDatagram(handler: (bytes: Uint8Array) => void): void {
    this.#datagramHandler = handler;
  }

  /**
   * Says goodbye and closes: waits for what was sent before and for the peer's answer, together
   * not longer than `close_timeout_ms`. To be awaited before the process exits.
   */
  close(reason: Reason, message = ""): Promise<CloseReason> {
    if (this.isOpen)
      void this.#goodbye({ kind: "bye", by: "us", reason, message }, reason, message);
    return this.closed;
  }

  /** Ends the connection because of `error`; the peer is told `reason` and the sentence. */
  #fail(reason: Reason, error: PfError): void {
    if (!this.isOpen) return;
    void this.#goodbye({ kind: "error", error }, reason, error.message);
  }

  async #goodbye(close: CloseReason, reason: Reason, message: string): Promise<void> {
    this.#closing = close;
    this.#inbox = [];
    this.#outbox.push(encodeMessage({ type: "bye", reason, message }));
    await settledWithin(this.#ended, limit("close_timeout_ms"));
    this.#closeSession(reason, message);
    this.#finish(close);
  }

  #closeSession(reason: Reason, message: string): void {
    if (this.#session.destroyed) return;
    const code = reasons[reason][0];
    const options = { code, type: "application", reason: message.slice(0, 200) } as const;
    try {
      this.#session.close(options).catch(() => {});
    } catch {
      this.#session.destroy();
    }
    // Without an answer QUIC would keep the session, and with it the process, for its idle time.
    void settledWithin(this.#ended, limit("close_timeout_ms")).then(() => {
      if (!this.#session.destroyed) this.#session.destroy(undefined, options);
    });
  }

  #finish(close: CloseReason): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#closing ??= close;
    clearInterval(this.#ticker);
    this.#settle(close);
    this.#waiter?.reject(closeErrorAlways(close));
    this.#waiter = undefined;
  }

  #endReason(end: SessionEnd): CloseReason {
    if (end.kind === "code") {
      const reason = reasonOfNumber(end.code) ?? `code ${end.code}`;
      return { kind: "bye", by: "peer", reason, message: plainLine(end.reason) };
    }
    const sentence = `The connection to ${this.peer.address} was lost.`;
    const cause = end.kind === "failed" ? { cause: end.cause } : {};
    return { kind: "lost", error: new PfError("PF_PEER_LOST", sentence, cause) };
  }

  #tick(): void {
    if (!this.isOpen) return;
    const nowMs = performance.now();
    // Before hello there is nothing to keep alive: the person may still be reading a prompt.
    if (!this.#greeted) this.#heartbeat.heard(nowMs);
    const verdict = this.#heartbeat.tick(nowMs);
    if (verdict === "lost") this.#lose(nowMs);
    if (verdict !== "ping" || !this.#greeted) return;
    this.#pingSentMs = nowMs;
    this.send({ type: "ping", id: ++this.#pingId });
  }

  #lose(nowMs: number): void {
    const seconds = (this.#heartbeat.silentMs(nowMs) / 1000).toFixed(1);
    const sentence = `Nothing was heard from ${this.peer.address} for ${seconds} s.`;
    const close: CloseReason = { kind: "lost", error: new PfError("PF_PEER_LOST", sentence) };
    this.#closing = close;
    // A close in order would wait for the silent peer until QUIC gives it up.
    const code = reasons["peer-lost"][0];
    if (!this.#session.destroyed) {
      this.#session.destroy(undefined, { code, type: "application", reason: sentence });
    }
    this.#finish(close);
  }

  async #read(stream: QuicStream): Promise<void> {
    try {
      for await (const pieces of stream) {
        this.#heartbeat.heard(performance.now());
        for (const piece of pieces) {
          for (const item of this.#decoder.push(piece)) this.#take(item);
        }
      }
      await settledWithin(this.#ended, limit("close_timeout_ms"));
      this.#violation("the control stream was ended");
    } catch {
      // The stream ends with its session, and the session says why.
    }
  }

  #take(item: Checked): void {
    if (item.kind === "unknown") return;
    if (item.kind === "violation") return this.#violation(item.why);
    const { message } = item;
    if (message.type === "bye") return this.#takeBye(message);
    if (!this.isOpen) return;
    const from = this.role === "host" ? "client" : "host";
    const isFirst = this.role === "host" && !this.#greeted;
    if (!mayTravel(message.type, from, this.#welcomed) || isFirst !== (message.type === "hello")) {
      return this.#violation(`${message.type} was not to be sent now`);
    }
    if (message.type === "hello") this.#greeted = true;
    if (message.type === "welcome") this.#welcomed = true;
    if (message.type === "ping") {
      this.send({ type: "pong", id: message.id });
    } else if (message.type === "pong") {
      if (message.id === this.#pingId) this.#roundTripMs = performance.now() - this.#pingSentMs;
    } else if (this.#inbox.length >= limit("control_inbox_count")) {
      this.#violation("too many messages before the first ones were handled");
    } else {
      this.#inbox.push(message);
      this.#dispatch();
    }
  }

  #violation(why: string): void {
    const sentence = `${this.peer.address} broke the rules of punktfunk/1: ${why}.`;
    this.#fail("protocol", new PfError("PF_PROTOCOL_VIOLATION", sentence));
  }

  /** Gives waiting messages to who wants them, in order; also those that came before a goodbye. */
  #dispatch(): void {
    while (this.#waiter !== undefined || this.#handler !== undefined) {
      const message = this.#inbox.shift();
      if (message === undefined) return;
      if (this.#waiter === undefined) this.#handle(message);
      else this.#answer(this.#waiter, message);
    }
  }

  #answer(waiter: Waiter, message: Message): void {
    this.#waiter = undefined;
    if (waiter.types.includes(message.type)) return waiter.resolve(message);
    this.#violation(`${message.type} came in place of ${waiter.types.join(" or ")}`);
    waiter.reject(closeErrorAlways(this.#closing as CloseReason));
  }

  #handle(message: Message): void {
    try {
      this.#handler?.(message);
    } catch (thrown) {
      const sentence = `Handling ${message.type} failed: ${String(thrown)}.`;
      this.#fail("internal", new PfError("PF_INTERNAL", sentence, { cause: thrown }));
    }
  }

  /** Answers a goodbye by closing; when both ends said it at once, ours stays the reason. */
  #takeBye({ reason, message }: MessageOf<"bye">): void {
    this.#closing ??= { kind: "bye", by: "peer", reason, message };
    this.#closeSession("done", "");
    this.#finish(this.#closing);
  }

  #takeDatagram(bytes: Uint8Array): void {
    if (!this.isOpen) return;
    this.#heartbeat.heard(performance.now());
    this.#inDatagram = true;
    try {
      this.#datagramHandler?.(bytes);
    } catch (thrown) {
      const sentence = `Handling a datagram failed: ${String(thrown)}.`;
      this.#fail("internal", new PfError("PF_INTERNAL", sentence, { cause: thrown }));
    } finally {
      this.#inDatagram = false;
    }
  }

  #sendDatagram(bytes: Uint8Array): void {
    if (!this.isOpen || this.#session.destroyed) return;
    this.#session.sendDatagram(bytes).catch(() => {});
  }
}
