/** Capture of a PipeWire video node: see screencast.h. */
import { ptr } from "bun:ffi";
import { type MilliHz, milliHz } from "../../base/units.ts";
import { screencastConfig, screencastState } from "../../wire/abi.ts";
import { counterTables } from "../../wire/counters.ts";
import { readField, readText, writeLayout } from "../../wire/layout.ts";
import type { EventQueue } from "../core/core.ts";
import { Counters } from "../counters.ts";
import {
  type Address,
  OutPointer,
  openLibrary,
  pointer,
  type Sink,
  sinkFields,
} from "../library.ts";

const symbols = {
  pf_screencast_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_screencast_describe: { args: ["ptr", "ptr"], returns: "void" },
  pf_screencast_start: { args: ["ptr"], returns: "i32" },
  pf_screencast_stop: { args: ["ptr"], returns: "void" },
  pf_screencast_close: { args: ["ptr"], returns: "void" },
  pf_screencast_counters_block: { args: ["ptr"], returns: "ptr" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const screencast = () => (library ??= openLibrary("screencast", symbols));

const anyNode = 0xffffffff;
const what = "The screencast can't be captured";

/** The server that has the node; undefined: the user's own. */
export type PipeWireRemote = { readonly fd: number } | { readonly socketPath: string } | undefined;

export interface ScreencastOptions {
  /** Takes the pictures, on the connection's thread. */
  readonly sink: Sink;
  /** The video node: its id as a number, or its name or serial as a text. */
  readonly node: number | string;
  /** A connected socket `fd`, as a portal gives it, belongs to the stage from then on. */
  readonly remote?: PipeWireRemote;
  /** Never gives pictures faster than this. */
  readonly refreshMilliHz: MilliHz;
  /** Size in pixels for producers that take one, as a virtual monitor; default: theirs. */
  readonly size?: { readonly width: number; readonly height: number };
  /** Whether a pointer that comes beside the pictures is drawn into them; default true. */
  readonly cursor?: boolean;
  /** Whether pictures may come as DMA buffers (linear, read by the processor); default false. */
  readonly allowDmabuf?: boolean;
  /** How long a first picture is waited for; default 10,000. */
  readonly firstFrameMs?: number;
  /** Buffers that are wished for; default 8. */
  readonly bufferCount?: number;
  readonly events?: EventQueue;
  readonly stage?: number;
}

/** How a screencast stands. */
export interface ScreencastState {
  /** Name and id of the node. */
  readonly name: string;
  readonly node: number;
  /** Of the stream, in PipeWire's words: connecting, paused, streaming, error, unconnected. */
  readonly state: string;
  /** Agreed pixel format as BGRx, or null. */
  readonly format: string | null;
  /** Pixels; 0 before a format is agreed. */
  readonly width: number;
  readonly height: number;
  /** Fastest that the producer promised; undefined where it did not tell. */
  readonly refreshMilliHz: MilliHz | undefined;
  /** "shared" or "DMA"; null while there are no buffers. */
  readonly memory: string | null;
  readonly bufferCount: number;
  /** Words of the last error, or null. */
  readonly error: string | null;
}

/**
 * Captures a video node on a thread of its own: one picture when it starts, then one whenever the
 * producer sends another. Posts `started`, `first_frame`, `format` (a = width, b = height, when the
 * pictures get another size), `failed` (it can't go on, as when no picture comes in time) and
 * `ended` (the producer or PipeWire is gone), the last two with their words. The constructor waits
 * for a format, 2 s at most, and throws PF_SOURCE_FAILED, or PF_LIBRARY_MISSING.
 */
export class ScreencastStage {
  readonly counters: Counters<typeof counterTables.screencast>;
  #address: Address;

  constructor(options: ScreencastOptions) {
    const { remote, node } = options;
    const config = writeLayout(screencastConfig, {
      ...sinkFields(options.sink),
      events: options.events?.address ?? 0,
      socket: remote !== undefined && "socketPath" in remote ? remote.socketPath : "",
      fd: remote !== undefined && "fd" in remote ? remote.fd : -1,
      target: typeof node === "string" ? node : "",
      node: typeof node === "number" ? node : anyNode,
      stage: options.stage ?? 0,
      refresh_mhz: options.refreshMilliHz,
      width: options.size?.width ?? 0,
      height: options.size?.height ?? 0,
      cursor: (options.cursor ?? true) ? 1 : 0,
      dmabuf: options.allowDmabuf === true ? 1 : 0,
      first_frame_ms: options.firstFrameMs ?? 0,
      buffer_count: options.bufferCount ?? 0,
    });
    const out = new OutPointer();
    const { functions, check } = screencast();
    check(functions.pf_screencast_open(ptr(config), out.argument), "PF_SOURCE_FAILED", what);
    this.#address = out.value;
    const counters = Number(functions.pf_screencast_counters_block(pointer(this.#address)));
    this.counters = new Counters(counterTables.screencast, counters);
  }

  /** How it stands now; the size is known before `start` unless the producer is late with it. */
  describe(): ScreencastState {
    const bytes = new Uint8Array(screencastState.bytes);
    screencast().functions.pf_screencast_describe(pointer(this.#address), ptr(bytes));
    const view = new DataView(bytes.buffer);
    const number = (name: string) => Number(readField(view, screencastState, name));
    const text = (name: string) => readText(bytes, screencastState, name);
    const refresh = number("refresh_mhz");
    return {
      name: text("name"),
      node: number("node"),
      state: text("state"),
      format: text("format") || null,
      width: number("width"),
      height: number("height"),
      refreshMilliHz: refresh === 0 ? undefined : milliHz(refresh),
      memory: text("memory") || null,
      bufferCount: number("buffer_count"),
      error: text("error") || null,
    };
  }

  start(): void {
    const { functions, check } = screencast();
    check(functions.pf_screencast_start(pointer(this.#address)), "PF_SOURCE_FAILED", what);
  }

  /** No picture comes after it. */
  stop(): void {
    if (this.#address !== 0) screencast().functions.pf_screencast_stop(pointer(this.#address));
  }

  /** Stops and frees. Every picture must have been released: close the stages behind it first. */
  close(): void {
    screencast().functions.pf_screencast_close(pointer(this.#address));
    this.#address = 0;
  }
}
