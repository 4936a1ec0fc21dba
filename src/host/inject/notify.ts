/**
 * Input by calls on the session bus, as Mutter and the portal take it: a queue that keeps the
 * order, merges motion, and never has more on its way than the other side has answered.
 */
import { keysymOf } from "../../ffi/bus/keysym.ts";
import type { Bus, BusCall } from "../bus/bus.ts";
import type { InputTarget, TouchPhase } from "./target.ts";

/** How one service names its calls; places are pixels of the stream. */
export interface NotifyWords {
  /** `code` is an evdev KEY_*. */
  key(code: number, down: boolean): BusCall;
  keysym(keysym: number, down: boolean): BusCall;
  /** `code` is an evdev BTN_*. */
  button(code: number, down: boolean): BusCall;
  motion(dx: number, dy: number): BusCall;
  position(x: number, y: number): BusCall;
  /** Pixels; right and down are positive. */
  scroll(dx: number, dy: number): BusCall;
  /** Whole notches; right and down are positive. */
  notches(axis: "vertical" | "horizontal", steps: number): BusCall;
  /** Undefined where the service takes no touch. */
  readonly touch: NotifyTouch | undefined;
}

export interface NotifyTouch {
  /** What has to come before the first touch, and to settle, for that to reach an application. */
  readonly wake: readonly BusCall[];
  down(finger: number, x: number, y: number): BusCall;
  move(finger: number, x: number, y: number): BusCall;
  up(finger: number): BusCall;
}

export interface NotifyOptions {
  readonly bus: Bus;
  readonly words: NotifyWords;
  /** Pixels of the stream. */
  readonly width: number;
  readonly height: number;
  /** When applications know the devices, in the time of performance.now(). */
  readonly readyAt: number;
  /** XKB layout of the desktop, where it is known. */
  readonly keyboardLayout?: string;
  /** Whether the desktop can type a character; default: all, as its keyboard is not known. */
  readonly canType?: (codePoint: number) => boolean;
}

/**
 * A desktop hands a new device to its applications a little later, and what is typed before that is
 * lost to them: 200 to 400 ms were seen to be enough.
 */
export const settleMs = 300;
/** Calls without an answer of their own, after which one waits for an answer. */
const unansweredMax = 32;
/** A longest text is 4,096 characters, each down and up. */
const queueMax = 16_384;
/** Ctrl, Shift, Alt and Super of both sides, which would change what a text's keys mean. */
const modifiers: ReadonlySet<string> = new Set(
  [29, 97, 42, 54, 56, 100, 125, 126].map((code) => `key ${code}`),
);
/** Wayland's convention: what a notch scrolls. */
const notchPixels = 10;
const notchUnits = 120;
const placeMax = 65_535;

type Entry =
  | { readonly kind: "down" | "up"; readonly edge: Edge }
  | { readonly kind: "call"; readonly call: BusCall }
  | { readonly kind: "wake"; readonly calls: readonly BusCall[] }
  | { readonly kind: "motion"; dx: number; dy: number }
  | { readonly kind: "scroll"; horizontal: number; vertical: number }
  | { readonly kind: "place"; x: number; y: number };

/** Something that is down until it goes up. */
interface Edge {
  /** As "key 30". */
  readonly id: string;
  readonly down: BusCall;
  readonly up: BusCall;
}

/** What can't be sent is counted and dropped, but never a release. */
export class NotifyInput implements InputTarget {
  readonly keyboardLayout?: string;
  /** Events that were not passed on. */
  dropped = 0;
  readonly #bus: Bus;
  readonly #words: NotifyWords;
  readonly #size: { readonly width: number; readonly height: number };
  readonly #canType: (codePoint: number) => boolean;
  #settling: NodeJS.Timeout | undefined;
  /** What is down when all that waits is sent. */
  readonly #held = new Map<string, Edge>();
  /** What is down on the desktop. */
  readonly #sent = new Map<string, Edge>();
  #queue: Entry[] = [];
  #unanswered = 0;
  #isTouched = false;
  /** Nothing is sent before the devices have settled, and while an answer is awaited. */
  #isWaiting = true;
  #isClosed = false;

  constructor(options: NotifyOptions) {
    const { bus, words, width, height, readyAt, keyboardLayout, canType } = options;
    this.#bus = bus;
    this.#words = words;
    this.#canType = canType ?? (() => true);
    this.#size = { width, height };
    if (keyboardLayout !== undefined) this.keyboardLayout = keyboardLayout;
    // A pointer that is elsewhere, as on another monitor, is brought here.
    this.#queue.push({ kind: "place", x: placeMax / 2, y: placeMax / 2 });
    this.#settle(Math.max(0, readyAt - performance.now()));
  }

  key(code: number, down: boolean): void {
    const { key } = this.#words;
    this.#press({ id: `key ${code}`, down: key(code, true), up: key(code, false) }, down);
  }

  button(code: number, down: boolean): void {
    const { button } = this.#words;
    this.#press({ id: `button ${code}`, down: button(code, true), up: button(code, false) }, down);
  }

  motion(dx: number, dy: number): void {
    const last = this.#queue.at(-1);
    if (last?.kind !== "motion") return this.#push({ kind: "motion", dx, dy });
    last.dx += dx;
    last.dy += dy;
  }

  position(x: number, y: number): void {
    const last = this.#queue.at(-1);
    if (last?.kind !== "place") return this.#push({ kind: "place", x, y });
    last.x = x;
    last.y = y;
  }

  scroll(horizontal: number, vertical: number): void {
    const last = this.#queue.at(-1);
    if (last?.kind !== "scroll") return this.#push({ kind: "scroll", horizontal, vertical });
    last.horizontal += horizontal;
    last.vertical += vertical;
  }

  touch(finger: number, phase: TouchPhase, x: number, y: number): void {
    const words = this.#words.touch;
    const id = `finger ${finger}`;
    if (words === undefined) this.dropped++;
    else if (phase === "move") {
      const call = words.move(finger, ...this.#pixels(x, y));
      if (this.#held.has(id)) this.#push({ kind: "call", call });
    } else {
      if (!this.#isTouched) this.#push({ kind: "wake", calls: words.wake });
      this.#isTouched = true;
      const down = words.down(finger, ...this.#pixels(x, y));
      this.#press({ id, down, up: words.up(finger) }, phase === "down");
    }
  }

  text(text: string): boolean {
    const { keysym } = this.#words;
    const points = Array.from(text, (one) => one.codePointAt(0) as number);
    if (!points.every((point) => this.#canType(point))) return false;
    const typed = points.map(keysymOf).map((one) => ({
      id: `keysym ${one}`,
      down: keysym(one, true),
      up: keysym(one, false),
    }));
    const held = [...this.#held.values()].filter(({ id }) => modifiers.has(id));
    const count = 2 * (typed.length + held.length);
    if (this.#isClosed || this.#queue.length + count > queueMax) return false;
    for (const edge of held) this.#queue.push({ kind: "up", edge });
    for (const edge of typed) this.#queue.push({ kind: "down", edge }, { kind: "up", edge });
    for (const edge of held) this.#queue.push({ kind: "down", edge });
    this.#drain();
    return true;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#isWaiting = true;
    clearTimeout(this.#settling);
    this.#queue = [];
    for (const { up } of this.#sent.values()) this.#bus.send(up);
    this.#sent.clear();
  }

  /** An edge that changes nothing is left out. */
  #press(edge: Edge, down: boolean): void {
    if (this.#isClosed || this.#held.has(edge.id) === down) return;
    if (down && this.#queue.length >= queueMax) {
      this.dropped++;
      return;
    }
    if (down) this.#held.set(edge.id, edge);
    else this.#held.delete(edge.id);
    this.#queue.push({ kind: down ? "down" : "up", edge });
    this.#drain();
  }

  #push(entry: Entry): void {
    if (this.#isClosed || this.#queue.length >= queueMax) this.dropped++;
    else {
      this.#queue.push(entry);
      this.#drain();
    }
  }

  #drain(): void {
    let taken = 0;
    while (!this.#isWaiting && taken < this.#queue.length)
      this.#send(this.#queue[taken++] as Entry);
    if (taken > 0) this.#queue.splice(0, taken);
  }

  #send(entry: Entry): void {
    const { edge } = entry.kind === "down" || entry.kind === "up" ? entry : {};
    if (entry.kind === "down" && edge !== undefined) this.#sent.set(edge.id, edge);
    if (entry.kind === "up" && edge !== undefined) this.#sent.delete(edge.id);
    if (entry.kind === "wake") this.#settle(entry.calls.length > 0 ? settleMs : 0);
    for (const call of this.#callsOf(entry)) {
      this.#unanswered++;
      if (this.#unanswered < unansweredMax) this.#bus.send(call);
      else this.#await(call);
    }
  }

  #settle(ms: number): void {
    this.#isWaiting = true;
    this.#settling = setTimeout(() => {
      this.#settling = undefined;
      this.#resume();
    }, ms);
  }

  /** Whether it failed is not of interest: the display tells when the desktop is gone. */
  #await(call: BusCall): void {
    this.#isWaiting = true;
    this.#unanswered = 0;
    const resume = () => this.#resume();
    void this.#bus.call(call).then(resume, resume);
  }

  #resume(): void {
    this.#isWaiting = this.#isClosed || this.#settling !== undefined;
    this.#drain();
  }

  #callsOf(entry: Entry): BusCall[] {
    const words = this.#words;
    switch (entry.kind) {
      case "down":
        return [entry.edge.down];
      case "up":
        return [entry.edge.up];
      case "call":
        return [entry.call];
      case "wake":
        return [...entry.calls];
      case "motion":
        return [words.motion(entry.dx, entry.dy)];
      case "place":
        return [words.position(...this.#pixels(entry.x, entry.y))];
      case "scroll":
        return this.#scrollCalls(entry.horizontal, entry.vertical);
    }
  }

  /** Whole notches as a wheel's, and what is less as a touchpad's. */
  #scrollCalls(horizontal: number, vertical: number): BusCall[] {
    const { notches, scroll } = this.#words;
    const [right, down] = [horizontal, vertical].map((units) => Math.trunc(units / notchUnits));
    const [dx, dy] = [horizontal, vertical].map(
      (units) => ((units % notchUnits) * notchPixels) / notchUnits,
    );
    return [
      ...(right ? [notches("horizontal", right)] : []),
      ...(down ? [notches("vertical", down)] : []),
      ...(dx || dy ? [scroll(dx as number, dy as number)] : []),
    ];
  }

  #pixels(x: number, y: number): [number, number] {
    const { width, height } = this.#size;
    return [(x * (width - 1)) / placeMax, (y * (height - 1)) / placeMax];
  }
}
