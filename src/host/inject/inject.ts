/** A session's keyboard, mouse and fingers: turns the wire's input into that of the desktop. */
import { type Millis, millis } from "../../base/units.ts";
import { evdevButton, evdevKey } from "../../wire/keys.ts";
import { limit } from "../../wire/limits.ts";
import { checkText, textAllowance } from "../../wire/text.ts";
import {
  type Allowance,
  initialRate,
  motionAllowance,
  pressAllowance,
  type RateState,
  takeTokens,
} from "./rate.ts";
import type { InputTarget, TouchPhase } from "./target.ts";

/** Where a client's input goes. No method throws, blocks or waits. */
export interface Injector {
  /** XKB layout by which keys are read; null = the desktop's own, which is not known. */
  readonly keyboardLayout: string | null;
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
  /** A finger 0…15 at a place on the picture; up and cancel are where it was last. */
  touch(finger: number, phase: TouchPhase, x: number, y: number): void;
  /** Types a text. Returns why it was refused, as a sentence, or undefined. */
  text(text: string): string | undefined;
  /** Releases every key, button and finger of this client: at its end and when it loses focus. */
  releaseAll(): void;
  close(): void;
}

/**
 * Counts what one client does, holds its pressed keys, and bounds its rate. It owns the target,
 * which goes with it.
 */
export class SessionInjector implements Injector {
  /** Events that were not passed on: unknown codes, values out of range, above the rate. */
  refused = 0;
  readonly #target: InputTarget;
  readonly #now: () => Millis;
  readonly #keys = new Set<number>();
  readonly #buttons = new Set<number>();
  /** Fingers that are down, and where. */
  readonly #fingers = new Map<number, { readonly x: number; readonly y: number }>();
  readonly #presses: Bucket;
  readonly #motions: Bucket;
  readonly #characters: Bucket;
  #closed = false;

  constructor(target: InputTarget, now: () => Millis = () => millis(performance.now())) {
    this.#target = target;
    this.#now = now;
    this.#presses = new Bucket(pressAllowance, now());
    this.#motions = new Bucket(motionAllowance, now());
    this.#characters = new Bucket(textAllowance, now());
  }

  get keyboardLayout(): string | null {
    return this.#target.keyboardLayout ?? null;
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
    if (this.#moves(x, y, positionMax, 0)) this.#target.position(Math.round(x), Math.round(y));
  }

  scroll(horizontal: number, vertical: number): void {
    if (this.#moves(horizontal, vertical, deltaMax, -deltaMax)) {
      this.#target.scroll(Math.round(horizontal), Math.round(vertical));
    }
  }

  touch(finger: number, phase: TouchPhase, x: number, y: number): void {
    if (this.#closed) return;
    if (phase === "up" || phase === "cancel") {
      this.#lift(finger, phase);
      return;
    }
    const begins = phase === "down";
    if (this.#fingers.has(finger) === begins) return;
    const place = { x: Math.round(x), y: Math.round(y) };
    const isFinger = finger >= 0 && finger < limit("touch_fingers_max");
    const isPlace = isWithin(x, 0, positionMax) && isWithin(y, 0, positionMax);
    const bucket = begins ? this.#presses : this.#motions;
    if (!isFinger || !isPlace || !bucket.take(this.#now(), 1)) {
      this.#refuse();
      return;
    }
    this.#fingers.set(finger, place);
    this.#target.touch(finger, phase, place.x, place.y);
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
    return allowed
      ? "The desktop's keyboard can't type this text, or more of it waits already."
      : "More text came than can be typed in this time.";
  }

  releaseAll(): void {
    if (this.#closed) return;
    for (const code of this.#keys) this.#target.key(code, false);
    for (const code of this.#buttons) this.#target.button(code, false);
    for (const finger of this.#fingers.keys()) this.#lift(finger, "cancel");
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
    const good = isWithin(a, least, most) && isWithin(b, least, most);
    if (!good || !this.#motions.take(this.#now(), 1)) return this.#refuse();
    return true;
  }

  /** The end of a touch always passes: a finger that stays down drags for ever. */
  #lift(finger: number, phase: "up" | "cancel"): void {
    const place = this.#fingers.get(finger);
    if (place === undefined) return;
    this.#fingers.delete(finger);
    this.#target.touch(finger, phase, place.x, place.y);
  }

  #refuse(): false {
    this.refused++;
    return false;
  }
}

/** NaN is not. */
const isWithin = (value: number, least: number, most: number) => value >= least && value <= most;

/** The right and lower edge of the picture. */
const positionMax = 65_535;

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
