/** The i3 IPC of sway: "i3-ipc", u32 length, u32 type, JSON; all little-endian (man 7 sway-ipc). */
import { connect, type Socket } from "node:net";
import { PfError } from "../../base/errors.ts";

const magic = "i3-ipc";
const headerBytes = 14;
/** Replies of a desktop with thousands of windows stay below it. */
const replyBytesMax = 16 * 1024 * 1024;
/** A compositor that is this late with an answer hangs. */
const answerMsMax = 5000;
const eventBit = 0x8000_0000;

const messageType = { command: 0, subscribe: 2, outputs: 3, tree: 4, version: 7 } as const;
const eventNames = new Map([
  [0, "workspace"],
  [1, "output"],
  [3, "window"],
  [6, "shutdown"],
]);

interface CommandReply {
  readonly success: boolean;
  readonly error?: string;
}

export interface IpcOutput {
  readonly name: string;
  readonly active: boolean;
  readonly current_mode?: {
    readonly width: number;
    readonly height: number;
    readonly refresh: number;
  };
}

export interface IpcNode {
  readonly id: number;
  readonly type: string;
  readonly pid?: number;
  readonly nodes?: readonly IpcNode[];
  readonly floating_nodes?: readonly IpcNode[];
}

interface Waiting {
  readonly type: number;
  readonly resolve: (reply: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** A connection to sway's IPC socket. */
export class SwayIpc {
  /** Called for each event that was subscribed to. */
  onEvent: (name: string, event: Record<string, unknown>) => void = () => {};
  /** Resolves when the connection ends, whichever side ends it. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  #bytes: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("data", (chunk: Buffer) => this.#take(chunk));
    socket.on("error", () => {}); /* close follows */
    void this.closed.then(() => {
      for (const one of this.#waiting.splice(0)) one.reject(gone());
    });
  }

  /** Throws PF_SOURCE_FAILED when nothing listens there. */
  static async connect(path: string): Promise<SwayIpc> {
    const socket = connect({ path });
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", (cause) =>
        reject(
          new PfError("PF_SOURCE_FAILED", `sway does not answer at ${path}: ${cause.message}.`, {
            cause,
          }),
        ),
      );
    });
    return new SwayIpc(socket);
  }

  /** Runs commands; throws PF_SOURCE_FAILED with sway's words when one is refused. */
  async command(command: string): Promise<void> {
    const replies = (await this.#request(messageType.command, command)) as readonly CommandReply[];
    const failed = replies.find((reply) => !reply.success);
    if (failed === undefined) return;
    throw new PfError(
      "PF_SOURCE_FAILED",
      `sway refused "${command}": ${failed.error ?? "no reason given"}.`,
    );
  }

  async outputs(): Promise<readonly IpcOutput[]> {
    return (await this.#request(messageType.outputs)) as readonly IpcOutput[];
  }

  async tree(): Promise<IpcNode> {
    return (await this.#request(messageType.tree)) as IpcNode;
  }

  async version(): Promise<{
    readonly human_readable: string;
    readonly major: number;
    readonly minor: number;
  }> {
    return (await this.#request(messageType.version)) as Awaited<ReturnType<SwayIpc["version"]>>;
  }

  async subscribe(events: readonly string[]): Promise<void> {
    await this.#request(messageType.subscribe, JSON.stringify(events));
  }

  close(): void {
    this.#socket.destroy();
  }

  #request(type: number, payload = ""): Promise<unknown> {
    if (this.#socket.destroyed) return Promise.reject(gone());
    const body = Buffer.from(payload);
    const message = Buffer.alloc(headerBytes + body.length);
    message.write(magic, "latin1");
    message.writeUInt32LE(body.length, 6);
    message.writeUInt32LE(type, 10);
    body.copy(message, headerBytes);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#socket.destroy();
        reject(new PfError("PF_SOURCE_FAILED", "sway does not answer."));
      }, answerMsMax);
      const settle =
        <T>(use: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          use(value);
        };
      this.#waiting.push({ type, resolve: settle(resolve), reject: settle(reject) });
      this.#socket.write(message);
    });
  }

  #take(chunk: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk]);
    while (this.#bytes.length >= headerBytes) {
      const length = this.#bytes.readUInt32LE(6);
      const foreign = this.#bytes.toString("latin1", 0, 6) !== magic;
      if (foreign || length > replyBytesMax) {
        this.#socket.destroy();
        return;
      }
      if (this.#bytes.length < headerBytes + length) return;
      const type = this.#bytes.readUInt32LE(10);
      const body = this.#bytes.toString("utf8", headerBytes, headerBytes + length);
      this.#bytes = this.#bytes.subarray(headerBytes + length);
      this.#dispatch(type, body);
    }
  }

  #dispatch(type: number, body: string): void {
    const value: unknown = JSON.parse(body);
    if (type >= eventBit) {
      const name = eventNames.get(type - eventBit);
      if (name !== undefined) this.onEvent(name, value as Record<string, unknown>);
      return;
    }
    const index = this.#waiting.findIndex((one) => one.type === type);
    if (index >= 0) this.#waiting.splice(index, 1)[0]?.resolve(value);
  }
}

const gone = () => new PfError("PF_SOURCE_FAILED", "sway has ended.");

/** How many windows a tree holds. */
export function windowCount(node: IpcNode): number {
  const inner = [...(node.nodes ?? []), ...(node.floating_nodes ?? [])];
  const own = node.pid !== undefined && node.pid > 0 && inner.length === 0 ? 1 : 0;
  return inner.reduce((sum, one) => sum + windowCount(one), own);
}
