/**
 * For tests: a real headless sway, or another desktop, with the test application of
 * src/ffi/wayland in it, whose lines can be awaited.
 */
import { constants } from "node:fs";
import { chmod, cp, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nativeProgram } from "../../ffi/build.ts";
import { type Mode, parseMode } from "../../wire/mode.ts";
import type { Display } from "./display.ts";
import type { WlrootsDisplay } from "./screencopy.ts";
import { SwayDisplays } from "./sway.ts";

/** Builds a program of the native tests and returns its path. */
export function testProgram(name: string, variant: "release" | "sanitize" = "release"): string {
  return nativeProgram(variant, `test/${name}`);
}

/** Whether this machine can run the tests at all. */
export const swayInstalled = Bun.which("sway") !== null;

export interface TestDesktop<Shown extends Display = WlrootsDisplay> extends AsyncDisposable {
  readonly display: Shown;
  /** What the application has printed so far. */
  readonly lines: readonly string[];
  /** A folder that the desktop's user can write to. */
  readonly folder: string;
  /** Resolves with the first line that fits, from the start or from line number `from` on. */
  line(fits: string | ((line: string) => boolean), from?: number): Promise<string>;
}

export interface TestDesktopOptions {
  readonly mode?: string;
  /** What the test application does: see desktop_client.h. */
  readonly client?: "still" | "moving" | "answer" | `burst ${number}` | "still fullscreen";
  /** Another application; FOLDER in it is the folder; what it writes to FOLDER/lines is read. */
  readonly app?: string;
}

/** Starts a sway; dispose it with `await using`. */
export function startTestDesktop(options: TestDesktopOptions = {}): Promise<TestDesktop> {
  return startDesktop(options, (app, mode) => new SwayDisplays({ app }).create(mode));
}

/** Starts any desktop around an application; dispose it with `await using`. */
export async function startDesktop<Shown extends Display>(
  options: TestDesktopOptions,
  create: (app: string, mode: Mode) => Promise<Shown>,
): Promise<TestDesktop<Shown>> {
  const folder = await mkdtemp(join(tmpdir(), "pf-desktop-"));
  await chmod(folder, 0o777);
  const pipe = join(folder, "lines");
  Bun.spawnSync(["mkfifo", "-m", "666", pipe]);
  /* Reading and writing, so that it never reaches an end. */
  const file = await open(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  await cp(testProgram("desktop_client"), join(folder, "desktop_client"));
  const client = `${folder}/desktop_client ${options.client ?? "still"} > ${pipe}`;
  const app = options.app?.replaceAll("FOLDER", folder) ?? client;
  const clear = async () => {
    await file.close();
    await rm(folder, { recursive: true, force: true });
  };
  const lines = new Lines(file.fd);
  try {
    const display = await create(app, parseMode(options.mode ?? "640x480@60"));
    return {
      display,
      lines: lines.all,
      folder,
      line: (fits, from) => lines.first(fits, from),
      [Symbol.asyncDispose]: async () => {
        await display.destroy();
        await lines.end();
        await clear();
      },
    };
  } catch (error) {
    await lines.end();
    await clear();
    throw error;
  }
}

class Lines {
  readonly all: string[] = [];
  readonly #reader: {
    read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
    cancel(): Promise<void>;
  };
  readonly #done: Promise<void>;
  #news = Promise.withResolvers<void>();

  constructor(fd: number) {
    this.#reader = Bun.file(fd).stream().getReader();
    this.#done = this.#read();
  }

  async first(fits: string | ((line: string) => boolean), from = 0): Promise<string> {
    const test = typeof fits === "string" ? (line: string) => line === fits : fits;
    for (;;) {
      const news = this.#news.promise;
      const found = this.all.slice(from).find(test);
      if (found !== undefined) return found;
      await news;
    }
  }

  async end(): Promise<void> {
    await this.#reader.cancel().catch(() => {});
    await this.#done;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return;
      const parts = (rest + decoder.decode(value, { stream: true })).split("\n");
      rest = parts.pop() as string;
      this.all.push(...parts);
      const { resolve } = this.#news;
      this.#news = Promise.withResolvers<void>();
      resolve();
    }
  }
}
