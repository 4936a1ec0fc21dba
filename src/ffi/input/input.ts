/** Binding of libpf_input: a virtual keyboard and pointer in a wlroots compositor. */
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
  pf_input_text: { args: ["ptr", "ptr", "u32"], returns: "i32" },
  pf_input_release_all: { args: ["ptr"], returns: "void" },
} as const;

let library: ReturnType<typeof openLibrary<typeof symbols>> | undefined;
const input = () => (library ??= openLibrary("input", symbols));

export interface InputOptions {
  /** Absolute path of the compositor's Wayland socket. */
  readonly socketPath: string;
  /** The output that absolute positions refer to; default: the compositor's first. */
  readonly outputName?: string;
  /** XKB layout of the keyboard, as us or de; default us. */
  readonly layout?: string;
  readonly events?: EventQueue;
  readonly stage?: number;
}

/**
 * Keyboard and pointer, created once and kept. No call blocks: events go through a bounded queue
 * to a thread, in order, also those that come before the compositor knows the devices. When the
 * queue is full, events are dropped and counted, but never the release of what was pressed.
 * Posts `ended` when the compositor goes. The constructor throws PF_INPUT_FAILED.
 */
export class InputDevices {
  readonly counters: Counters<typeof counterTables.input>;
  #address: Address;

  constructor(options: InputOptions) {
    const config = writeLayout(inputConfig, {
      events: options.events?.address ?? 0,
      path: options.socketPath,
      region: options.outputName ?? "",
      layout: options.layout ?? "us",
      stage: options.stage ?? 0,
      fd: -1,
    });
    const out = new OutPointer();
    const { functions, check } = input();
    const opened = functions.pf_input_open(ptr(config), out.argument);
    check(opened, "PF_INPUT_FAILED", "Keyboard and mouse can't be given to the desktop");
    this.#address = out.value;
    const counters = Number(functions.pf_input_counters_block(pointer(this.#address)));
    this.counters = new Counters(counterTables.input, counters);
  }

  /** `code` is an evdev KEY_*. A key that is down already, or up already, is ignored. */
  key(code: number, down: boolean): void {
    this.#take(input().functions.pf_input_key(this.#handle, code, down ? 1 : 0));
  }

  /** `code` is an evdev BTN_*. */
  button(code: number, down: boolean): void {
    this.#take(input().functions.pf_input_button(this.#handle, code, down ? 1 : 0));
  }

  /** Relative motion in pixels, right and down; exact to 1/256. */
  motion(dx: number, dy: number): void {
    const [x, y] = [Math.round(dx * 256), Math.round(dy * 256)];
    this.#take(input().functions.pf_input_motion(this.#handle, x, y));
  }

  /** A place on the output, both 0…65535. */
  position(x: number, y: number): void {
    this.#take(input().functions.pf_input_position(this.#handle, x, y));
  }

  /** In 1/120 of a notch; positive is right and down. */
  scroll(horizontal: number, vertical: number): void {
    this.#take(input().functions.pf_input_scroll(this.#handle, horizontal, vertical));
  }

  /** Types a text; false when the queue has no room for all of it, and then none of it is typed. */
  text(text: string): boolean {
    const bytes = new TextEncoder().encode(text);
    if (bytes.length === 0) return true;
    return this.#take(input().functions.pf_input_text(this.#handle, ptr(bytes), bytes.length));
  }

  /** Releases every key and button that is down. */
  releaseAll(): void {
    if (this.#address !== 0) input().functions.pf_input_release_all(this.#handle);
  }

  /** Releases everything, discards what is queued, and frees. */
  close(): void {
    input().functions.pf_input_close(pointer(this.#address));
    this.#address = 0;
  }

  get #handle() {
    if (this.#address === 0) throw new PfError("PF_STATE_INVALID", "The input is closed.");
    return pointer(this.#address);
  }

  #take(result: number): boolean {
    const gone = result === results.PF_E_FULL[0] || result === results.PF_E_CLOSED[0];
    if (!gone) input().check(result, "PF_INPUT_FAILED", "The input");
    return !gone;
  }
}
