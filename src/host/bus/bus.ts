/**
 * A connection to a message bus: calls with a bounded wait, signals, and the descriptors that some
 * answers bring (D-Bus Specification, "Authentication Protocol" and "Message Bus").
 */
import { type PfError, toPfError } from "../../base/errors.ts";
import { BusSocket, closeDescriptor } from "../../ffi/bus/bus.ts";
import { socketsOf } from "./address.ts";
import { type BusMessage, decodeMessage, encodeMessage, messageBytes } from "./message.ts";
import type { BusValue } from "./values.ts";

/** A call that failed: `code` is the error's name on the bus. */
export class BusError extends Error {
  override readonly name = "BusError";
  readonly code: string;

  constructor(code: string, message: string) {
    super(message === "" ? code : message);
    this.code = code;
  }
}

const errors = "org.freedesktop.DBus.Error";
/** Every service here answers within milliseconds; D-Bus itself waits for 25 s. */
const callMsMax = 5000;
const daemon = { destination: "org.freedesktop.DBus", path: "/org/freedesktop/DBus" } as const;
const properties = "org.freedesktop.DBus.Properties";

/** What is called where. */
export interface BusCall {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  /** Types of `body`; default: nothing is given. */
  readonly signature?: string;
  readonly body?: readonly BusValue[];
  /** Default 5,000. */
  readonly msMax?: number;
}

export interface BusProperty {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly name: string;
}

/** What is not named fits always. */
export interface SignalMatch {
  /** Unique name of the sender, or the bus's own. */
  readonly sender?: string;
  readonly path?: string;
  readonly interface: string;
  readonly member: string;
  /** First value of the signal. */
  readonly arg0?: string;
}

export type SignalHandler = (body: readonly BusValue[], message: BusMessage) => void;

/** Answers calls that others make. A BusError that it throws is the answer too. */
export type CallHandler = (call: BusMessage) => Promise<BusAnswer> | BusAnswer;
export interface BusAnswer {
  readonly signature?: string;
  readonly body?: readonly BusValue[];
  /** Goes with it, as the value 0 of type h, and stays the caller's. */
  readonly descriptor?: number;
}

interface Reply {
  readonly message: BusMessage;
  readonly descriptors: readonly number[];
}

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: BusError) => void;
}

export class Bus {
  /** The connection's unique name, as :1.42. */
  name = "";
  /** Resolves with a sentence when the connection is over; `close` ends it too. */
  readonly closed: Promise<string>;
  /** What others may call; default: nothing. */
  onCall: CallHandler | undefined;
  readonly #socket: BusSocket;
  readonly #closing = Promise.withResolvers<string>();
  readonly #waiting = new Map<number, Waiting>();
  readonly #handlers = new Set<{ readonly match: SignalMatch; readonly handler: SignalHandler }>();
  #serial = 0;
  #isOver = false;
  #isBegun = false;
  #pending: Buffer = Buffer.alloc(0);

  private constructor(socket: BusSocket) {
    this.#socket = socket;
    this.closed = this.#closing.promise;
  }

  /**
   * Connects to the bus at an address, as DBUS_SESSION_BUS_ADDRESS has it. Throws BusError
   * (NoServer, AuthFailed, NoReply) or PfError (PF_LIBRARY_MISSING).
   */
  static async connect(address: string, { msMax = callMsMax } = {}): Promise<Bus> {
    const bus = new Bus(openSocket(address));
    try {
      void bus.#listen();
      bus.#authenticate();
      const hello = { ...daemon, interface: daemon.destination, member: "Hello", msMax };
      const [name] = await bus.call(hello);
      bus.name = name as string;
      return bus;
    } catch (error) {
      await bus.close();
      throw error;
    }
  }

  /** Throws BusError: what the other side says, NoReply when it is late, Disconnected. */
  async call(call: BusCall): Promise<readonly BusValue[]> {
    const { message, descriptors } = await this.#request(call);
    for (const fd of descriptors) closeDescriptor(fd);
    return message.body;
  }

  /** Calls what answers with a descriptor, which then is the caller's to close. */
  async callForDescriptor(call: BusCall): Promise<number> {
    const { message, descriptors } = await this.#request(call);
    const [index] = message.body;
    const wanted = typeof index === "number" ? descriptors[index] : undefined;
    for (const fd of descriptors) if (fd !== wanted) closeDescriptor(fd);
    if (wanted !== undefined) return wanted;
    throw new BusError(`${errors}.InvalidSignature`, `${call.member} gave no descriptor.`);
  }

  /** Calls without an answer. False when it can't be sent. */
  send(call: BusCall): boolean {
    return this.#send({ ...call, kind: "call", expectsReply: false, body: call.body ?? [] }) !== 0;
  }

  async property({ name, ...of }: BusProperty): Promise<BusValue> {
    const body = [of.interface, name];
    const [value] = await this.call({
      ...of,
      interface: properties,
      member: "Get",
      signature: "ss",
      body,
    });
    return value as BusValue;
  }

  /** Handles a signal from now on, until the function that it resolves with is called. */
  async onSignal(match: SignalMatch, handler: SignalHandler): Promise<() => void> {
    const entry = { match, handler };
    const rule = {
      ...daemon,
      interface: daemon.destination,
      signature: "s",
      body: [ruleOf(match)],
    };
    this.#handlers.add(entry);
    try {
      await this.call({ ...rule, member: "AddMatch" });
    } catch (error) {
      this.#handlers.delete(entry);
      throw error;
    }
    return () => {
      if (this.#handlers.delete(entry)) this.send({ ...rule, member: "RemoveMatch" });
    };
  }

  /** Unique name of who has a name; null when nobody has. */
  async ownerOf(name: string): Promise<string | null> {
    const asked = { ...daemon, interface: daemon.destination, signature: "s", body: [name] };
    try {
      return (await this.call({ ...asked, member: "GetNameOwner" }))[0] as string;
    } catch (error) {
      if (error instanceof BusError && error.code === `${errors}.NameHasNoOwner`) return null;
      throw error;
    }
  }

  /** Whether the bus would start someone for the name. */
  async canStart(name: string): Promise<boolean> {
    const asked = { ...daemon, interface: daemon.destination, member: "ListActivatableNames" };
    return ((await this.call(asked))[0] as string[]).includes(name);
  }

  /** Calls back when the owner of a unique name leaves the bus. */
  async onGone(uniqueName: string, handler: () => void): Promise<() => void> {
    const match = {
      sender: daemon.destination,
      interface: daemon.destination,
      member: "NameOwnerChanged",
      arg0: uniqueName,
    };
    return await this.onSignal(match, ([, , owner]) => {
      if (owner === "") handler();
    });
  }

  /** Takes a name. Throws BusError when another one has it. */
  async requestName(name: string): Promise<void> {
    const doNotQueue = 4;
    const asked = { ...daemon, interface: daemon.destination, signature: "su" };
    const body = [name, doNotQueue];
    const [result] = await this.call({ ...asked, member: "RequestName", body });
    if (result !== 1) throw new BusError(`${errors}.AddressInUse`, `${name} is taken.`);
  }

  /** Sends a signal to everyone, or to one `destination`. */
  emit(
    signal: Omit<BusCall, "destination" | "msMax"> & { readonly destination?: string },
  ): boolean {
    const { body = [] } = signal;
    return this.#send({ ...signal, kind: "signal", expectsReply: false, body }) !== 0;
  }

  /** Ends what waits with Disconnected. Idempotent; never rejects. */
  async close(): Promise<void> {
    this.#end("The connection to the message bus was closed.");
    await this.#socket.close();
  }

  async #request({ msMax = callMsMax, ...call }: BusCall): Promise<Reply> {
    const { body = [] } = call;
    const serial = this.#send({ ...call, kind: "call", expectsReply: true, body });
    const gone = new BusError(`${errors}.Disconnected`, "The message bus is gone.");
    if (serial === 0) throw gone;
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const words = `${call.destination} did not answer ${call.member} in ${msMax / 1000} s.`;
    const late = () => reject(new BusError(`${errors}.NoReply`, words));
    const timer = setTimeout(late, msMax);
    this.#waiting.set(serial, { resolve, reject });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(serial);
    }
  }

  /** Returns the serial; 0 when it can't be sent. */
  #send(message: Omit<BusMessage, "serial">, descriptor?: number): number {
    if (this.#isOver) return 0;
    this.#serial = (this.#serial % 0xffffffff) + 1;
    const count = descriptor === undefined ? {} : { descriptorCount: 1 };
    const bytes = encodeMessage({ ...message, ...count, serial: this.#serial });
    const sent = this.#socket.send(bytes, descriptor);
    return sent ? this.#serial : 0;
  }

  /** All at once: a bus that refuses closes the connection. */
  #authenticate(): void {
    const user = Buffer.from(String(process.geteuid?.() ?? 0)).toString("hex");
    const lines = ["AUTH EXTERNAL ", user, "\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"];
    this.#socket.send(Buffer.from(`\0${lines.join("")}`));
  }

  async #listen(): Promise<void> {
    let why = "The message bus has ended.";
    await this.#socket
      .listen((bytes) => this.#onBytes(bytes))
      .catch((thrown: Error) => {
        why = `The message bus sent ${thrown.message}.`;
      });
    this.#end(why);
  }

  #onBytes(bytes: Uint8Array): void {
    this.#pending = Buffer.concat([this.#pending, bytes]);
    if (!this.#isBegun) this.#readGreeting();
    while (this.#isBegun) {
      const count = messageBytes(this.#pending);
      if (count === undefined || count > this.#pending.length) return;
      const message = decodeMessage(this.#pending.subarray(0, count));
      this.#pending = this.#pending.subarray(count);
      if (message !== undefined) this.#onMessage(message);
    }
  }

  /** Two lines: OK with the bus's identity, and whether it passes descriptors. */
  #readGreeting(): void {
    const lines = this.#pending.toString("latin1").split("\r\n", 3);
    if (lines.length < 3) {
      if (this.#pending.length > greetingBytesMax) throw new Error("no greeting");
      return;
    }
    if (!lines[0]?.startsWith("OK ")) throw new Error(`"${lines[0]}" instead of a greeting`);
    this.#pending = this.#pending.subarray(`${lines[0]}\r\n${lines[1]}\r\n`.length);
    this.#isBegun = true;
  }

  #onMessage(message: BusMessage): void {
    const descriptors: number[] = [];
    for (let i = 0; i < (message.descriptorCount ?? 0); i++) {
      const fd = this.#socket.takeDescriptor();
      if (fd !== undefined) descriptors.push(fd);
    }
    const waiting = this.#waiting.get(message.replySerial ?? 0);
    if (message.kind === "return" && waiting !== undefined) {
      waiting.resolve({ message, descriptors });
      return;
    }
    for (const fd of descriptors) closeDescriptor(fd);
    if (message.kind === "error") {
      waiting?.reject(new BusError(message.errorName ?? "", wordsOf(message)));
    } else if (message.kind === "signal") {
      for (const { match, handler } of this.#handlers) {
        if (fits(match, message)) handler(message.body, message);
      }
    } else if (message.kind === "call") {
      void this.#answer(message);
    }
  }

  async #answer(call: BusMessage): Promise<void> {
    const to = { replySerial: call.serial, destination: call.sender ?? "", expectsReply: false };
    try {
      if (this.onCall === undefined) {
        throw new BusError(`${errors}.UnknownMethod`, "Nothing can be called here.");
      }
      const { signature = "", body = [], descriptor } = await this.onCall(call);
      if (call.expectsReply) this.#send({ ...to, kind: "return", signature, body }, descriptor);
    } catch (thrown) {
      if (!call.expectsReply) return;
      const errorName = thrown instanceof BusError ? thrown.code : `${errors}.Failed`;
      const body = [thrown instanceof Error ? thrown.message : String(thrown)];
      this.#send({ ...to, kind: "error", errorName, signature: "s", body });
    }
  }

  #end(why: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const { reject } of this.#waiting.values()) {
      reject(new BusError(`${errors}.Disconnected`, why));
    }
    this.#handlers.clear();
    this.#closing.resolve(why);
  }
}

/** The greeting's two lines are below 100 bytes. */
const greetingBytesMax = 1024;

function openSocket(address: string): BusSocket {
  let last: PfError | undefined;
  for (const path of socketsOf(address)) {
    try {
      return new BusSocket(path);
    } catch (thrown) {
      last = toPfError(thrown);
      if (last.code === "PF_LIBRARY_MISSING" || last.code === "PF_LIBRARY_STALE") throw last;
    }
  }
  const words = last?.message ?? `The message bus's address "${address}" names no socket.`;
  throw new BusError(`${errors}.NoServer`, words);
}

function ruleOf(match: SignalMatch): string {
  const parts = Object.entries(match).map(([key, value]) => `${key}='${value}'`);
  return ["type='signal'", ...parts].join(",");
}

const fits = (match: SignalMatch, { body, ...message }: BusMessage) =>
  (["sender", "path", "interface", "member"] as const).every(
    (key) => match[key] === undefined || match[key] === message[key],
  ) &&
  (match.arg0 === undefined || match.arg0 === body[0]);

const wordsOf = ({ body }: BusMessage) => (typeof body[0] === "string" ? body[0] : "");
