/**
 * The data plane for ten minutes: filler at 500 Mbps from one network namespace to another, where
 * the kernel's own filter throws 3% of the packets away. PUNKTFUNK_SOAK_MINUTES shortens it.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type Namespaces, namespacesMissing, withNamespaces } from "../namespaces.ts";
import { type Row, type Section, show, verdictOf } from "./row.ts";
import type { SoakFigures, SoakOrders } from "./soak-end.ts";

const rateKbps = 500_000;
const parityPermille = 200;
const lossPct = 3;
const mediaPort = 9778;
/** Memory is settled after this; from then on it must not grow. */
const settleSeconds = 30;
const grownMbMax = 4;
const megabyte = 1_000_000;

type End = {
  readonly first: SoakFigures;
  readonly settled: SoakFigures;
  readonly last: SoakFigures;
};

export const benchSoak: Section = async (progress) => {
  const minutes = Number(process.env["PUNKTFUNK_SOAK_MINUTES"] ?? 10);
  const missing =
    (await namespacesMissing()) ?? (Bun.which("nft") === null ? "it needs nftables" : undefined);
  if (missing !== undefined) return [absentRow(missing)];
  progress(`${rateKbps / 1000} Mbps with ${lossPct}% loss for ${minutes} minutes`);
  return withNamespaces(async (namespaces) => {
    await loseOnTheWay(namespaces);
    return rowsOf(await soak(namespaces, minutes * 60, progress));
  });
};

/** Random loss of single packets, at the client's end of the cable. */
async function loseOnTheWay({ run }: Namespaces): Promise<void> {
  // Else the cable carries whole trains of packets, and the filter throws trains away.
  await run("host", ["ip", "link", "set", "pf0", "gso_max_segs", "1"]);
  const rules = [
    "add table inet punktfunk",
    "add chain inet punktfunk input { type filter hook input priority 0 ; }",
    `add rule inet punktfunk input udp sport ${mediaPort} numgen random mod 100 < ${lossPct} drop`,
  ];
  for (const rule of rules) await run("client", ["nft", rule]);
}

async function soak(
  { host, client }: Namespaces,
  seconds: number,
  progress: (text: string) => void,
): Promise<{ readonly host: End; readonly client: End; readonly seconds: number }> {
  const orders = {
    port: mediaPort,
    hostAddress: host.address,
    keys: [randomBytes(28).toString("base64"), randomBytes(28).toString("base64")] as const,
    rateKbps,
    parityPermille,
    durationMs: (seconds + 10) * 1000,
  };
  const ends = [
    startEnd(host.prefix, { ...orders, role: "host", address: host.address }),
    startEnd(client.prefix, { ...orders, role: "client", address: client.address }),
  ] as const;
  const started = performance.now();
  try {
    for (let minute = 1; performance.now() - started < seconds * 1000; minute++) {
      const left = seconds * 1000 - (performance.now() - started);
      await Promise.race([Bun.sleep(Math.min(60_000, left)), ...ends.map(({ failed }) => failed)]);
      const newest = ends[1].figures.at(-1);
      const lost = newest?.stage["frames_lost"];
      const memory = show((newest?.residentBytes ?? 0) / megabyte, 1);
      progress(`after ${minute} min: ${lost} frames lost, client ${memory} MB`);
    }
  } finally {
    for (const { child } of ends) child.kill("SIGTERM");
    await Promise.all(ends.map(({ child }) => child.exited));
  }
  const [hostEnd, clientEnd] = ends.map(({ figures }) => endOf(figures)) as [End, End];
  return { host: hostEnd, client: clientEnd, seconds };
}

function startEnd(prefix: readonly string[], orders: SoakOrders) {
  const child = Bun.spawn([...prefix, process.execPath, join(import.meta.dir, "soak-end.ts")], {
    stdin: new Blob([JSON.stringify(orders)]),
    stdout: "pipe",
    stderr: "inherit",
  });
  const figures: SoakFigures[] = [];
  const read = async () => {
    let rest = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      figures.push(...lines.map((line) => JSON.parse(line) as SoakFigures));
    }
    throw new Error(`the ${orders.role} of the soak ended by itself`);
  };
  const failed = read();
  failed.catch(() => {});
  return { child, figures, failed };
}

function endOf(figures: readonly SoakFigures[]): End {
  const first = figures[0];
  const last = figures.at(-1);
  if (first === undefined || last === undefined) throw new Error("an end said nothing");
  return { first, settled: figures[settleSeconds] ?? first, last };
}

function rowsOf(ends: {
  readonly host: End;
  readonly client: End;
  readonly seconds: number;
}): Row[] {
  const { host, client, seconds } = ends;
  const received = client.last.stage;
  const sent = host.last.stage;
  const of = (figures: Readonly<Record<string, number>>, name: string) => figures[name] ?? 0;
  const seconds2 = (client.last.atMs - client.first.atMs) / 1000;
  const mbps =
    ((of(received, "bytes_delivered") - of(client.first.stage, "bytes_delivered")) * 8) /
    seconds2 /
    1e6;
  const packets = of(received, "packets") + of(received, "packets_lost");
  const grown = {
    host: (host.last.residentBytes - host.settled.residentBytes) / megabyte,
    client: (client.last.residentBytes - client.settled.residentBytes) / megabyte,
  };
  const share = (end: End) =>
    (100 * (end.last.processorMs - end.first.processorMs)) / (end.last.atMs - end.first.atMs);
  const method = `${show(seconds / 60, 1)} min at ${rateKbps / 1000} Mbps, ${lossPct}% of the packets dropped by nftables between two network namespaces`;
  return [
    {
      what: "frames lost",
      wanted: "0",
      seen: `${of(received, "frames_lost")} of ${of(received, "frames_seen")}, ${of(received, "frames_recovered")} rebuilt; ${show(mbps)} Mbps delivered`,
      verdict: verdictOf(of(received, "frames_lost") === 0),
      method,
      figures: { ...received, mbps, seconds },
    },
    {
      what: "packets lost",
      wanted: `${lossPct}%`,
      seen: `${show((100 * of(received, "packets_lost")) / packets, 2)}% of ${packets}`,
      verdict: "report",
      method: "as the receiver counts them",
      figures: { packets, packetsLost: of(received, "packets_lost") },
    },
    {
      what: "dropped by the machines",
      wanted: "0",
      seen: `sender ${of(sent, "packets_dropped")}, receiving kernel ${of(client.last.port, "dropped_kernel")}`,
      verdict: verdictOf(
        of(sent, "packets_dropped") === 0 && of(client.last.port, "dropped_kernel") === 0,
      ),
      method: "packets that the sockets refused or threw away (SO_RXQ_OVFL)",
      figures: {
        sendDropped: of(sent, "packets_dropped"),
        kernelDropped: of(client.last.port, "dropped_kernel"),
      },
    },
    {
      what: "memory grown",
      wanted: `< ${grownMbMax} MB`,
      seen: `host ${show(grown.host, 1)} MB, client ${show(grown.client, 1)} MB`,
      verdict: verdictOf(Math.max(grown.host, grown.client) < grownMbMax),
      method: `resident memory at the end less that after ${settleSeconds} s`,
      figures: { hostMb: grown.host, clientMb: grown.client },
    },
    {
      what: "processor",
      wanted: "",
      seen: `host ${show(share(host), 1)}%, client ${show(share(client), 1)}% of a core`,
      verdict: "report",
      method: "user and system time of each process",
      figures: { hostPct: share(host), clientPct: share(client) },
    },
  ];
}

function absentRow(why: string): Row {
  return {
    what: "soak",
    wanted: "0 frames lost",
    seen: why,
    verdict: "absent",
    method: "two network namespaces",
    figures: {},
  };
}
