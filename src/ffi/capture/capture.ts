/** Binding of libpf_capture: pictures of an output of a wlroots compositor. */
import { ptr } from "bun:ffi";
import { type MilliHz, milliHz } from "../../base/units.ts";
import { captureConfig, captureOutput } from "../../wire/abi.ts";
import { counterTables } from "../../wire/counters.ts";
import { readField, readText, writeLayout } from "../../wire/layout.ts";
import type { EventQueue } from "../core/core.ts";
import { Counters } from "../counters.ts";
import {
  type Address,
  noSink,
  OutPointer,
  openLibrary,
  pointer,
  type Sink,
  sinkFields,
} from "../library.ts";

const symbols = {
  pf_capture_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_capture_start: { args: ["ptr"], returns: "i32" },
  pf_capture_describe: { args: ["ptr", "ptr"], returns: "void" },
  pf_capture_stop: { args: ["ptr"], returns: "void" },
  pf_capture_close: { args: ["ptr"], returns: "void" },
  pf_capture_counters_block: { args: ["ptr"], returns: "ptr" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const capture = () => (library ??= openLibrary("capture", symbols));

export interface CaptureOptions {
  /** Takes the pictures, on the capture's thread. */
  readonly sink: Sink;
  /** Absolute path of the compositor's Wayland socket. */
  readonly socketPath: string;
  /** Default: the compositor's first output. */
  readonly outputName?: string;
  /** Never captures faster than this. */
  readonly refreshMilliHz: MilliHz;
  /** Whether the compositor paints the pointer into the picture; default true. */
  readonly cursor?: boolean;
  readonly events?: EventQueue;
  readonly stage?: number;
}

/** An output that can be captured. */
export interface CapturedOutput {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** Undefined where the compositor does not tell. */
  readonly refreshMilliHz: MilliHz | undefined;
}

/**
 * Captures an output on a thread of its own: one picture when it starts, then one for each damaged
 * frame. Posts `started`, `first_frame`, `format` (a = width, b = height, when the output's mode
 * changes), `failed` (capturing can't go on) and `ended` (the compositor or its output is gone),
 * the last two with their words. The constructor throws PF_SOURCE_FAILED, or PF_LIBRARY_MISSING.
 */
export class CaptureStage {
  readonly counters: Counters<typeof counterTables.capture>;
  #address: Address;

  constructor(options: CaptureOptions) {
    const config = writeLayout(captureConfig, {
      ...sinkFields(options.sink),
      events: options.events?.address ?? 0,
      socket: options.socketPath,
      output: options.outputName ?? "",
      stage: options.stage ?? 0,
      refresh_mhz: options.refreshMilliHz,
      cursor: (options.cursor ?? true) ? 1 : 0,
    });
    const out = new OutPointer();
    const { functions, check } = capture();
    const opened = functions.pf_capture_open(ptr(config), out.argument);
    check(opened, "PF_SOURCE_FAILED", "The desktop can't be captured");
    this.#address = out.value;
    const counters = Number(functions.pf_capture_counters_block(pointer(this.#address)));
    this.counters = new Counters(counterTables.capture, counters);
  }

  /** The output that was opened. Before `start`. */
  describe(): CapturedOutput {
    const bytes = new Uint8Array(captureOutput.bytes);
    capture().functions.pf_capture_describe(pointer(this.#address), ptr(bytes));
    const view = new DataView(bytes.buffer);
    const number = (name: string) => Number(readField(view, captureOutput, name));
    const refresh = number("refresh_mhz");
    return {
      name: readText(bytes, captureOutput, "name"),
      width: number("width"),
      height: number("height"),
      refreshMilliHz: refresh === 0 ? undefined : milliHz(refresh),
    };
  }

  start(): void {
    const { functions, check } = capture();
    const started = functions.pf_capture_start(pointer(this.#address));
    check(started, "PF_SOURCE_FAILED", "The desktop can't be captured");
  }

  /** No picture comes after it. */
  stop(): void {
    if (this.#address !== 0) capture().functions.pf_capture_stop(pointer(this.#address));
  }

  /** Stops and frees. Every picture must have been released: close the stages behind it first. */
  close(): void {
    capture().functions.pf_capture_close(pointer(this.#address));
    this.#address = 0;
  }
}

/** Whether an output can be captured, and which; throws as CaptureStage does. */
export function probeOutput(socketPath: string, outputName = ""): CapturedOutput {
  const stage = new CaptureStage({
    sink: noSink,
    socketPath,
    outputName,
    refreshMilliHz: milliHz(60_000),
  });
  try {
    return stage.describe();
  } finally {
    stage.close();
  }
}
