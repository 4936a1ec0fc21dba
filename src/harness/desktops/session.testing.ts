/** A person's desktop: session bus, PipeWire and a compositor in a runtime folder of their own. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { startPipeWire } from "../../ffi/pipewire/server.fixture.ts";
import type { Supervised } from "../../ffi/supervise/supervise.ts";
import { until } from "../processes.ts";

/** KWin takes 2 s at its first start, when it writes its caches; the machine may be busy. */
const readyMsMax = 60_000;

export interface SessionOptions {
  readonly compositor: readonly string[];
  /** Name of its Wayland socket. */
  readonly socket: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Session extends AsyncDisposable {
  /** The session's runtime folder, also for files of tests. */
  readonly folder: string;
  /** What a program needs to be part of it. */
  readonly env: Readonly<Record<string, string>>;
  readonly compositor: Supervised;
  /** Starts an application in it, which ends with it. */
  start(...words: string[]): Supervised;
}

/** Starts it and waits for the compositor's socket; ends with all that was started in it. */
export async function startSession(options: SessionOptions): Promise<Session> {
  const server = await startPipeWire();
  const own = { LIBGL_ALWAYS_SOFTWARE: "1", WAYLAND_DISPLAY: options.socket, ...options.env };
  const settings = Object.entries(own).map(([name, value]) => `${name}=${value}`);
  const start = (...words: string[]) => server.spawn(["env", ...settings, ...words]);
  const compositor = start("env", "-u", "WAYLAND_DISPLAY", ...options.compositor);
  let status: number | undefined;
  void compositor.exited.then((ended) => {
    status = ended;
  });
  try {
    const socket = join(server.runtimeDir, options.socket);
    const isReady = () => {
      if (status !== undefined) throw new Error(`The compositor ended with status ${status}.`);
      return existsSync(socket);
    };
    await until(isReady, "the compositor's socket", readyMsMax);
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw new Error(`${(error as Error).message}\n${compositor.errorLines.join("\n")}`);
  }
  return {
    folder: server.runtimeDir,
    env: { ...server.env, ...own },
    compositor,
    start,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
