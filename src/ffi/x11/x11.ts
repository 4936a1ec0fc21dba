/** Binding of libpf_x11: pictures of an X server's screen, and input into it by XTEST. */
import { ptr } from "bun:ffi";
import type { MilliHz } from "../../base/units.ts";
import { captureOutput, x11Config } from "../../wire/abi.ts";
import { counterTables } from "../../wire/counters.ts";
import { readField, readText, writeLayout } from "../../wire/layout.ts";
import type { EventQueue } from "../core/core.ts";
import { Counters } from "../counters.ts";
import { NativeInput, type NativeInputOptions } from "../input/input.ts";
import {
  type Address,
  OutPointer,
  openLibrary,
  pointer,
  type Sink,
  sinkFields,
} from "../library.ts";

const symbols = {
  pf_x11_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_x11_start: { args: ["ptr"], returns: "i32" },
  pf_x11_describe: { args: ["ptr", "ptr"], returns: "void" },
  pf_x11_stop: { args: ["ptr"], returns: "void" },
  pf_x11_close: { args: ["ptr"], returns: "void" },
  pf_x11_counters_block: { args: ["ptr"], returns: "ptr" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const x11 = () => (library ??= openLibrary("x11", symbols));

export interface X11Options {
  /** Takes the pictures, on the capture's thread. */
  readonly sink: Sink;
  /** As :0, or :0#COOKIE with the server's MIT-MAGIC-COOKIE-1 in hex. */
  readonly display: string;
  /** Never captures faster than this. */
  readonly refreshMilliHz: MilliHz;
  /** Whether the pointer is painted into the picture; default true. */
  readonly cursor?: boolean;
  readonly events?: EventQueue;
  readonly stage?: number;
}

/**
 * Captures the screen on a thread of its own: one picture when it starts, then one for each change,
 * at the wanted rate at most. Posts `started`, `first_frame`, `format` (a = width, b = height, when
 * the screen's size changes), `failed` (capturing can't go on) and `ended` (the server is gone), the
 * last two with their words. The constructor throws PF_SOURCE_FAILED, or PF_LIBRARY_MISSING.
 */
export class X11Stage {
  readonly counters: Counters<typeof counterTables.capture>;
  #address: Address;

  constructor(options: X11Options) {
    const config = writeLayout(x11Config, {
      ...sinkFields(options.sink),
      events: options.events?.address ?? 0,
      display: options.display,
      stage: options.stage ?? 0,
      refresh_mhz: options.refreshMilliHz,
      cursor: (options.cursor ?? true) ? 1 : 0,
    });
    const out = new OutPointer();
    const { functions, check } = x11();
    const opened = functions.pf_x11_open(ptr(config), out.argument);
    check(opened, "PF_SOURCE_FAILED", "The desktop can't be captured");
    this.#address = out.value;
    const counters = Number(functions.pf_x11_counters_block(pointer(this.#address)));
    this.counters = new Counters(counterTables.capture, counters);
  }

  /** The screen that was opened. Before `start`. */
  describe(): { readonly name: string; readonly width: number; readonly height: number } {
    const bytes = new Uint8Array(captureOutput.bytes);
    x11().functions.pf_x11_describe(pointer(this.#address), ptr(bytes));
    const view = new DataView(bytes.buffer);
    const number = (name: string) => Number(readField(view, captureOutput, name));
    const name = readText(bytes, captureOutput, "name");
    return { name, width: number("width"), height: number("height") };
  }

  start(): void {
    const { functions, check } = x11();
    const started = functions.pf_x11_start(pointer(this.#address));
    check(started, "PF_SOURCE_FAILED", "The desktop can't be captured");
  }

  /** No picture comes after it. */
  stop(): void {
    if (this.#address !== 0) x11().functions.pf_x11_stop(pointer(this.#address));
  }

  /** Stops and frees. Every picture must have been released: close the stages behind it first. */
  close(): void {
    x11().functions.pf_x11_close(pointer(this.#address));
    this.#address = 0;
  }
}

export interface X11InputOptions extends NativeInputOptions {
  /** As X11Options has it. */
  readonly display: string;
}

/**
 * Keyboard and pointer of an X server by XTEST. The server has the layout; characters that it lacks
 * are typed by keys that no layout uses. One finger is the pointer. Throws PF_INPUT_FAILED.
 */
export class X11Input extends NativeInput {
  constructor(options: X11InputOptions) {
    super("x11", options, { path: options.display });
  }
}
