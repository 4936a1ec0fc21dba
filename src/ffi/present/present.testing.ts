/** What the presenters' tests stand on: a test card, a display of their own, and its screenshots. */
import { dlopen, ptr } from "bun:ffi";
import { pixelFormat } from "../../wire/abi.ts";
import type { EventQueue, NativeEvent } from "../core/core.ts";
import { openLibrary, type Sink } from "../library.ts";

export type PixelFormatName = keyof typeof pixelFormat;

const symbols = {
  pf_testcard_push: { args: ["ptr", "u32", "u32", "u32"], returns: "i32" },
  pf_testcard_stream: { args: ["ptr", "u32", "u32", "u32", "u32", "u32"], returns: "i32" },
  pf_testcard_live: { args: [], returns: "u32" },
} as const;

/** Colours of the card's upper half from left to right; the lower half has them in reverse. */
export const cardColours = [
  [255, 255, 255],
  [255, 255, 0],
  [0, 255, 255],
  [0, 255, 0],
  [255, 0, 255],
  [255, 0, 0],
  [0, 0, 255],
  [0, 0, 0],
] as const;

export interface CardShape {
  readonly format?: PixelFormatName;
  readonly width: number;
  readonly height: number;
}

/** Pushes test cards into a sink. */
export class TestCards {
  readonly #library = openLibrary("testcard", symbols);
  readonly #sink: BigUint64Array;

  constructor(sink: Sink) {
    this.#sink = new BigUint64Array([BigInt(sink.push), BigInt(sink.context)]);
  }

  push({ format = "i420", width, height }: CardShape): void {
    const { functions, check } = this.#library;
    const result = functions.pf_testcard_push(ptr(this.#sink), pixelFormat[format], width, height);
    check(result, "PF_NATIVE_FAILED", "The test card");
  }

  /** Returns when the last one is pushed. */
  stream({ format = "i420", width, height }: CardShape, hertz: number, count: number): void {
    const { functions, check } = this.#library;
    const sink = ptr(this.#sink);
    const pixels = pixelFormat[format];
    const result = functions.pf_testcard_stream(sink, pixels, width, height, hertz, count);
    check(result, "PF_NATIVE_FAILED", "The test cards");
  }

  /** Pictures that somebody still holds. */
  get live(): number {
    return this.#library.functions.pf_testcard_live();
  }
}

/** Gathers events, and waits for those to come. */
export class EventLog {
  readonly events: NativeEvent[] = [];
  readonly #listening: Promise<void>;

  constructor(queue: EventQueue) {
    this.#listening = queue.listen((event) => this.events.push(event));
  }

  /** The first event that fits; rejects when none comes in time. */
  async one(kind: NativeEvent["kind"], fits: (event: NativeEvent) => boolean = () => true) {
    const find = () => this.events.find((event) => event.kind === kind && fits(event));
    await until(() => find() !== undefined, `an event ${kind}`);
    return find() as NativeEvent;
  }

  of(...kinds: NativeEvent["kind"][]): NativeEvent[] {
    return this.events.filter((event) => kinds.includes(event.kind));
  }

  clear(): void {
    this.events.length = 0;
  }

  async ended(): Promise<void> {
    await this.#listening;
  }
}

/** SDL_TouchFingerEvent's type by phase. */
const fingerEvent = { down: 0x700, up: 0x701, move: 0x702 } as const;

/**
 * Gives SDL's queue a finger at a share of the window, as a touch screen does: there is none that a
 * test could touch.
 */
export function pushTouch(
  phase: keyof typeof fingerEvent,
  finger: number,
  x: number,
  y: number,
): void {
  const event = new DataView(new ArrayBuffer(64));
  event.setUint32(0, fingerEvent[phase], true);
  event.setBigInt64(8, 1n, true);
  event.setBigInt64(16, BigInt(finger), true);
  event.setFloat32(24, x, true);
  event.setFloat32(28, y, true);
  const { symbols: sdl } = dlopen("libSDL2-2.0.so.0", {
    SDL_PushEvent: { args: ["ptr"], returns: "i32" },
  });
  sdl.SDL_PushEvent(ptr(event.buffer));
}

/** Waits until a condition that nothing announces is true. */
export async function until(condition: () => boolean, what: string, msMax = 5000): Promise<void> {
  const deadline = performance.now() + msMax;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`${what} did not come in ${msMax} ms`);
    await Bun.sleep(2);
  }
}

/** This process's environment as C sees it; Bun keeps a copy of its own. */
export function setNativeEnvironment(name: string, value: string | undefined): void {
  const { symbols: c } = dlopen("libc.so.6", {
    setenv: { args: ["ptr", "ptr", "i32"], returns: "i32" },
    unsetenv: { args: ["ptr"], returns: "i32" },
  });
  const text = (words: string) => ptr(new TextEncoder().encode(`${words}\0`));
  if (value === undefined) c.unsetenv(text(name));
  else c.setenv(text(name), text(value), 1);
}

/** A screenshot. */
export class Screenshot {
  readonly width: number;
  readonly #rgb: Uint8Array;

  constructor(width: number, rgb: Uint8Array) {
    this.width = width;
    this.#rgb = rgb;
  }

  pixel(x: number, y: number): readonly number[] {
    const at = (y * this.width + x) * 3;
    return [...this.#rgb.subarray(at, at + 3)];
  }

  /** Greatest difference of a colour from what the card has there; the card fills `area`. */
  cardError(area: { x: number; y: number; width: number; height: number }): number {
    let worst = 0;
    for (let column = 0; column < 8; column++) {
      for (const half of [0, 1]) {
        const x = Math.floor(area.x + ((column + 0.5) * area.width) / 8);
        const y = Math.floor(area.y + ((half + 0.5) * area.height) / 2);
        const wanted = cardColours[half === 0 ? column : 7 - column] as readonly number[];
        const found = this.pixel(x, y);
        for (const i of [0, 1, 2]) {
          worst = Math.max(worst, Math.abs((found[i] as number) - (wanted[i] as number)));
        }
      }
    }
    return worst;
  }
}

/** An X server of the test's own, on a free display number. */
export class TestDisplay {
  readonly name: string;
  readonly #size: { readonly width: number; readonly height: number };
  readonly #server: Bun.Subprocess;

  private constructor(
    name: string,
    size: { readonly width: number; readonly height: number },
    server: Bun.Subprocess,
  ) {
    this.name = name;
    this.#size = size;
    this.#server = server;
  }

  static async start(size: { width: number; height: number }): Promise<TestDisplay> {
    const server = Bun.spawn(
      [
        "Xvfb",
        "-displayfd",
        "1",
        "-nolisten",
        "tcp",
        // Else it forgets the keyboard's layout with its last client.
        "-noreset",
        "-screen",
        "0",
        `${size.width}x${size.height}x24`,
      ],
      { stdout: "pipe", stderr: "ignore" },
    );
    let line = "";
    for await (const chunk of server.stdout) {
      line += new TextDecoder().decode(chunk);
      if (line.includes("\n")) break;
    }
    return new TestDisplay(`:${line.trim()}`, size, server);
  }

  async xdotool(...words: string[]): Promise<string> {
    const env = { ...process.env, DISPLAY: this.name };
    return (await Bun.$`xdotool ${words}`.env(env).quiet()).stdout.toString().trim();
  }

  /** Sets the keyboard's layout, and its keys as they are on a board of 105 keys. */
  async keyboard(layout: string): Promise<void> {
    await Bun.$`setxkbmap -display ${this.name} -model pc105 -layout ${layout}`.quiet();
  }

  async screenshot(): Promise<Screenshot> {
    const size = `${this.#size.width}x${this.#size.height}`;
    const grab =
      await Bun.$`ffmpeg -v error -f x11grab -draw_mouse 0 -video_size ${size} -i ${this.name} -frames:v 1 -f rawvideo -pix_fmt rgb24 -`.quiet();
    return new Screenshot(this.#size.width, new Uint8Array(grab.stdout));
  }

  async stop(): Promise<void> {
    this.#server.kill();
    await this.#server.exited;
  }
}
