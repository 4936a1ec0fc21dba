/** A session's keyboard and mouse: turns the wire's input into that of the desktop. */
import { type Millis, millis } from "../../base/units.ts";
import { InputDevices, type InputOptions } from "../../ffi/input/input.ts";
import { evdevButton, evdevKey } from "../../wire/keys.ts";
import {
  type Allowance,
  initialRate,
  motionAllowance,
  pressAllowance,
  type RateState,
  takeTokens,
  textAllowance,
} from "./rate.ts";
import { checkText } from "./text.ts";

/** Where a client's input goes. No method throws, blocks or waits. */
export interface Injector {
  /** `usage` is a USB HID usage of page 7. */
  key(usage: number, down: boolean): void;
  /** 1 left, 2 middle, 3 right, 4 back, 5 forward. */
  button(button: number, down: boolean): void;
  /** Relative motion in pixels and parts of them; right and down are positive. */
  motion(dx: number, dy: number): void;
  /** A place on the picture, both 0…65535. */
  position(x: number, y: number): void;
  /** In 1/120 of a notch; right and down are positive. */
  scroll(horizontal: number, vertical: number): void;
  /** Types a text. Returns why it was refused, as a sentence, or undefined. */
  text(text: string): string | undefined;
  /** Releases every key and button that this client holds: at its end and when it loses focus. */
  releaseAll(): void;
  close(): void;
}

/** The part of InputDevices that an injector drives. */
export type InputTarget = Pick<
  InputDevices,
  "key" | "button" | "motion" | "position" | "scroll" | "text" | "close"
>;

/** An injector into a wlroots compositor. Throws PF_INPUT_FAILED. */
export function openInjector(options: InputOptions): SessionInjector {
  return new SessionInjector(new InputDevices(options), () => millis(performance.now()));
}

/** Counts what one client does, holds its pressed keys, and bounds its rate. */
export class SessionInjector implements Injector {
  /** Events that were not passed on: unknown codes, values out of range, above the rate. */
  refused = 0;
  readonly #target: InputTarget;
  readonly #now: () => Millis;
  readonly #keys = new Set<number>();
  readonly #buttons = new Set<number>();
  readonly #presses: Bucket;
  readonly #motions: Bucket;
  readonly #characters: Bucket;
  #closed = false;

  constructor(target: InputTarget, now: () => Millis) {
    this.#target = target;
    this.#now = now;
    this.#presses = new Bucket(pressAllowance, now());
    this.#motions = new Bucket(motionAllowance, now());
    this.#characters = new Bucket(textAllowance, now());
  }

  key(usage: number, down: boolean): void {
    const code = evdevKey(usage);
    if (this.#edge(this.#keys, code, down)) this.#target.key(code as number, down);
  }

  button(button: number, down: boolean): void {
    const code = evdevButton(button);
    if (this.#edge(this.#buttons, code, down)) this.#target.button(code as number, down);
  }

  motion(dx: number, dy: number): void {
    if (this.#moves(dx, dy, deltaMax, -deltaMax)) this.#target.motion(dx, dy);
  }

  position(x: number, y: number): void {
    if (this.#moves(x, y, 65_535, 0)) this.#target.position(Math.round(x), Math.round(y));
  }

  scroll(horizontal: number, vertical: number): void {
    if (this.#moves(horizontal, vertical, deltaMax, -deltaMax)) {
      this.#target.scroll(Math.round(horizontal), Math.round(vertical));
    }
  }

  text(text: string): string | undefined {
    if (this.#closed) return "The desktop takes no more input.";
    const checked = checkText(text);
    if (!checked.ok) {
      this.refused++;
      return checked.why;
    }
    const allowed = this.#characters.take(this.#now(), checked.characters);
    if (allowed && this.#target.text(checked.text)) return undefined;
    this.refused++;
    return "More text came than can be typed in this time.";
  }

  releaseAll(): void {
    if (this.#closed) return;
    for (const code of this.#keys) this.#target.key(code, false);
    for (const code of this.#buttons) this.#target.button(code, false);
    this.#keys.clear();
    this.#buttons.clear();
  }

  close(): void {
    if (this.#closed) return;
    this.releaseAll();
    this.#closed = true;
    this.#target.close();
  }

  /** Whether an edge is news; a release of what is held always is. */
  #edge(held: Set<number>, code: number | undefined, down: boolean): boolean {
    if (this.#closed) return false;
    if (code === undefined) return this.#refuse();
    if (!down) return held.delete(code);
    if (held.has(code)) return false;
    if (!this.#presses.take(this.#now(), 1)) return this.#refuse();
    held.add(code);
    return true;
  }

  #moves(a: number, b: number, most: number, least: number): boolean {
    if (this.#closed) return false;
    const within = (value: number) => value >= least && value <= most; /* NaN is not */
    if (!within(a) || !within(b) || !this.#motions.take(this.#now(), 1)) return this.#refuse();
    return true;
  }

  #refuse(): false {
    this.refused++;
    return false;
  }
}

/** Largest step of one motion or scroll message: two of the widest pictures. */
const deltaMax = 32_768;

class Bucket {
  readonly #allowance: Allowance;
  #state: RateState;

  constructor(allowance: Allowance, now: Millis) {
    this.#allowance = allowance;
    this.#state = initialRate(allowance, now);
  }

  take(now: Millis, cost: number): boolean {
    const taken = takeTokens(this.#allowance, this.#state, { now, cost });
    this.#state = taken.state;
    return taken.allowed;
  }
}
