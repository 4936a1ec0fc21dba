/**
 * Speed tests on a session: asks the host for bursts of filler, and counts what comes through a
 * receiver of their own. What the session streams stands still meanwhile.
 */
import { PfError } from "../base/errors.ts";
import type { Kbps, Millis } from "../base/units.ts";
import type { MediaSession, UdpPort } from "../ffi/media/port.ts";
import { MeterStage } from "../ffi/media/probe.ts";
import { ReceiveStage } from "../ffi/media/receive.ts";
import { closeErrorAlways } from "../transport/close-reason.ts";
import type { ControlConnection } from "../transport/connection.ts";
import type { Message, MessageOf } from "../wire/control.ts";
import { type Burst, type BurstCounts, burstOf, percent } from "./policy/burst.ts";

export interface ClientProbeOptions {
  readonly connection: ControlConnection;
  readonly welcome: MessageOf<"welcome">;
  readonly port: UdpPort;
  readonly session: MediaSession;
}

export interface BurstRequest {
  readonly rate: Kbps;
  readonly duration: Millis;
}

/** A burst while it runs. */
export interface BurstProgress {
  readonly targetKbps: number;
  readonly elapsedMs: number;
  /** Of the last interval. */
  readonly throughputKbps: number;
  /** Of packets, since the burst began; as far as gaps tell. */
  readonly lossPct: number | null;
  readonly jitterUs: number | null;
}

/** A host that knows the request answers at once. */
const startedMsMax = 3000;
/** Beyond the burst's length: the host may wait for our first media packet, and then drain. */
const resultMsMore = 6000;
const progressIntervalMs = 200;
/** When nothing has come for this long, nothing is on its way any more. */
const quietMs = 100;
const drainMsMax = 1000;
const drainPollMs = 5;
/**
 * A path that loses more than this has shown what it carries. To go on would only starve the
 * control plane, until the ends think each other dead.
 */
const hopelessLossPct = 50;
const hopelessAfterMs = 500;

export class ClientProbe {
  readonly #options: ClientProbeOptions;
  readonly #meter = new MeterStage();
  readonly #receive: ReceiveStage;
  #id = 0;
  #answers:
    | {
        readonly started: Answer<MessageOf<"probeStarted">>;
        readonly result: Answer<MessageOf<"probeResult">>;
      }
    | undefined;
  #closed = false;

  constructor(options: ClientProbeOptions) {
    const { session, welcome } = options;
    this.#options = options;
    this.#receive = new ReceiveStage({
      session,
      sink: this.#meter.sink(),
      frameBytesMax: welcome.frameBytesMax,
      framesInFlightMax: welcome.framesInFlightMax,
      shardBytesMax: welcome.shardBytesMax,
      lossWindowMs: welcome.lossWindowMs,
      stallMs: welcome.stallMs,
      plane: "probe",
    });
  }

  /** Takes a message of the host; others than those of a speed test are none of its business. */
  take(message: Message): void {
    if (message.type === "probeStarted") this.#answers?.started.take(message);
    else if (message.type === "probeResult") this.#answers?.result.take(message);
  }

  /** One burst. Throws when the host does not answer, or the connection ends. */
  async burst(
    request: BurstRequest,
    onProgress: (progress: BurstProgress) => void = () => {},
  ): Promise<Burst> {
    this.#throwIfClosed();
    const id = ++this.#id;
    const { connection } = this.#options;
    const answers = {
      started: new Answer<MessageOf<"probeStarted">>(connection, id),
      result: new Answer<MessageOf<"probeResult">>(connection, id),
    };
    this.#answers = answers;
    const before = this.#counts();
    this.#meter.begin();
    connection.send({
      type: "probeRequest",
      id,
      rateKbps: request.rate,
      durationMs: request.duration,
    });
    const started = await answers.started.within(startedMsMax, tooOld);
    const watch = this.#watch(started, before, onProgress);
    const late = Math.min(started.durationMs, request.duration) + resultMsMore;
    const result = await answers.result.within(late, silent).finally(() => clearInterval(watch));
    if (result.ended === "no-path") throw noPath(this.#options.welcome.mediaPort);
    await this.#drain(before.packets + result.packetsSent);
    this.#throwIfClosed();
    return burstOf(started, result, since(before, this.#counts()));
  }

  /** The host's stream goes on. Idempotent; before the session is closed. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.connection.send({ type: "probeStop", id: this.#id });
    this.#receive.close();
    this.#meter.close();
  }

  /** Tells how a burst goes, and ends one that is hopeless. */
  #watch(
    started: MessageOf<"probeStarted">,
    before: BurstCounts,
    onProgress: (progress: BurstProgress) => void,
  ): ReturnType<typeof setInterval> {
    const beganAt = performance.now();
    const lostBefore = this.#receive.counters.get("packets_lost");
    let [earlierAt, earlierBytes] = [beganAt, before.frameBytes];
    return setInterval(() => {
      if (this.#closed) return;
      const now = performance.now();
      const counts = this.#counts();
      const grown = since(before, counts);
      const lost = this.#receive.counters.get("packets_lost") - lostBefore;
      const lossPct = percent(lost, lost + grown.packets);
      const elapsedMs = Math.round(now - beganAt);
      onProgress({
        targetKbps: started.rateKbps,
        elapsedMs,
        throughputKbps: Math.round(((counts.frameBytes - earlierBytes) * 8) / (now - earlierAt)),
        lossPct,
        jitterUs: grown.frames < 2 ? null : Math.round(grown.jitterNs / 1000),
      });
      [earlierAt, earlierBytes] = [now, counts.frameBytes];
      if (elapsedMs >= hopelessAfterMs && (lossPct ?? 0) > hopelessLossPct) {
        this.#options.connection.send({ type: "probeStop", id: started.id });
      }
    }, progressIntervalMs);
  }

  /** Waits until everything that was sent has come, or nothing comes any more. */
  async #drain(packets: number): Promise<void> {
    const beganAt = performance.now();
    let [seen, seenAt] = [-1, beganAt];
    while (!this.#closed) {
      const [now, count] = [performance.now(), this.#receive.counters.get("packets")];
      if (count >= packets || now - beganAt > drainMsMax) return;
      if (count !== seen) [seen, seenAt] = [count, now];
      else if (now - seenAt > quietMs) return;
      await Bun.sleep(drainPollMs);
    }
  }

  #throwIfClosed(): void {
    if (this.#closed) throw new PfError("PF_PEER_LOST", "The session ended during the speed test.");
  }

  #counts(): BurstCounts {
    const { port, session } = this.#options;
    const receive = this.#receive.counters;
    const meter = this.#meter.counters;
    const refused =
      session.counters.get("dropped_header") + session.counters.get("dropped_authentication");
    const unusable = receive.get("dropped_bounds") + receive.get("dropped_ahead");
    return {
      packets: receive.get("packets"),
      packetsDisordered: session.counters.get("packets_disordered"),
      packetsLate: receive.get("packets_late"),
      frames: meter.get("frames"),
      frameBytes: meter.get("frame_bytes"),
      framesRecovered: receive.get("frames_recovered"),
      firstNs: meter.get("first_ns"),
      lastNs: meter.get("last_ns"),
      firstBytes: meter.get("first_bytes"),
      jitterNs: meter.get("jitter_ns"),
      kernelDrops: port.counters.get("dropped_kernel"),
      clientDrops: refused + unusable,
    };
  }
}

/** A message of the host that belongs to one burst; it may come before it is waited for. */
class Answer<Kind extends { readonly id: number }> {
  readonly #id: number;
  readonly #came = Promise.withResolvers<Kind>();

  constructor(connection: ControlConnection, id: number) {
    this.#id = id;
    // Who waits hears of the end; nobody may.
    this.#came.promise.catch(() => {});
    void connection.closed.then((close) => this.#came.reject(closeErrorAlways(close)));
  }

  take(message: Kind): void {
    if (message.id === this.#id) this.#came.resolve(message);
  }

  async within(timeoutMs: number, late: () => PfError): Promise<Kind> {
    const timer = setTimeout(() => this.#came.reject(late()), timeoutMs);
    try {
      return await this.#came.promise;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** What grew; the gauges of a burst are of now. */
function since(before: BurstCounts, now: BurstCounts): BurstCounts {
  return {
    ...now,
    packets: now.packets - before.packets,
    packetsDisordered: now.packetsDisordered - before.packetsDisordered,
    packetsLate: now.packetsLate - before.packetsLate,
    frames: now.frames - before.frames,
    frameBytes: now.frameBytes - before.frameBytes,
    framesRecovered: now.framesRecovered - before.framesRecovered,
    kernelDrops: now.kernelDrops - before.kernelDrops,
    clientDrops: now.clientDrops - before.clientDrops,
  };
}

const tooOld = () =>
  new PfError("PF_PROTOCOL_VERSION", "The host does not know speed tests.", {
    hint: "Install the same version of punktfunk on both machines.",
  });

const silent = () =>
  new PfError("PF_PEER_LOST", "The host did not say what became of the speed test.", {
    hint: "Try again with a lower --rate.",
  });

const noPath = (port: number) =>
  new PfError("PF_HOST_UNREACHABLE", "No media packet of ours came to the host.", {
    hint: `A firewall may block UDP port ${port} of the host.`,
  });
