/**
 * Binding of the two libraries that implement presenter.h. A presenter is the last stage of the
 * client's pipeline: pictures go into its sink, input comes out of it as events.
 */
import { ptr } from "bun:ffi";
import type { Nanos } from "../../base/units.ts";
import { knob, presentConfig } from "../../wire/abi.ts";
import { counterTables } from "../../wire/counters.ts";
import { type FieldValue, writeLayout } from "../../wire/layout.ts";
import { results } from "../../wire/results.ts";
import type { EventQueue } from "../core/core.ts";
import { Counters } from "../counters.ts";
import { type Address, OutPointer, openLibrary, pointer, readSink, type Sink } from "../library.ts";

export type PresentCounters = Counters<typeof counterTables.present>;

/** What every presenter can do; `start` once, `stop` and `close` as often as you like. */
export interface Presenter {
  readonly counters: PresentCounters;
  /** The input: takes pf_picture of any format and size; the newest wins. */
  sink(): Sink;
  start(): void;
  /** Closes the window or restores the terminal; every picture is released when it returns. */
  stop(): void;
  close(): void;
  /** The overlay's lines, of which a terminal shows the first; 1023 bytes of their UTF-8 count. */
  setOverlay(text: string): void;
  /** At first the terminal shows its overlay and the window does not. */
  setOverlayVisible(visible: boolean): void;
  /** Nanoseconds to add to a host time to get this machine's; null = not known. */
  setClockOffset(offsetNs: Nanos | null): void;
  /** false: no input events, and a terminal's keys are left to whoever asks for them. */
  setInputEnabled(enabled: boolean): void;
  /** Whether keys that print come as text of this machine's layout, or by their place. */
  setText(text: boolean): void;
}

/** What every presenter needs to know at open. */
export interface PresenterOptions {
  /** Keys that print come as text of this machine's layout instead of by their place. */
  readonly text?: boolean;
  readonly events?: EventQueue;
  /** Number by which this stage's events are known. */
  readonly stage?: number;
}

const symbols = {
  pf_presenter_open: { args: ["ptr", "ptr"], returns: "i32" },
  pf_presenter_start: { args: ["ptr"], returns: "i32" },
  pf_presenter_stop: { args: ["ptr"], returns: "void" },
  pf_presenter_close: { args: ["ptr"], returns: "void" },
  pf_presenter_set: { args: ["ptr", "u32", "i64"], returns: "i32" },
  pf_presenter_set_overlay: { args: ["ptr", "ptr"], returns: "void" },
  pf_presenter_sink: { args: ["ptr", "ptr"], returns: "void" },
  pf_presenter_counters: { args: ["ptr"], returns: "ptr" },
} as const;

type PresenterLibrary = "window" | "terminal";
type Library = ReturnType<typeof openLibrary<typeof symbols>>;
const libraries = new Map<PresenterLibrary, Library>();

function open(name: PresenterLibrary): Library {
  const library = libraries.get(name) ?? openLibrary(name, symbols);
  libraries.set(name, library);
  return library;
}

/** INT64_MIN: PF_CLOCK_UNKNOWN. */
const clockUnknown = -(2n ** 63n);

/** Bits of presentConfig.flags. */
export const presentFlag = { fullscreen: 1, grab: 2, noInput: 4, text: 8 } as const;

/** The calls that both presenters share. */
export class NativePresenter implements Presenter {
  readonly counters: PresentCounters;
  readonly #library: Library;
  readonly #what: string;
  #handle: Address;

  constructor(
    library: PresenterLibrary,
    what: string,
    options: PresenterOptions,
    config: Record<string, FieldValue>,
  ) {
    this.#library = open(library);
    this.#what = what;
    const { functions, check } = this.#library;
    const bytes = writeLayout(presentConfig, {
      events: options.events?.address,
      stage: options.stage,
      ...config,
    });
    const out = new OutPointer();
    const result = functions.pf_presenter_open(ptr(bytes), out.argument);
    const missing = result === results.PF_E_MISSING[0] || result === results.PF_E_UNSUPPORTED[0];
    check(result, missing ? "PF_DISPLAY_MISSING" : "PF_PRESENT_FAILED", what);
    this.#handle = out.value;
    this.counters = new Counters(
      counterTables.present,
      Number(functions.pf_presenter_counters(pointer(this.#handle))),
    );
  }

  sink(): Sink {
    const { functions } = this.#library;
    return readSink((out) => functions.pf_presenter_sink(pointer(this.#handle), out));
  }

  start(): void {
    const { functions, check } = this.#library;
    check(functions.pf_presenter_start(pointer(this.#handle)), "PF_PRESENT_FAILED", this.#what);
  }

  stop(): void {
    if (this.#handle === 0) return;
    this.#library.functions.pf_presenter_stop(pointer(this.#handle));
  }

  close(): void {
    if (this.#handle === 0) return;
    this.stop();
    this.#library.functions.pf_presenter_close(pointer(this.#handle));
    this.#handle = 0;
  }

  setOverlay(text: string): void {
    if (this.#handle === 0) return;
    const bytes = new TextEncoder().encode(`${text}\0`);
    this.#library.functions.pf_presenter_set_overlay(pointer(this.#handle), ptr(bytes));
  }

  setOverlayVisible(visible: boolean): void {
    this.set("overlay_visible", visible ? 1n : 0n);
  }

  setClockOffset(offsetNs: Nanos | null): void {
    this.set("clock_offset_ns", offsetNs ?? clockUnknown);
  }

  setInputEnabled(enabled: boolean): void {
    this.set("input_enabled", enabled ? 1n : 0n);
  }

  setText(text: boolean): void {
    this.set("text_input", text ? 1n : 0n);
  }

  protected set(name: keyof typeof knob, value: bigint): void {
    if (this.#handle === 0) return;
    const { functions, check } = this.#library;
    const result = functions.pf_presenter_set(pointer(this.#handle), knob[name], value);
    check(result, "PF_PRESENT_FAILED", this.#what);
  }
}
