/** Whether the clock handshake's bound holds on a path whose two directions differ. */
import { join } from "node:path";
import { withState } from "../loopback.ts";
import { namespacesMissing, withNamespaces } from "../namespaces.ts";
import { Program, startHostProgram } from "../program.ts";
import type { Handshake, HandshakeOrders } from "./latency-handshakes.ts";
import { percentile, type Row, show, verdictOf } from "./row.ts";

const runs = 100;
const abreast = 10;
const delayMs = 20;
const spreadMs = 5;
const what = "clock handshake: truth within the error";
const wanted = `${runs} of ${runs} runs`;

export async function clockRows(progress: (text: string) => void): Promise<Row[]> {
  const missing = await namespacesMissing();
  if (missing !== undefined) {
    return [{ what, wanted, seen: missing, verdict: "absent", method: "", figures: {} }];
  }
  progress(`${runs} clock handshakes over ${delayMs} ± ${spreadMs} ms each way`);
  return [rowOf(await shakeHands())];
}

function shakeHands(): Promise<Handshake[]> {
  return withState((folder) =>
    withNamespaces(async ({ host: { prefix, address }, client }) => {
      const serve = ["--source", "synthetic", "--max-sessions", String(2 * abreast)];
      const host = await startHostProgram(folder, serve, { prefix });
      try {
        const orders: HandshakeOrders = {
          host: { address, port: host.port, fingerprint: host.fingerprint },
          address: client.address,
          runs,
          abreast,
          delayMs,
          spreadMs,
        };
        const shaker = new Program([JSON.stringify(orders)], {
          home: join(folder, "client"),
          prefix: client.prefix,
          command: [process.execPath, join(import.meta.dir, "latency-handshakes.ts")],
        });
        if ((await shaker.exited) !== 0) throw new Error(await shaker.words);
        return shaker.lines as unknown as Handshake[];
      } finally {
        await host.program.end();
      }
    }),
  );
}

function rowOf(handshakes: readonly Handshake[]): Row {
  const right = handshakes.filter(
    ({ wrongNs, errorNs, isSuspect }) => Math.abs(wrongNs) <= errorNs && !isSuspect,
  );
  const ms = (ns: number | null) => (ns === null ? null : ns / 1e6);
  const wrong = handshakes.map(({ wrongNs }) => Math.abs(wrongNs));
  const wrongP50 = ms(percentile(wrong, 0.5));
  const wrongMax = ms(percentile(wrong, 1));
  const errorP50 = ms(
    percentile(
      handshakes.map(({ errorNs }) => errorNs),
      0.5,
    ),
  );
  const rttP50 = ms(
    percentile(
      handshakes.map(({ rttNs }) => rttNs),
      0.5,
    ),
  );
  return {
    what,
    wanted,
    seen:
      `${right.length} of ${handshakes.length}; off by p50 ${show(wrongP50, 2)} ms, at most ` +
      `${show(wrongMax, 2)} ms; told ± ${show(errorP50, 2)} ms of ${show(rttP50, 2)} ms round trip`,
    verdict: verdictOf(right.length === runs),
    method:
      `8 rounds over QUIC, ${runs} connections, two network namespaces; a link delays each ` +
      `direction by its own ${delayMs} ± ${spreadMs} ms; clocks up to an hour apart`,
    figures: { runs: handshakes.length, right: right.length, wrongP50, wrongMax, errorP50, rttP50 },
  };
}
