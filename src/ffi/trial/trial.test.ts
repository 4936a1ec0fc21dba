import { expect, test } from "bun:test";
import { pipeWireInstalled, startPipeWire } from "../pipewire/server.fixture.ts";
import { tryOpus, trySink } from "./trial.ts";

test("a tone goes through Opus far faster than it sounds", () => {
  const ms = tryOpus();
  expect(ms).toBeGreaterThan(0);
  expect(ms).toBeLessThan(5);
});

test("a sink where no server is says where it looked", () => {
  expect(() => trySink("/nowhere/pipewire-0")).toThrow(
    "No sink can be made: no PipeWire runs at /nowhere/pipewire-0.",
  );
});

test.skipIf(!pipeWireInstalled)("a sink comes and goes, until the server does", async () => {
  await using server = await startPipeWire();
  expect(trySink(server.socketPath)).toBeGreaterThan(0);
  await server.kill();
  expect(() => trySink(server.socketPath)).toThrow("No sink can be made");
});
