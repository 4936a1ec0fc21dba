/** What trust costs: the handshake of a paired device, and what a thousand of them leave behind. */
import { readdirSync } from "node:fs";
import { withState } from "../loopback.ts";
import { residentBytes, until } from "../processes.ts";
import { startHostProgram } from "../program.ts";
import { TestDevice } from "../trust-ends.ts";
import { percentile, type Row, type Section, show, verdictOf } from "./row.ts";

const handshakes = 200;
const handshakeMsWanted = 30;
const connects = 1000;
/** The first ones fill caches and compile code. */
const settleConnects = 300;
/** A thousand connections that leave 1 kB each would be 1 MB; a collector's swing is more. */
const grownMbMax = 8;
const megabyte = 1_000_000;

type Host = Awaited<ReturnType<typeof startHostProgram>>;

export const benchTrust: Section = (progress) =>
  withState(async (folder) => {
    const serve = ["--source", "synthetic", "--encoder", "software"];
    const host = await startHostProgram(folder, serve, { trust: "required" });
    try {
      const device = new TestDevice();
      const armed = await host.program.line("armed");
      const paired = await device.pairByPin(host, armed?.["pin"] as string);
      if (paired !== "paired") throw new Error(`pairing ended as ${paired}`);
      progress(`${handshakes} handshakes of a paired device`);
      const rows = [
        await handshakeRow(host, device, "probe"),
        await handshakeRow(host, device, "stream"),
      ];
      progress(`${settleConnects + connects} connects in a row`);
      return [...rows, ...(await leakRows(host, device))];
    } finally {
      await host.program.end();
    }
  });

async function handshakeRow(
  host: Host,
  device: TestDevice,
  purpose: "probe" | "stream",
): Promise<Row> {
  const times: number[] = [];
  for (let i = 0; i < handshakes; i++) {
    const startedAt = performance.now();
    await connectOnce(host, device, purpose, () => times.push(performance.now() - startedAt));
  }
  const [p50, p99] = [percentile(times, 0.5), percentile(times, 0.99)];
  const isStream = purpose === "stream";
  return {
    what: isStream ? "paired handshake with a stream" : "paired handshake, p50",
    wanted: `≤ ${handshakeMsWanted} ms`,
    seen: `${show(p50, 1)} ms (p99 ${show(p99, 1)})`,
    verdict: verdictOf(p50 !== null && p50 <= handshakeMsWanted),
    method:
      `${handshakes} over loopback, from the first packet to Welcome: QUIC and TLS 1.3, the ` +
      `device's proof, the host's verdict${isStream ? ", a source and an encoder at 640x360" : ""}`,
    figures: { p50, p99 },
  };
}

async function connectOnce(
  host: Host,
  device: TestDevice,
  purpose: "probe" | "stream",
  onWelcome: () => void,
): Promise<void> {
  const { answer, connection } = await device.ask(host, {
    purpose: purpose === "probe" ? "probe" : null,
  });
  if (answer.type === "welcome") onWelcome();
  await connection.close("done");
  // The host takes a moment to close what a session had.
  if (answer.type !== "welcome" && !(answer.type === "refuse" && answer.reason === "busy")) {
    throw new Error(`the host answered ${answer.type}`);
  }
}

interface Held {
  readonly megabytes: number;
  readonly files: number;
}

const heldBy = (pid: number): Held => ({
  megabytes: residentBytes(pid) / megabyte,
  files: readdirSync(`/proc/${pid}/fd`).length,
});

async function leakRows(host: Host, device: TestDevice): Promise<Row[]> {
  const pids = { host: host.program.process.pid, client: process.pid };
  const both = () => ({ host: heldBy(pids.host), client: heldBy(pids.client) });
  let welcomes = 0;
  const run = async (count: number) => {
    for (let i = 0; i < count; i++) await connectOnce(host, device, "probe", () => welcomes++);
  };
  await run(settleConnects);
  Bun.gc(true);
  const before = both();
  welcomes = 0;
  const startedAt = performance.now();
  await run(connects);
  const seconds = (performance.now() - startedAt) / 1000;
  Bun.gc(true);
  const isSettled = () => {
    const now = both();
    return now.host.files <= before.host.files && now.client.files <= before.client.files;
  };
  // Sockets close a moment after their sessions.
  await until(isSettled, "the sockets' end", 15_000).catch(() => undefined);
  const after = both();
  const grown = {
    host: after.host.megabytes - before.host.megabytes,
    client: after.client.megabytes - before.client.megabytes,
  };
  const left = {
    host: after.host.files - before.host.files,
    client: after.client.files - before.client.files,
  };
  const method = `${connects} connects in a row after ${settleConnects}, each to Welcome and goodbye`;
  return [
    {
      what: "sockets and files left",
      wanted: "0",
      seen: `host ${left.host}, client ${left.client} (${welcomes} welcomes in ${show(seconds)} s)`,
      verdict: verdictOf(Math.max(left.host, left.client) <= 0),
      method: `${method}; open file descriptors`,
      figures: { host: left.host, client: left.client, welcomes, seconds },
    },
    {
      what: "memory grown",
      wanted: `< ${grownMbMax} MB`,
      seen: `host ${show(grown.host, 1)} MB, client ${show(grown.client, 1)} MB`,
      verdict: verdictOf(Math.max(grown.host, grown.client) < grownMbMax),
      method: `${method}; resident memory after less before`,
      figures: { hostMb: grown.host, clientMb: grown.client },
    },
  ];
}
