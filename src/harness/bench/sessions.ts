/** Sessions one after another: no output, node, thread, descriptor or process may stay of them. */
import { dirname, join } from "node:path";
import { millis } from "../../base/units.ts";
import { runClient } from "../../client/client.ts";
import {
  type PipeWireServer,
  pipeWireInstalled,
  startPipeWire,
} from "../../ffi/pipewire/server.fixture.ts";
import { startTestDesktop, swayInstalled } from "../../host/displays/desktop.fixture.ts";
import { SwayIpc } from "../../host/displays/ipc.ts";
import { parseMode } from "../../wire/mode.ts";
import { collectingHooks, testClient, withState } from "../loopback.ts";
import { type Holdings, holdingsOf, residentBytes, until } from "../processes.ts";
import { startHostProgram } from "../program.ts";
import { type Row, type Section, show, verdictOf } from "./row.ts";

const cycles = 100;
/** What is made once, as what a library keeps, is made by then. */
const warmUpCycles = 5;
const settleMs = 1000;

export const benchSessions: Section = async (progress) => {
  if (!swayInstalled) return [absentRow("sway")];
  progress(`${cycles} sessions with a desktop of their own`);
  const own = await withState(benchOwn);
  if (!pipeWireInstalled) return [own, absentRow("pipewire")];
  progress(`${cycles} sessions on a desktop that runs, with sound`);
  return [own, await withState(benchShared)];
};

function absentRow(program: string): Row {
  const seen = `${program} is not installed`;
  return { what: program, wanted: "", seen, verdict: "absent", method: "looked for", figures: {} };
}

/** Each starts a compositor, and ends it. */
async function benchOwn(home: string): Promise<Row> {
  const flags = ["--source", "sway", "--app", "sleep 100", "--encoder", "software"];
  const host = await startHostProgram(home, flags);
  try {
    return await runCycles(
      host,
      `${cycles} sessions with a desktop of their own`,
      async () => ({}),
    );
  } finally {
    await host.program.end();
  }
}

/** Each adds an output to a sway that runs and a sink to a PipeWire that runs. */
async function benchShared(home: string): Promise<Row> {
  await using server = await startPipeWire();
  await using desktop = await startTestDesktop({ client: "moving" });
  const { socketPath } = desktop.display;
  const ipcPath = join(dirname(socketPath), "sway.sock");
  const flags = ["--source", "wlroots", "--encoder", "software"];
  const host = await startHostProgram(home, flags, {
    env: {
      XDG_RUNTIME_DIR: server.runtimeDir,
      WAYLAND_DISPLAY: socketPath,
      SWAYSOCK: ipcPath,
      DBUS_SESSION_BUS_ADDRESS: undefined,
    },
  });
  try {
    return await runCycles(
      host,
      `${cycles} sessions on a sway that runs, with sound`,
      async () => ({
        outputs: await outputsOf(ipcPath),
        nodes: await nodesOf(server),
      }),
    );
  } finally {
    await host.program.end();
  }
}

async function outputsOf(ipcPath: string): Promise<number> {
  const ipc = await SwayIpc.connect(ipcPath);
  const { length } = await ipc.outputs();
  ipc.close();
  return length;
}

/** The host's nodes. */
async function nodesOf(server: PipeWireServer): Promise<number> {
  const nodes = await server.run(["pw-cli", "ls", "Node"]);
  return nodes.split("punktfunk").length - 1;
}

async function runCycles(
  host: Awaited<ReturnType<typeof startHostProgram>>,
  what: string,
  more: () => Promise<Record<string, number>>,
): Promise<Row> {
  const { pid } = host.program.process;
  const options = {
    mode: parseMode("640x360@60"),
    audio: "stereo",
    durationMs: millis(100),
  } as const;
  const cycle = async () => {
    const { error } = await runClient(testClient(host, options), collectingHooks().hooks);
    if (error !== undefined) throw error;
  };
  const held = async (): Promise<Record<string, number>> => {
    const { files, threads, processes }: Holdings = holdingsOf(pid);
    return { files, threads, processes, ...(await more()) };
  };
  for (let i = 0; i < warmUpCycles; i++) await cycle();
  await Bun.sleep(settleMs);
  const [before, bytes] = [await held(), residentBytes(pid)];
  for (let i = 0; i < cycles; i++) await cycle();
  const isOver = () => holdingsOf(pid).processes <= (before["processes"] ?? 0);
  await until(isOver, "the last desktop's end");
  await Bun.sleep(settleMs);
  const after = await held();
  const left = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)]);
  const megabytes = (residentBytes(pid) - bytes) / 1e6;
  return {
    what,
    wanted: "nothing stays",
    seen: `${left.map(([name, count]) => `${count} ${name}`).join(", ")}; ${show(megabytes, 1)} MB`,
    verdict: verdictOf(left.every(([, count]) => (count as number) <= 0)),
    method: `more than after ${warmUpCycles} to warm up, of the host's process`,
    figures: { ...Object.fromEntries(left), megabytes },
  };
}
