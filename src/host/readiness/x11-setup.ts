/**
 * The connection setup of the X11 protocol, and which extensions a server has, in its own bytes
 * (X Window System Protocol, version 11, chapter 8 and request 98). No library is needed for it.
 */
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { hostname } from "node:os";
import { join } from "node:path";

type Environment = Readonly<Record<string, string | undefined>>;

export interface XServer {
  readonly vendor: string;
  /** As the vendor counts: 12101007 is X.Org 21.1.7. */
  readonly release: number;
  /** Those of the wished extensions that it has. */
  readonly extensions: ReadonlySet<string>;
}

const cookieName = "MIT-MAGIC-COOKIE-1";
const queryExtension = 98;
const replyBytes = 32;
const answerBytesMax = 1024 * 1024;

/** `:0`, `:1.0` as the number of a display of this machine; undefined for another. */
export const displayNumber = (display: string): number | undefined => {
  const match = /^(?:unix)?:(\d+)(?:\.\d+)?$/.exec(display);
  return match === null ? undefined : Number(match[1]);
};

/** Asks the server at a socket. Rejects with an Error whose message is the server's own words. */
export async function askXServer(
  display: number,
  { env, extensions, msMax }: { env: Environment; extensions: readonly string[]; msMax: number },
): Promise<XServer> {
  const path = `/tmp/.X11-unix/X${display}`;
  const { promise, resolve, reject } = Promise.withResolvers<XServer>();
  const socket = connect(path);
  const late = () => reject(new Error(`${path} did not answer within ${msMax} ms`));
  const timer = setTimeout(late, msMax);
  const conversation = new Conversation(socket, extensions, resolve, reject);
  socket.on("connect", () => socket.write(setupRequest(cookieOf(display, env))));
  socket.on("data", (chunk: Buffer) => conversation.take(chunk));
  socket.on("error", (error) => reject(new Error(`${path}: ${error.message}`)));
  socket.on("close", () => reject(new Error(`${path}: the server closed the connection`)));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

const padded = (bytes: number) => Math.ceil(bytes / 4) * 4;

function setupRequest(cookie: Buffer): Buffer {
  const name = cookie.length === 0 ? "" : cookieName;
  const request = Buffer.alloc(12 + padded(name.length) + padded(cookie.length));
  request.write("l", 0, "latin1"); // least significant byte first
  request.writeUInt16LE(11, 2);
  request.writeUInt16LE(name.length, 6);
  request.writeUInt16LE(cookie.length, 8);
  request.write(name, 12, "latin1");
  cookie.copy(request, 12 + padded(name.length));
  return request;
}

function extensionRequest(name: string): Buffer {
  const request = Buffer.alloc(8 + padded(name.length));
  request[0] = queryExtension;
  request.writeUInt16LE(request.length / 4, 2);
  request.writeUInt16LE(name.length, 4);
  request.write(name, 8, "latin1");
  return request;
}

class Conversation {
  readonly #extensions: readonly string[];
  readonly #socket: Socket;
  readonly #resolve: (server: XServer) => void;
  readonly #reject: (error: Error) => void;
  #rest: Buffer = Buffer.alloc(0);
  #server: { vendor: string; release: number } | undefined;
  readonly #present = new Set<string>();
  #answered = 0;

  constructor(
    socket: Socket,
    extensions: readonly string[],
    resolve: (server: XServer) => void,
    reject: (error: Error) => void,
  ) {
    this.#socket = socket;
    this.#extensions = extensions;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  take(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    if (this.#rest.length > answerBytesMax) this.#reject(new Error("its answer has no end"));
    else if (this.#server === undefined) this.#takeSetup();
    else this.#takeReplies();
  }

  /** u8 status, u8 length of a reason, u16 versions, u16 length of the rest in words. */
  #takeSetup(): void {
    const bytes = this.#rest;
    if (bytes.length < 8) return;
    const total = 8 + bytes.readUInt16LE(6) * 4;
    if (bytes.length < total) return;
    const status = bytes[0];
    if (status !== 1) {
      const reasonBytes = status === 0 ? (bytes[1] as number) : total - 8;
      const reason = bytes.toString("latin1", 8, Math.min(8 + reasonBytes, total));
      this.#reject(new Error(reason.replaceAll("\0", "").trim() || "it refused the connection"));
      return;
    }
    if (total < 40 + bytes.readUInt16LE(24)) {
      this.#reject(new Error("it does not speak X11"));
      return;
    }
    const vendor = bytes.toString("latin1", 40, 40 + bytes.readUInt16LE(24));
    this.#server = { vendor, release: bytes.readUInt32LE(8) };
    this.#rest = bytes.subarray(total);
    for (const name of this.#extensions) this.#socket.write(extensionRequest(name));
    this.#takeReplies();
  }

  /** Replies come in the order of the questions; events have the same length. */
  #takeReplies(): void {
    while (this.#rest.length >= replyBytes && this.#answered < this.#extensions.length) {
      const reply = this.#rest;
      this.#rest = reply.subarray(replyBytes);
      if (reply[0] !== 1) continue;
      const name = this.#extensions[this.#answered++] as string;
      if (reply[8] === 1) this.#present.add(name);
    }
    if (this.#server === undefined || this.#answered < this.#extensions.length) return;
    this.#resolve({ ...this.#server, extensions: this.#present });
  }
}

/** The cookie of a display in the X authority file; empty where there is none. */
function cookieOf(display: number, env: Environment): Buffer {
  const path = env["XAUTHORITY"] || join(env["HOME"] ?? "/root", ".Xauthority");
  try {
    return findCookie(readFileSync(path), display, hostname());
  } catch {
    return Buffer.alloc(0);
  }
}

const familyLocal = 256;
const familyWild = 65_535;

/**
 * Entries of u16 family, then address, display number, name and data, each a u16 length and its
 * bytes, in network byte order (Xau(3)). Pure.
 */
export function findCookie(file: Buffer, display: number, host: string): Buffer {
  let at = 0;
  const next = () => {
    const length = file.readUInt16BE(at);
    const bytes = file.subarray(at + 2, at + 2 + length);
    at += 2 + length;
    return bytes;
  };
  while (at + 10 <= file.length) {
    const family = file.readUInt16BE(at);
    at += 2;
    const [address, number, name, data] = [next(), next(), next(), next()];
    const isHere =
      family === familyWild || (family === familyLocal && address.toString("latin1") === host);
    const isThis = number.length === 0 || number.toString("latin1") === String(display);
    if (isHere && isThis && name.toString("latin1") === cookieName) return data;
  }
  return Buffer.alloc(0);
}
