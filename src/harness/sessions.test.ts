/** Sessions on a desktop that runs: several at once, many one after another, and its end. */
import { describe, expect, test } from "bun:test";
import { dirname, join } from "node:path";
import { millis } from "../base/units.ts";
import { type ClientOptions, runClient } from "../client/client.ts";
import { startTestDesktop, swayInstalled } from "../host/displays/desktop.fixture.ts";
import { SwayIpc } from "../host/displays/ipc.ts";
import { formatMode, parseMode } from "../wire/mode.ts";
import { collectingHooks, testClient, withState } from "./loopback.ts";
import { holdingsOf, until } from "./processes.ts";
import { type Program, startHostProgram } from "./program.ts";

const cycles = 8;

interface Shared {
  readonly desktop: Awaited<ReturnType<typeof startTestDesktop>>;
  readonly host: Program;
  outputs(): Promise<number>;
  stream(options: Partial<ClientOptions>): ReturnType<typeof runClient>;
}

/** A sway that runs, and a host within it. */
async function shared(body: (parts: Shared) => Promise<void>): Promise<void> {
  await withState(async (home) => {
    await using desktop = await startTestDesktop({ client: "moving" });
    const { socketPath } = desktop.display;
    const ipcPath = join(dirname(socketPath), "sway.sock");
    const host = await startHostProgram(home, ["--source", "wlroots", "--encoder", "software"], {
      env: { WAYLAND_DISPLAY: socketPath, SWAYSOCK: ipcPath },
    });
    const stream = (options: Partial<ClientOptions>) =>
      runClient(testClient(host, options), collectingHooks().hooks);
    const outputs = async () => {
      const ipc = await SwayIpc.connect(ipcPath);
      const { length } = await ipc.outputs();
      ipc.close();
      return length;
    };
    try {
      await body({ desktop, host: host.program, outputs, stream });
    } finally {
      await host.program.end();
    }
  });
}

describe.skipIf(!swayInstalled)("a desktop that runs", () => {
  test("gives clients at once an output each at a mode each, and keeps nothing of them", async () => {
    await shared(async ({ host, outputs, stream }) => {
      const modes = ["640x360@60", "320x240@30"];
      const both = (durationMs: number) =>
        Promise.all(
          modes.map((mode) => stream({ mode: parseMode(mode), durationMs: millis(durationMs) })),
        );
      for (const [index, { summary, error }] of (await both(500)).entries()) {
        expect(error).toBeUndefined();
        expect(summary?.mode).toBe(formatMode(parseMode(modes[index] as string)));
        expect(summary?.frames.decoded).toBeGreaterThan(0);
      }
      const outputsBefore = await outputs();
      const { pid } = host.process;
      const before = holdingsOf(pid);
      for (let cycle = 0; cycle < cycles; cycle++) {
        for (const { error } of await both(50)) expect(error).toBeUndefined();
      }
      const isClear = () => {
        const now = holdingsOf(pid);
        return (
          now.files <= before.files &&
          now.threads <= before.threads &&
          now.processes <= before.processes
        );
      };
      await until(isClear, "the end of all that sessions held");
      expect(await outputs()).toBeLessThanOrEqual(outputsBefore);
    });
  }, 20_000);

  test("that dies in mid-stream ends it with a sentence, and so does the next one", async () => {
    await shared(async ({ desktop, host, stream }) => {
      const streaming = stream({ mode: parseMode("640x360@60"), durationMs: undefined });
      await host.line("session-started");
      await desktop[Symbol.asyncDispose]();
      const { error } = await streaming;
      expect(error?.sentence()).toMatch(/sway has ended|compositor|desktop/);
      const next = await stream({ mode: parseMode("640x360@60") });
      expect(next.summary).toBeUndefined();
      expect(next.error?.sentence()).toMatch(/no desktop|WAYLAND_DISPLAY/i);
    });
  }, 20_000);
});
