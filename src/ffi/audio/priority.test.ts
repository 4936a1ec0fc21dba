import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { noSink } from "../library.ts";
import { pipeWireInstalled, startPipeWire } from "../pipewire/server.fixture.ts";
import { SoundSendStage } from "./sound.ts";

const node = { name: "punktfunk-test", description: "punktfunk test", channelCount: 2 } as const;

/** Names of this process's threads that the kernel runs before all ordinary ones; proc(5), stat. */
function urgentThreads(): string[] {
  return readdirSync("/proc/self/task").flatMap((id) => {
    const stat = readFileSync(`/proc/self/task/${id}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const policy = Number(fields[41 - 3]);
    return policy === 0 ? [] : [`${id === String(process.pid) ? "main " : ""}${stat}`];
  });
}

test.skipIf(!pipeWireInstalled)(
  "sound that comes and goes leaves this thread, and what it starts, an ordinary priority",
  async () => {
    for (let round = 0; round < 5; round++) {
      await using server = await startPipeWire();
      const options = { ...node, role: "sink", sink: noSink } as const;
      const nowhere = () => new SoundSendStage({ ...options, socketPath: "/nowhere/pipewire-0" });
      expect(nowhere).toThrow("no PipeWire runs");
      const stage = new SoundSendStage({ ...options, socketPath: server.socketPath });
      stage.start();
      await Bun.sleep(50);
      stage.close();
    }
    expect(urgentThreads()).toEqual([]);
  },
  30_000,
);
