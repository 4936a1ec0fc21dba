import { expect, test } from "bun:test";
import { probePipeWire } from "./pipewire.ts";
import { pipeWireInstalled, startPipeWire } from "./server.fixture.ts";

test.skipIf(!pipeWireInstalled)(
  "a probe tells a server with its version, and its end",
  async () => {
    await using server = await startPipeWire();
    const version = /version: "(.*?)"/.exec(
      await server.run(["pw-cli", "info", "0"]),
    )?.[1] as string;
    expect(probePipeWire(server.socketPath)).toEqual({
      ok: true,
      why: `PipeWire ${version} answers.`,
      version,
    });
    await server.kill();
    const gone = probePipeWire(server.socketPath);
    expect(gone).toMatchObject({ ok: false, version: null });
    expect(gone.why).toContain(`no PipeWire runs at ${server.socketPath}`);
  },
);

test.skipIf(!pipeWireInstalled)("a probe misses the session manager", async () => {
  await using server = await startPipeWire({ sessionManager: false });
  const probe = probePipeWire(server.socketPath);
  expect(probe.ok).toBe(false);
  expect(probe.why).toMatch(
    /^PipeWire [\d.]+ answers, but no session manager runs: start wireplumber\.$/,
  );
});

test("a probe of a server that was never there says where it looked", () => {
  expect(probePipeWire("/nowhere/pipewire-0")).toEqual({
    ok: false,
    why: "PipeWire can't be used: no PipeWire runs at /nowhere/pipewire-0.",
    version: null,
  });
});
