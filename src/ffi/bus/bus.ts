/** A byte stream to a message bus that file descriptors come with: see bus.h. */
import { ptr } from "bun:ffi";
import { closeSync } from "node:fs";
import { resultName } from "../../wire/results.ts";
import { type Address, OutPointer, openLibrary, pointer } from "../library.ts";

const symbols = {
  pf_bus_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_bus_close: { args: ["ptr"], returns: "void" },
  pf_bus_fd: { args: ["ptr"], returns: "i32" },
  pf_bus_send: { args: ["ptr", "ptr", "u32", "i32"], returns: "i32" },
  pf_bus_take: { args: ["ptr", "ptr", "u32"], returns: "i32" },
  pf_bus_take_fd: { args: ["ptr"], returns: "i32" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const bus = () => (library ??= openLibrary("bus", symbols));

const takeBytes = 1 << 16;

/** Closes a descriptor that came over a bus and that nobody wants. Never throws. */
export function closeDescriptor(fd: number): void {
  try {
    closeSync(fd);
  } catch {} // it was closed by whom it was given to
}

/**
 * The stream. The constructor throws PF_NATIVE_FAILED when nobody listens, and PF_LIBRARY_MISSING.
 */
export class BusSocket {
  readonly #buffer = new Uint8Array(takeBytes);
  #address: Address;
  #cancel: (() => Promise<void>) | undefined;

  /** `path` is a socket's, or "@" and the name of an abstract one. */
  constructor(path: string) {
    const out = new OutPointer();
    const { functions, check } = bus();
    const opened = functions.pf_bus_open(ptr(new TextEncoder().encode(`${path}\0`)), out.argument);
    check(opened, "PF_NATIVE_FAILED", "The message bus can't be reached");
    this.#address = out.value;
  }

  /**
   * Sends bytes, and with them a descriptor, which stays the caller's. False when the bus is gone
   * or too much waits already; then none of it is sent.
   */
  send(bytes: Uint8Array, descriptor = -1): boolean {
    if (this.#address === 0) return false;
    const { pf_bus_send } = bus().functions;
    return pf_bus_send(pointer(this.#address), ptr(bytes), bytes.length, descriptor) >= 0;
  }

  /** The oldest descriptor that has come, which is the caller's to close; undefined without one. */
  takeDescriptor(): number | undefined {
    if (this.#address === 0) return undefined;
    const fd = bus().functions.pf_bus_take_fd(pointer(this.#address));
    return fd < 0 ? undefined : fd;
  }

  /** Calls back with what comes, borrowed, until the bus is gone or `close`. Once. */
  async listen(onBytes: (bytes: Uint8Array) => void): Promise<void> {
    const reader = Bun.file(bus().functions.pf_bus_fd(pointer(this.#address)))
      .stream()
      .getReader();
    this.#cancel = () => reader.cancel();
    while (this.#address !== 0) {
      const { done } = await reader.read();
      if (!this.#takeAll(onBytes) || done) return;
    }
  }

  /** What was sent before is still sent, as far as the bus takes it at once. Idempotent. */
  async close(): Promise<void> {
    const address = this.#address;
    if (address === 0) return;
    this.#address = 0;
    await this.#cancel?.().catch(() => {});
    bus().functions.pf_bus_close(pointer(address));
  }

  /** False when there will never be more. */
  #takeAll(onBytes: (bytes: Uint8Array) => void): boolean {
    while (this.#address !== 0) {
      const { pf_bus_take } = bus().functions;
      const count = pf_bus_take(pointer(this.#address), ptr(this.#buffer), takeBytes);
      if (count === 0) return true;
      if (count < 0) return resultName(count) !== "PF_E_CLOSED";
      onBytes(this.#buffer.subarray(0, count));
    }
    return false;
  }
}
