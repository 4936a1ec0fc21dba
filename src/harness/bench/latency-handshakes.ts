/**
 * The client's end of `bench latency`'s clock handshakes, as a process of its own in a namespace:
 * its orders as JSON in its argument, a JSON line a handshake on stdout. Each handshake is a control
 * connection of its own to the host, through an impaired link of its own, whose two directions
 * delay by different times.
 *
 * Both ends read one CLOCK_MONOTONIC, so the client's is set wrong here by a time that only the
 * check knows: the offset that a handshake has to find.
 */
import { SeededRandom } from "../../base/random.ts";
import { ClockSync } from "../../client/control/clock.ts";
import { connectControl } from "../../client/control/connect.ts";
import { greetHost } from "../../client/control/reach.ts";
import { loadDeviceKey } from "../../client/trust/device.ts";
import { nowNs } from "../../ffi/core/core.ts";
import { parseMode } from "../../wire/mode.ts";
import { ImpairedLink } from "../link.ts";

export interface HandshakeOrders {
  readonly host: { readonly address: string; readonly port: number; readonly fingerprint: string };
  /** Of this end. */
  readonly address: string;
  readonly runs: number;
  /** Handshakes at a time. */
  readonly abreast: number;
  /** Each direction's delay lies within `delayMs` ± `spreadMs`. */
  readonly delayMs: number;
  readonly spreadMs: number;
}

export interface Handshake {
  readonly type: "handshake";
  /** What the estimate was wrong by, what it said it could be, and the least round trip. */
  readonly wrongNs: number;
  readonly errorNs: number;
  readonly rttNs: number;
  readonly isSuspect: boolean;
}

/** A client's clock is wrong by up to this. */
const aheadMsMax = 3_600_000;

async function shake(orders: HandshakeOrders, run: number): Promise<Handshake> {
  const { host, address, delayMs, spreadMs } = orders;
  const random = new SeededRandom(1000 + run);
  const impairment = () => {
    // What a direction always takes, and within what is left of the range what it takes at times.
    const constant = random.unit() * 2 * spreadMs;
    const jitterMs = random.unit() * (2 * spreadMs - constant);
    return { delayMs: delayMs - spreadMs + constant, jitterMs };
  };
  const aheadNs = BigInt(random.below(2 * aheadMsMax) - aheadMsMax) * 1_000_000n;
  const link = await ImpairedLink.open({
    target: { host: host.address, port: host.port },
    up: impairment(),
    down: impairment(),
    seed: run,
    address,
  });
  try {
    const connection = await connectControl({
      host: address,
      port: link.port,
      verify: async (fingerprint) => {
        if (fingerprint !== host.fingerprint) throw new Error("this is another host");
      },
    });
    try {
      const wish = { codecs: ["h264"], bitrateKbps: null, fecPermille: null } as const;
      const mode = parseMode("320x180@30");
      await greetHost(connection, { ...wish, mode, purpose: "probe", waits: false });
      const clock = new ClockSync({
        send: (probe) => connection.send(probe),
        nowNs: () => nowNs() + aheadNs,
      });
      connection.onMessage((message) => {
        if (message.type === "clockEcho") clock.take(message);
      });
      connection.send({ type: "start" });
      const estimate = await clock.synchronise();
      if (estimate === null) throw new Error("no round was answered");
      const { offsetNs, errorNs, rttNs, isSuspect } = estimate;
      return {
        type: "handshake",
        wrongNs: Number(offsetNs - aheadNs),
        errorNs: Number(errorNs),
        rttNs: Number(rttNs),
        isSuspect,
      };
    } finally {
      await connection.close("done");
    }
  } finally {
    await link.close();
  }
}

if (import.meta.main) {
  const orders = JSON.parse(process.argv[2] ?? "") as HandshakeOrders;
  // Made once, not by all of them at once.
  await loadDeviceKey();
  let next = 0;
  const shakeInTurn = async () => {
    while (next < orders.runs) console.log(JSON.stringify(await shake(orders, next++)));
  };
  await Promise.all(Array.from({ length: orders.abreast }, shakeInTurn));
  process.exit(0);
}
