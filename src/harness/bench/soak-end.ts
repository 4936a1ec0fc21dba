/**
 * One end of the soak as a process of its own: its orders as JSON on stdin, its figures as a JSON
 * line a second on stdout until it is told to end (SIGTERM). The host pushes frames of filler at a
 * steady rate through the whole sending path, as video; the client opens, rebuilds and measures.
 */
import { kbps, millis, perMille } from "../../base/units.ts";
import { EventQueue } from "../../ffi/core/core.ts";
import { MediaSession, UdpPort } from "../../ffi/media/port.ts";
import { FillerStage, MeterStage } from "../../ffi/media/probe.ts";
import { ReceiveStage } from "../../ffi/media/receive.ts";
import { SendStage } from "../../ffi/media/send.ts";
import { parityTable } from "../../host/policy/parity.ts";
import { limit } from "../../wire/limits.ts";
import { residentBytes } from "../processes.ts";

export interface SoakOrders {
  readonly role: "host" | "client";
  readonly address: string;
  readonly port: number;
  /** Client: the host's address; its port is `port`. */
  readonly hostAddress: string;
  /** 28 bytes of key and salt a direction, base64: host to client, client to host. */
  readonly keys: readonly [string, string];
  readonly rateKbps: number;
  readonly parityPermille: number;
  readonly durationMs: number;
}

export interface SoakFigures {
  readonly role: "host" | "client";
  readonly atMs: number;
  readonly residentBytes: number;
  /** User and system time of the process. */
  readonly processorMs: number;
  readonly port: Readonly<Record<string, number>>;
  /** The sender's or the receiver's counters. */
  readonly stage: Readonly<Record<string, number>>;
}

const frameBytesMax = 4_194_304;
const fillerStage = 1;
const tag = 1;

function mediaKey(text: string) {
  const bytes = Uint8Array.from(Buffer.from(text, "base64"));
  return { key: bytes.subarray(0, 16), salt: bytes.subarray(16, 28) };
}

function openSession(orders: SoakOrders, port: UdpPort): MediaSession {
  const [down, up] = orders.keys.map(mediaKey) as [
    ReturnType<typeof mediaKey>,
    ReturnType<typeof mediaKey>,
  ];
  return orders.role === "host"
    ? new MediaSession({ port, tag, role: "host", send: down, receive: up })
    : new MediaSession({
        port,
        tag,
        role: "client",
        send: up,
        receive: down,
        peer: { address: orders.hostAddress, port: orders.port },
      });
}

function openHost(orders: SoakOrders, session: MediaSession) {
  const rate = kbps(orders.rateKbps);
  const share = perMille(orders.parityPermille);
  const send = new SendStage({
    session,
    frameBytesMax,
    shardBytesMax: limit("shard_bytes_max"),
    bitrateKbps: rate,
    parityPermille: share,
    parityTable: parityTable(share),
  });
  const filler = new FillerStage({
    session,
    sink: send.sink(),
    frameBytesMax,
    events: new EventQueue(),
    stage: fillerStage,
  });
  send.start();
  filler.start();
  filler.begin(rate, millis(orders.durationMs));
  return () => send.counters.snapshot();
}

function openClient(session: MediaSession) {
  const meter = new MeterStage();
  const receive = new ReceiveStage({
    session,
    sink: meter.sink(),
    frameBytesMax,
    framesInFlightMax: limit("frames_in_flight_max"),
    shardBytesMax: limit("shard_bytes_max"),
    lossWindowMs: limit("loss_window_ms"),
    stallMs: limit("stall_ms"),
  });
  return () => ({ ...receive.counters.snapshot(), jitter_ns: meter.counters.get("jitter_ns") });
}

if (import.meta.main) {
  const orders = (await Bun.stdin.json()) as SoakOrders;
  const port = new UdpPort({
    address: orders.address,
    port: orders.role === "host" ? orders.port : 0,
  });
  const session = openSession(orders, port);
  const stage = orders.role === "host" ? openHost(orders, session) : openClient(session);
  port.start();
  setInterval(() => {
    const { user, system } = process.cpuUsage();
    const figures: SoakFigures = {
      role: orders.role,
      atMs: performance.now(),
      residentBytes: residentBytes(process.pid),
      processorMs: (user + system) / 1000,
      port: port.counters.snapshot(),
      stage: stage(),
    };
    console.log(JSON.stringify(figures));
  }, 1000);
  process.on("SIGTERM", () => process.exit(0));
}
