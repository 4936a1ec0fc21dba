import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { pipeWireInstalled, startPipeWire } from "./server.fixture.ts";

test.skipIf(!pipeWireInstalled)(
  "starts again after it was killed, and leaves nothing",
  async () => {
    await using server = await startPipeWire();
    await server.kill();
    expect(await server.run(["pw-cli", "info", "0"])).toBe("");
    await server.start();
    expect(await server.run(["pw-cli", "info", "0"])).toContain('core.name = "pipewire-0"');
    await server[Symbol.asyncDispose]();
    expect(existsSync(server.runtimeDir)).toBe(false);
  },
);
