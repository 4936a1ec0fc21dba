/**
 * Keyboard, mouse and fingers of the client's window as control messages. What goes down comes up again:
 * when the focus is lost and at the end everything that is held is released, because a key that
 * stays down on the host types for ever.
 */
import type { NativeEvent } from "../../ffi/core/core.ts";
import type { MessageOf } from "../../wire/control.ts";
import { type Clock, PacedSender } from "./pace.ts";

export type InputMessage = MessageOf<
  "key" | "button" | "motion" | "position" | "scroll" | "touch" | "text"
>;
export type InputEvent = Pick<NativeEvent, "kind" | "a" | "b" | "text">;

const scrollMax = 32_767;
/** By their numbers in events. */
const phases = ["down", "move", "up", "cancel"] as const;

export class InputForwarder {
  /** How many messages of each kind were sent. */
  readonly sent = { key: 0, button: 0, motion: 0, position: 0, scroll: 0, touch: 0, text: 0 };
  readonly #paced: PacedSender;
  readonly #send: (message: InputMessage) => void;
  /** Held keys (usages of HID page 7) and buttons, in the order in which they went down. */
  readonly #keys = new Set<number>();
  readonly #buttons = new Set<number>();
  /** Fingers that are down, and where. */
  readonly #fingers = new Map<number, { readonly x: number; readonly y: number }>();

  constructor(send: (message: InputMessage) => void, clock?: Clock) {
    this.#paced = new PacedSender((message) => {
      this.sent[message.type]++;
      send(message);
    }, clock);
    this.#send = (message) => this.#paced.send(message);
  }

  /** Takes any native event; those that are no input are left alone. */
  onEvent(event: InputEvent): void {
    const { a, b } = event;
    switch (event.kind) {
      case "key":
        if (changes(this.#keys, a, b !== 0)) this.#send({ type: "key", usage: a, down: b !== 0 });
        return;
      case "button":
        if (changes(this.#buttons, a, b !== 0)) {
          this.#send({ type: "button", button: a, down: b !== 0 });
        }
        return;
      case "motion":
        this.#send({ type: "motion", dx: a, dy: b });
        return;
      case "position":
        this.#send({ type: "position", x: a, y: b });
        return;
      case "scroll":
        this.#send({ type: "scroll", h: clampScroll(a), v: clampScroll(b) });
        return;
      case "touch":
        this.#touch(a, b);
        return;
      case "text":
        this.#send({ type: "text", text: event.text });
        return;
      case "focus_lost":
        this.releaseAll();
        return;
      default:
        return;
    }
  }

  /** Drops what waits to be sent: at the end, after which the host releases all by itself. */
  close(): void {
    this.#paced.close();
  }

  /** Releases all that is held, the last first, so that modifiers outlive what they modify. */
  releaseAll(): void {
    for (const button of [...this.#buttons].reverse()) {
      this.#send({ type: "button", button, down: false });
    }
    for (const usage of [...this.#keys].reverse()) this.#send({ type: "key", usage, down: false });
    for (const [finger, place] of this.#fingers) {
      this.#send({ type: "touch", finger, phase: "cancel", ...place });
    }
    this.#buttons.clear();
    this.#keys.clear();
    this.#fingers.clear();
  }

  /** `a` and `b` as the event packs them. */
  #touch(a: number, b: number): void {
    const [finger, phase] = [a & 0xff, phases[a >> 8]];
    const [x, y] = [b % 65_536, Math.floor(b / 65_536)];
    if (phase === undefined || this.#fingers.has(finger) === (phase === "down")) return;
    if (phase === "up" || phase === "cancel") this.#fingers.delete(finger);
    else this.#fingers.set(finger, { x, y });
    this.#send({ type: "touch", finger, phase, x, y });
  }
}

/** Notes the new state of a key; false when it was in it already, as after a release of all. */
function changes(held: Set<number>, which: number, down: boolean): boolean {
  if (held.has(which) === down) return false;
  if (down) held.add(which);
  else held.delete(which);
  return true;
}

function clampScroll(distance: number): number {
  return Math.max(-scrollMax, Math.min(scrollMax, distance));
}
