/** Binding of libpf_core: the event queue, the access unit tee, the clock. */
import { ptr } from "bun:ffi";
import { PfError } from "../../base/errors.ts";
import type { Nanos } from "../../base/units.ts";
import { type EventKind, eventKind, event as eventLayout } from "../../wire/abi.ts";
import { readField, readText } from "../../wire/layout.ts";
import { type Address, OutPointer, openLibrary, pointer, readSink, type Sink } from "../library.ts";

const symbols = {
  pf_core_events_open: { args: ["ptr"], returns: "i32" },
  pf_core_events_close: { args: ["ptr"], returns: "void" },
  pf_core_events_fd: { args: ["ptr"], returns: "i32" },
  pf_core_events_dropped: { args: ["ptr"], returns: "u64" },
  pf_core_events_take: { args: ["ptr", "ptr", "u32"], returns: "i32" },
  pf_core_now_ns: { args: [], returns: "u64" },
  pf_core_ignore_unreachable: { args: ["u32"], returns: "i32" },
  pf_tee_open: { args: ["ptr", "ptr", "ptr"], returns: "i32" },
  pf_tee_close: { args: ["ptr"], returns: "void" },
  pf_tee_sink: { args: ["ptr", "ptr"], returns: "void" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const core = () => (library ??= openLibrary("core", symbols));

/** CLOCK_MONOTONIC, the clock of every native time. */
export function nowNs(): Nanos {
  return core().functions.pf_core_now_ns();
}

/**
 * Makes this process's sockets at a UDP port deaf to ICMP errors, whoever opened them. QUIC's socket
 * hears them, and takes one as the network being full: a single client that is gone would keep all
 * others waiting for a second. Throws PF_NATIVE_FAILED when there is no such socket.
 */
export function ignoreUnreachable(port: number): void {
  const { functions, check } = core();
  const what = `The socket of UDP port ${port}`;
  const count = check(functions.pf_core_ignore_unreachable(port), "PF_NATIVE_FAILED", what);
  if (count === 0) throw new PfError("PF_NATIVE_FAILED", `${what} was not found.`);
}

export interface NativeEvent {
  readonly kind: EventKind;
  /** The number that the stage was given at open. */
  readonly stage: number;
  readonly timeNs: Nanos;
  readonly a: number;
  readonly b: number;
  readonly text: string;
}

const kindNames: ReadonlyMap<number, string> = new Map(
  Object.entries(eventKind).map(([name, value]) => [value, name]),
);
const takeCount = 64;

/**
 * The queue by which native stages tell TypeScript rare things. `listen` wakes on an eventfd and
 * calls back in order until `close`; close it after every stage that posts to it.
 */
export class EventQueue {
  readonly address: Address;
  readonly #buffer = new Uint8Array(eventLayout.bytes * takeCount);
  #closed = false;
  #cancel: (() => Promise<void>) | undefined;

  constructor() {
    const out = new OutPointer();
    const { functions, check } = core();
    check(functions.pf_core_events_open(out.argument), "PF_NATIVE_FAILED", "The event queue");
    this.address = out.value;
  }

  /** Takes what is there now. */
  take(): NativeEvent[] {
    if (this.#closed) return [];
    const events: NativeEvent[] = [];
    const view = new DataView(this.#buffer.buffer);
    for (;;) {
      const { functions } = core();
      const count = functions.pf_core_events_take(
        pointer(this.address),
        ptr(this.#buffer),
        takeCount,
      );
      for (let i = 0; i < count; i++) events.push(readEvent(view, this.#buffer, i));
      if (count < takeCount) return events;
    }
  }

  /** Calls `onEvent` for each event until the queue is closed. */
  async listen(onEvent: (event: NativeEvent) => void): Promise<void> {
    const fd = core().functions.pf_core_events_fd(pointer(this.address));
    const reader = Bun.file(fd).stream().getReader();
    this.#cancel = () => reader.cancel();
    while (!this.#closed) {
      const { done } = await reader.read();
      for (const item of this.take()) onEvent(item);
      if (done) return;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#cancel?.().catch(() => {});
    core().functions.pf_core_events_close(pointer(this.address));
  }
}

function readEvent(view: DataView, bytes: Uint8Array, index: number): NativeEvent {
  const base = index * eventLayout.bytes;
  const kind = kindNames.get(Number(readField(view, eventLayout, "kind", base)));
  return {
    kind: (kind ?? "none") as EventKind,
    stage: Number(readField(view, eventLayout, "stage", base)),
    timeNs: readField(view, eventLayout, "time_ns", base) as bigint,
    a: Number(readField(view, eventLayout, "a", base)),
    b: Number(readField(view, eventLayout, "b", base)),
    text: readText(bytes, eventLayout, "text", base),
  };
}

/** Pushes each item to two sinks in turn. */
export class Tee {
  readonly #address: Address;

  constructor(first: Sink, second: Sink) {
    const out = new OutPointer();
    const { functions, check } = core();
    const result = functions.pf_tee_open(
      ptr(sinkWords(first)),
      ptr(sinkWords(second)),
      out.argument,
    );
    check(result, "PF_NATIVE_FAILED", "The tee");
    this.#address = out.value;
  }

  sink(): Sink {
    return readSink((out) => core().functions.pf_tee_sink(pointer(this.#address), out));
  }

  close(): void {
    core().functions.pf_tee_close(pointer(this.#address));
  }
}

function sinkWords(sink: Sink): BigUint64Array {
  return new BigUint64Array([BigInt(sink.push), BigInt(sink.context)]);
}
