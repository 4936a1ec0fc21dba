/** Sound of whole programs: a session's sink comes with it, is heard at the client, and goes. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { pipeWireInstalled, startPipeWire } from "../ffi/pipewire/server.fixture.ts";
import { withState } from "./loopback.ts";
import { until } from "./processes.ts";
import { Program, startHostProgram } from "./program.ts";
import { makeCards, rateHz, spawnUrgent, writeWave } from "./sound-path.ts";

describe.skipIf(!pipeWireInstalled)("a session's sound", () => {
  test("comes from a sink of its own; a microphone is for paired devices", async () => {
    await withState(async (home) => {
      await using server = await startPipeWire({ isUrgent: true });
      await makeCards(server, "FL FR");
      const env = { XDG_RUNTIME_DIR: server.runtimeDir, DBUS_SESSION_BUS_ADDRESS: undefined };
      const flags = ["--source", "synthetic", "--encoder", "software", "--mic"];
      const host = await startHostProgram(home, flags, { env });
      const client = new Program(
        [
          ...["connect", `127.0.0.1:${host.port}`, "--fingerprint", host.fingerprint],
          ...["--mode", "320x240@30", "--present", "none", "--json"],
          ...["--audio", "stereo", "--mic", "--duration", "2"],
        ],
        { home: join(home, "client"), env },
      );
      expect(await client.line("welcome")).toMatchObject({ audio: 2, microphone: false });
      const nodes = () => server.run(["pw-cli", "ls", "Node"]);
      await until(async () => (await nodes()).includes("punktfunk-sink"), "the sink");
      const file = join(home, "tone.wav");
      const tone = Float32Array.from({ length: 3 * rateHz }, (_, i) => 0.3 * Math.sin(i / 17));
      await writeWave(file, [tone, tone]);
      spawnUrgent(server, ["pw-play", "--target", "punktfunk-sink", file]);
      expect(await client.exited).toBe(0);
      const { audio } = client.lines.at(-1) as unknown as { audio: { received: number } };
      // Two hundred a second, once the tone has begun.
      expect(audio.received).toBeGreaterThan(100);
      expect(await client.words).toContain("takes no microphone: it needs serve --mic");
      await until(async () => !(await nodes()).includes("punktfunk-sink"), "the sink's end");
      expect(await host.program.end()).toBe(130);
    });
  }, 20_000);
});
