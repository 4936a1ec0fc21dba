/**
 * Binding of the libraries that implement input.h: a keyboard, a pointer and a touch screen of a
 * desktop. This file has what they share, and the one for wlroots compositors.
 */
import { ptr } from "bun:ffi";
import { PfError } from "../../base/errors.ts";
import { inputConfig } from "../../wire/abi.ts";
import { counterTables } from "../../wire/counters.ts";
import { writeLayout } from "../../wire/layout.ts";
import { results } from "../../wire/results.ts";
import type { EventQueue } from "../core/core.ts";
import { Counters } from "../counters.ts";
import { type Address, OutPointer, openLibrary, pointer } from "../library.ts";

const symbols = {
  pf_input_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_input_close: { args: ["ptr"], returns: "void" },
  pf_input_counters_block: { args: ["ptr"], returns: "ptr" },
  pf_input_key: { args: ["ptr", "u32", "u32"], returns: "i32" },
  pf_input_button: { args: ["ptr", "u32", "u32"], returns: "i32" },
  pf_input_motion: { args: ["ptr", "i32", "i32"], returns: "i32" },
  pf_input_position: { args: ["ptr", "u32", "u32"], returns: "i32" },
  pf_input_scroll: { args: ["ptr", "i32", "i32"], returns: "i32" },
  pf_input_touch: { args: ["ptr", "u32", "u32", "u32", "u32"], returns: "i32" },
  pf_input_text: { args: ["ptr", "ptr", "u32"], returns: "i32" },
  pf_input_release_all: { args: ["ptr"], returns: "void" },
} as const;

export type InputLibraryName = "input" | "ei" | "uinput" | "kwin" | "x11";
type Library = ReturnType<typeof openLibrary<typeof symbols>>;
const libraries = new Map<InputLibraryName, Library>();

function open(name: InputLibraryName): Library {
  const library = libraries.get(name) ?? openLibrary(name, symbols);
  libraries.set(name, library);
  return library;
}

/** What every way into a desktop needs to know at open. */
export interface NativeInputOptions {
  /** XKB layout of the keyboard, as us or de(nodeadkeys); default us. */
  readonly layout?: string;
  readonly events?: EventQueue;
  readonly stage?: number;
}

/** As inputConfig has them. */
interface Way {
  readonly path?: string;
  readonly region?: string;
  readonly fd?: number;
  readonly width?: number;
  readonly height?: number;
}

/** A finger's phases, in the order of their numbers in input.h. */
const phases = ["down", "move", "up", "cancel"] as const;

/**
 * Keyboard, pointer and fingers, created once and kept. No call blocks or throws: events go through
 * a bounded queue to a thread, in order, also those that come before the desktop knows the devices.
 * When the queue is full, events are dropped and counted, but never the release of what was pressed.
 * Posts `ended` when the desktop goes. The constructor throws PF_INPUT_FAILED.
 */
export class NativeInput {
  readonly counters: Counters<typeof counterTables.input>;
  readonly #library: Library;
  #address: Address;

  constructor(name: InputLibraryName, options: NativeInputOptions, way: Way) {
    this.#library = open(name);
    const config = writeLayout(inputConfig, {
      events: options.events?.address ?? 0,
      path: way.path ?? "",
      region: way.region ?? "",
      layout: options.layout ?? "us",
      stage: options.stage ?? 0,
      fd: way.fd ?? -1,
      width: way.width ?? 0,
      height: way.height ?? 0,
    });
    const out = new OutPointer();
    const { functions, check } = this.#library;
    const opened = functions.pf_input_open(ptr(config), out.argument);
    check(opened, "PF_INPUT_FAILED", "Keyboard and mouse can't be given to the desktop");
    this.#address = out.value;
    const counters = Number(functions.pf_input_counters_block(pointer(this.#address)));
    this.counters = new Counters(counterTables.input, counters);
  }

  /** `code` is an evdev KEY_*. A key that is down already, or up already, is ignored. */
  key(code: number, down: boolean): void {
    this.#take(this.#functions.pf_input_key(this.#handle, code, down ? 1 : 0));
  }

  /** `code` is an evdev BTN_*. */
  button(code: number, down: boolean): void {
    this.#take(this.#functions.pf_input_button(this.#handle, code, down ? 1 : 0));
  }

  /** Relative motion in pixels, right and down; exact to 1/256. */
  motion(dx: number, dy: number): void {
    const [x, y] = [Math.round(dx * 256), Math.round(dy * 256)];
    this.#take(this.#functions.pf_input_motion(this.#handle, x, y));
  }

  /** A place on the output, both 0…65535. */
  position(x: number, y: number): void {
    this.#take(this.#functions.pf_input_position(this.#handle, x, y));
  }

  /** In 1/120 of a notch; positive is right and down. */
  scroll(horizontal: number, vertical: number): void {
    this.#take(this.#functions.pf_input_scroll(this.#handle, horizontal, vertical));
  }

  /** A finger 0…15 at a place on the output, both 0…65535. */
  touch(finger: number, phase: (typeof phases)[number], x: number, y: number): void {
    const number = phases.indexOf(phase);
    this.#take(this.#functions.pf_input_touch(this.#handle, finger, number, x, y));
  }

  /**
   * Types a text; false when the queue has no room for all of it, or the keyboard not all of its
   * characters: then none of it is typed.
   */
  text(text: string): boolean {
    const bytes = new TextEncoder().encode(text);
    if (bytes.length === 0) return true;
    return this.#take(this.#functions.pf_input_text(this.#handle, ptr(bytes), bytes.length));
  }

  /** Releases every key, button and finger that is down. */
  releaseAll(): void {
    if (this.#address !== 0) this.#functions.pf_input_release_all(this.#handle);
  }

  /** Releases everything, discards what is queued, and frees. Idempotent. */
  close(): void {
    if (this.#address === 0) return;
    this.#functions.pf_input_close(pointer(this.#address));
    this.#address = 0;
  }

  get #functions() {
    return this.#library.functions;
  }

  get #handle() {
    if (this.#address === 0) throw new PfError("PF_STATE_INVALID", "The input is closed.");
    return pointer(this.#address);
  }

  #take(result: number): boolean {
    const isDropped = dropped.includes(result);
    if (!isDropped) this.#library.check(result, "PF_INPUT_FAILED", "The input");
    return !isDropped;
  }
}

/** Results that are no error: the event was dropped. */
const dropped: readonly number[] = [
  results.PF_E_FULL[0],
  results.PF_E_CLOSED[0],
  results.PF_E_UNSUPPORTED[0],
];

export interface InputOptions extends NativeInputOptions {
  /** Absolute path of the compositor's Wayland socket. */
  readonly socketPath: string;
  /** The output that absolute positions refer to; default: the compositor's first. */
  readonly outputName?: string;
}

/** Input of a wlroots compositor. It has no touch screen: the first finger is the pointer. */
export class InputDevices extends NativeInput {
  constructor(options: InputOptions) {
    const { socketPath, outputName } = options;
    super("input", options, { path: socketPath, region: outputName ?? "" });
  }
}
