/** Binding of libpf_kwin: outputs of KWin that are cast, and input into it by its fake input. */
import { ptr } from "bun:ffi";
import { type MilliHz, milliHz } from "../../base/units.ts";
import { captureOutput, kwinConfig } from "../../wire/abi.ts";
import { readField, readText, writeLayout } from "../../wire/layout.ts";
import type { EventQueue } from "../core/core.ts";
import { NativeInput, type NativeInputOptions } from "../input/input.ts";
import { type Address, OutPointer, openLibrary, pointer } from "../library.ts";

const symbols = {
  pf_kwin_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_kwin_describe: { args: ["ptr", "ptr"], returns: "i32" },
  pf_kwin_close: { args: ["ptr"], returns: "void" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const kwin = () => (library ??= openLibrary("kwin", symbols));
const what = "KWin can't be asked for an output";

export interface KwinOutputOptions {
  /** Absolute path of KWin's Wayland socket. */
  readonly socketPath: string;
  /** Of a new virtual output; undefined: the first output that there is. */
  readonly name?: string;
  readonly width: number;
  readonly height: number;
  readonly refreshMilliHz: MilliHz;
  /** Whether KWin paints the pointer into the picture; default true. */
  readonly cursor?: boolean;
  readonly events: EventQueue;
  readonly stage?: number;
}

/** An output as KWin tells it. */
export interface KwinOutputState {
  readonly name: string;
  readonly width: number;
  readonly height: number;
  /** Undefined where KWin does not tell. */
  readonly refreshMilliHz: MilliHz | undefined;
}

/**
 * An output of KWin and its cast, which live until `close`. Posts `started` (a = PipeWire node, text
 * = the output's name) once it has its mode, or `failed` with words; later `ended` with words, when
 * KWin or the output is gone. The constructor never waits; it throws PF_SOURCE_FAILED, or
 * PF_LIBRARY_MISSING.
 */
export class KwinOutput {
  #address: Address;

  constructor(options: KwinOutputOptions) {
    const config = writeLayout(kwinConfig, {
      events: options.events.address,
      socket: options.socketPath,
      name: options.name ?? "",
      width: options.width,
      height: options.height,
      refresh_mhz: options.refreshMilliHz,
      cursor: (options.cursor ?? true) ? 1 : 0,
      stage: options.stage ?? 0,
    });
    const out = new OutPointer();
    const { functions, check } = kwin();
    check(functions.pf_kwin_open(ptr(config), out.argument), "PF_SOURCE_FAILED", what);
    this.#address = out.value;
  }

  /** As it is now. Throws PF_SOURCE_FAILED before `started`. */
  describe(): KwinOutputState {
    const bytes = new Uint8Array(captureOutput.bytes);
    const { functions, check } = kwin();
    const described = functions.pf_kwin_describe(pointer(this.#address), ptr(bytes));
    check(described, "PF_SOURCE_FAILED", "The output can't be told");
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

  /** Ends the cast and removes a virtual output. Idempotent. */
  close(): void {
    kwin().functions.pf_kwin_close(pointer(this.#address));
    this.#address = 0;
  }
}

export interface KwinInputOptions extends NativeInputOptions {
  /** Absolute path of KWin's Wayland socket. */
  readonly socketPath: string;
  /** The output that positions refer to; default: KWin's first. */
  readonly outputName?: string;
}

/** Keyboard, pointer and fingers of KWin, which has the layout. Throws PF_INPUT_FAILED. */
export class KwinInput extends NativeInput {
  constructor(options: KwinInputOptions) {
    super("kwin", options, { path: options.socketPath, region: options.outputName ?? "" });
  }
}
