/**
 * Which globals a Wayland compositor has, asked in its own protocol: get_registry and sync are
 * written to the socket, and what comes until the sync is done is the list. It needs no library, so
 * it tells about a compositor also where libwayland is missing, and it never blocks a thread.
 *
 * A message is u32 object, u16 opcode, u16 length with this header, then arguments of 32 bits each,
 * all in the byte order of the machine; a string is its u32 length with the zero, then its bytes,
 * padded to 32 bits (Wayland's wire format and wayland.xml).
 */
import { connect } from "node:net";
import { PfError } from "../../base/errors.ts";

/** Versions by interface; of a global that is there several times, the highest. */
export type WaylandGlobals = ReadonlyMap<string, number>;

export interface ListOptions {
  /** How long the compositor may take for all of it. */
  readonly msMax: number;
  readonly signal?: AbortSignal;
}

const headerBytes = 8;
/** Compositors have fewer than a hundred globals of some fifty bytes each. */
const answerBytesMax = 1024 * 1024;
const display = 1;
const registry = 2;
const callback = 3;
const syncOpcode = 0;
const getRegistryOpcode = 1;
const errorOpcode = 0;
const globalOpcode = 0;
const doneOpcode = 0;

/**
 * Asks the compositor at an absolute path. Throws PF_DISPLAY_MISSING with the system's code as
 * cause when nobody answers there, PF_SOURCE_FAILED when the compositor hangs or talks nonsense.
 */
export async function listGlobals(path: string, options: ListOptions): Promise<WaylandGlobals> {
  options.signal?.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<WaylandGlobals>();
  const reader = new RegistryReader();
  const socket = connect(path);
  const failed = (what: string) => reject(new PfError("PF_SOURCE_FAILED", `${what}.`));
  const abort = () => reject(options.signal?.reason);
  const timer = setTimeout(
    () => failed(`The compositor at ${path} did not answer within ${options.msMax} ms`),
    options.msMax,
  );
  options.signal?.addEventListener("abort", abort);
  socket.on("connect", () => socket.write(questions()));
  socket.on("data", (chunk: Buffer) => {
    const problem = reader.take(chunk);
    if (problem !== undefined) failed(`The compositor at ${path} ${problem}`);
    else if (reader.isDone) resolve(reader.globals);
  });
  socket.on("error", (error: NodeJS.ErrnoException) => reject(nobody(path, error)));
  socket.on("close", () => failed(`The compositor at ${path} closed the connection`));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", abort);
    socket.destroy();
  }
}

function nobody(path: string, error: NodeJS.ErrnoException): PfError {
  const why =
    error.code === "ECONNREFUSED"
      ? "the socket is there, but nobody listens on it"
      : error.code === "ENOENT"
        ? "there is no such socket"
        : error.code === "EACCES" || error.code === "EPERM"
          ? "this user may not use it"
          : error.message;
  const message = `No compositor answers at ${path}: ${why}.`;
  return new PfError("PF_DISPLAY_MISSING", message, { cause: error.code });
}

/** wl_display.get_registry(2), then wl_display.sync(3). */
function questions(): Uint8Array {
  const words = new Uint32Array(6);
  const bytes = headerBytes + 4;
  words.set([display, (bytes << 16) | getRegistryOpcode, registry]);
  words.set([display, (bytes << 16) | syncOpcode, callback], 3);
  return new Uint8Array(words.buffer);
}

/** Takes the compositor's answer in pieces of any size. */
export class RegistryReader {
  readonly globals = new Map<string, number>();
  isDone = false;
  #rest: Buffer = Buffer.alloc(0);
  #bytes = 0;

  /** What is wrong with the answer, as the end of a sentence; undefined when nothing is. */
  take(chunk: Buffer): string | undefined {
    this.#bytes += chunk.length;
    if (this.#bytes > answerBytesMax) return "sends no end of globals";
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (!this.isDone && bytes.length >= headerBytes) {
      const length = word(bytes, 4) >>> 16;
      if (length < headerBytes || length % 4 !== 0) return "does not speak Wayland";
      if (bytes.length < length) break;
      const problem = this.#message(bytes.subarray(0, length));
      if (problem !== undefined) return problem;
      bytes = bytes.subarray(length);
    }
    this.#rest = bytes;
    return undefined;
  }

  #message(message: Buffer): string | undefined {
    const object = word(message, 0);
    const opcode = word(message, 4) & 0xffff;
    if (object === registry && opcode === globalOpcode) return this.#global(message);
    if (object === callback && opcode === doneOpcode) this.isDone = true;
    if (object === display && opcode === errorOpcode) return "refused the question";
    return undefined;
  }

  /** u32 name, string interface, u32 version. */
  #global(message: Buffer): string | undefined {
    const textAt = headerBytes + 8;
    if (message.length < textAt + 4) return "does not speak Wayland";
    const textBytes = word(message, textAt - 4);
    const versionAt = textAt + Math.ceil(textBytes / 4) * 4;
    if (textBytes === 0 || versionAt + 4 !== message.length) return "does not speak Wayland";
    const name = message.toString("latin1", textAt, textAt + textBytes - 1);
    const version = word(message, versionAt);
    this.globals.set(name, Math.max(version, this.globals.get(name) ?? 0));
    return undefined;
  }
}

const isLittle = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const word = (bytes: Buffer, at: number): number =>
  isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
