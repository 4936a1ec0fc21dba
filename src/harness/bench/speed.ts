/** The speed test at 2 Gbps between two network namespaces: what the wire and the sockets drop. */
import { join } from "node:path";
import { withState } from "../loopback.ts";
import { namespacesMissing, withNamespaces } from "../namespaces.ts";
import { type JsonLine, Program, startHostProgram } from "../program.ts";
import { type Row, type Section, verdictOf } from "./row.ts";

const rate = "2G";
const length = "5s";
const how = `speed-test --rate ${rate} --for ${length}, two processes over a veth pair`;

export const benchSpeed: Section = async (progress) => {
  const what = `${rate} for ${length}: packets lost, dropped`;
  const missing = await namespacesMissing();
  if (missing !== undefined) {
    return [{ what, wanted: "0, 0", seen: missing, verdict: "absent", method: how, figures: {} }];
  }
  progress(how);
  const fixed = await overVeth(["--rate", rate, "--for", length]);
  progress("speed-test without a rate, over the same");
  const found = await overVeth([]);
  return [fixedRow(what, fixed), foundRow(found)];
};

interface Summary extends JsonLine {
  readonly throughputKbps: number | null;
  readonly durationMs: number;
  readonly limitedBy: string;
  readonly jitterUs: number | null;
  readonly packets: { readonly sent: number; readonly lost: number };
  readonly frames: { readonly sent: number; readonly offered: number; readonly lost: number };
  readonly drops: Readonly<Record<string, number>>;
}

function overVeth(args: readonly string[]): Promise<Summary> {
  return withState((folder) =>
    withNamespaces(async ({ host: { prefix, address }, client }) => {
      const serve = ["--source", "synthetic"];
      const host = await startHostProgram(folder, serve, { prefix });
      try {
        const where = [`${address}:${host.port}`, "--fingerprint", host.fingerprint];
        const tester = new Program(["speed-test", ...where, "--json", ...args], {
          home: join(folder, "client"),
          prefix: client.prefix,
        });
        await tester.exited;
        const last = tester.lines.at(-1);
        if (last?.type !== "summary") throw new Error(await tester.words);
        return last as Summary;
      } finally {
        await host.program.end();
      }
    }),
  );
}

function fixedRow(what: string, summary: Summary): Row {
  const { packets, drops, frames, throughputKbps } = summary;
  const dropped = Object.values(drops).reduce((sum, count) => sum + count, 0);
  const gbps = ((throughputKbps ?? 0) / 1e6).toFixed(2);
  return {
    what,
    wanted: "0, 0",
    seen: `${packets.lost}, ${dropped} of ${packets.sent}; ${gbps} Gbps of frames came`,
    verdict: verdictOf(packets.lost === 0 && dropped === 0 && frames.sent === frames.offered),
    method: how,
    figures: {
      packetsSent: packets.sent,
      packetsLost: packets.lost,
      packetsDropped: dropped,
      framesSkipped: frames.offered - frames.sent,
      throughputKbps,
      jitterUs: summary.jitterUs,
    },
  };
}

function foundRow(summary: Summary): Row {
  const { throughputKbps, limitedBy } = summary;
  return {
    what: "the rate that a ramp finds",
    wanted: "",
    seen: `${((throughputKbps ?? 0) / 1e6).toFixed(2)} Gbps, limited by ${limitedBy}`,
    verdict: "report",
    method: "speed-test without --rate, two processes over a veth pair",
    figures: { throughputKbps, packetsLost: summary.packets.lost },
  };
}
