/** For tests: a screen of the host's own with the test application of src/ffi/x11 on it. */
import { chmod, cp, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { EventQueue, type NativeEvent } from "../../ffi/core/core.ts";
import { PictureTap } from "../../ffi/decode/tap.ts";
import { parseMode } from "../../wire/mode.ts";
import type { InputTarget } from "../inject/target.ts";
import type { PictureStage } from "../sources.ts";
import { testProgram } from "./desktop.fixture.ts";
import type { Display } from "./display.ts";
import { X11Displays } from "./x11.ts";

/** Whether this machine can run the tests at all. */
export const xvfbInstalled = Bun.which("Xvfb") !== null;

export interface TestScreen extends AsyncDisposable {
  readonly display: Display;
  /** What the application has printed so far. */
  lines(): Promise<readonly string[]>;
  /** Resolves with all lines when there are as many that fit. */
  until(fits: RegExp, count?: number): Promise<readonly string[]>;
}

export interface TestScreenOptions {
  readonly mode?: string;
  readonly client?: "still" | "moving";
}

/** Starts a screen; dispose it with `await using`. */
export async function startTestScreen(options: TestScreenOptions = {}): Promise<TestScreen> {
  const folder = await mkdtemp(join(tmpdir(), "pf-x11-"));
  await chmod(folder, 0o777);
  await cp(testProgram("x11_client"), join(folder, "x11_client"));
  const file = join(folder, "lines");
  const app = `exec ${folder}/x11_client ${options.client ?? "still"} >${file}`;
  const { DISPLAY: _, ...env } = process.env;
  const clear = () => rm(folder, { recursive: true, force: true });
  const lines = async () => (await readFile(file, "utf8").catch(() => "")).split("\n").slice(0, -1);
  try {
    const backend = new X11Displays({ app, env });
    const display = await backend.create(parseMode(options.mode ?? "640x480@60"));
    return {
      display,
      lines,
      until: async (fits, count = 1) => {
        for (let i = 0; i < 500; i++) {
          const all = await lines();
          if (all.filter((line) => fits.test(line)).length >= count) return all;
          await Bun.sleep(10);
        }
        throw new Error(`no ${count} lines like ${fits} came, but: ${(await lines()).join(", ")}`);
      },
      [Symbol.asyncDispose]: async () => {
        await display.destroy();
        await clear();
      },
    };
  } catch (error) {
    await clear();
    throw error;
  }
}

/** A display that is captured and controlled. */
export class Session implements AsyncDisposable {
  readonly events = new EventQueue();
  readonly tap = new PictureTap();
  readonly stage: PictureStage;
  readonly input: InputTarget;
  readonly seen: NativeEvent[] = [];

  constructor(display: Display, keyboardLayout = "us") {
    const { events } = this;
    this.stage = display.openStage({ sink: this.tap.sink(), events, stage: 1 });
    this.input = display.openInput({ events, stage: 5, keyboardLayout });
    this.stage.start();
  }

  async event(kind: NativeEvent["kind"]): Promise<NativeEvent> {
    for (let i = 0; i < 500; i++) {
      this.seen.push(...this.events.take());
      const found = this.seen.find((one) => one.kind === kind);
      if (found !== undefined) return found;
      await Bun.sleep(10);
    }
    throw new Error(`no event ${kind} came, but: ${this.seen.map((one) => one.kind).join(", ")}`);
  }

  get frames(): number {
    return this.stage.counters.get("frames");
  }

  /** The colour at a place of the newest picture, both 0…1, as RRGGBB; undefined without one. */
  colours(places: readonly (readonly [number, number])[]): string[] | undefined {
    const picture = this.tap.takeRgb();
    return picture === undefined
      ? undefined
      : places.map(([x, y]) => {
          const column = Math.min(picture.width - 1, Math.floor(x * picture.width));
          const row = Math.min(picture.height - 1, Math.floor(y * picture.height));
          const at = 3 * (row * picture.width + column);
          return Buffer.from(picture.data.subarray(at, at + 3)).toString("hex");
        });
  }

  /** Waits until nothing was captured for a while; how much was by then. */
  async settled(): Promise<number> {
    for (;;) {
      const before = this.frames;
      await Bun.sleep(150);
      if (this.frames === before) return before;
    }
  }

  /** Pictures a second, by counting for a while. */
  async rate(ms: number): Promise<number> {
    const before = this.frames;
    const begin = performance.now();
    await Bun.sleep(ms);
    return ((this.frames - before) * 1000) / (performance.now() - begin);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.input.close();
    this.stage.stop();
    this.tap.close();
    this.stage.close();
    await this.events.close();
  }
}
