/** What waits to be written to a stream: bounded, in order, and moved on as the peer reads. */
import type { QuicStream } from "./quic.ts";

/** Resolves when the writer takes bytes again; undefined when it never will. */
const drainable = Symbol.for("Stream.drainableProtocol");
type Drainable = { [drainable]?: () => Promise<unknown> | null | undefined };

export class Outbox {
  readonly #writer: QuicStream["writer"];
  readonly #bytesMax: number;
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #pump: Promise<void> | undefined;
  #failed = false;

  constructor(writer: QuicStream["writer"], bytesMax: number) {
    this.#writer = writer;
    this.#bytesMax = bytesMax;
  }

  /** Bytes that the transport has not taken yet. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Writes or queues; false when the queue is full or the stream can't be written any more. */
  push(bytes: Uint8Array): boolean {
    if (this.#failed) return false;
    if (this.#waiting.length === 0 && this.#write(bytes)) return true;
    if (this.#failed || this.#waitingBytes + bytes.length > this.#bytesMax) return false;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.#pump ??= this.#drain();
    return true;
  }

  /** Resolves when nothing waits any more, or nothing more can be written. */
  async flushed(): Promise<void> {
    await this.#pump;
  }

  #write(bytes: Uint8Array): boolean {
    try {
      return this.#writer.writeSync(bytes);
    } catch {
      this.#failed = true;
      return false;
    }
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#failed) {
      const first = this.#waiting[0] as Uint8Array;
      if (this.#write(first)) {
        this.#waiting.shift();
        this.#waitingBytes -= first.length;
        continue;
      }
      if (!this.#failed) await this.#writable();
    }
    this.#pump = undefined;
  }

  async #writable(): Promise<void> {
    try {
      const room = (this.#writer as Drainable)[drainable]?.();
      if (room === null || room === undefined) this.#failed = true;
      else await room;
    } catch {
      this.#failed = true;
    }
  }
}
