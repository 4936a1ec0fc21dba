/** The host program: its ports, its identity, and the sessions of the clients that connect. */
import { PfError } from "../base/errors.ts";
import type { Kbps, PerMille } from "../base/units.ts";
import { EventQueue } from "../ffi/core/core.ts";
import { UdpPort } from "../ffi/media/port.ts";
import type { SourcePattern } from "../ffi/source/source.ts";
import type { ControlConnection } from "../transport/connection.ts";
import type { MessageOf } from "../wire/control.ts";
import { ControlListener } from "./control/listener.ts";
import { resolveSource, type SourceWish } from "./displays/prepare.ts";
import { encoderCandidates } from "./policy/codec.ts";
import { ProbeSession } from "./probe-session.ts";
import { type Drops, dropsOf, type HostReport, sumOfDrops } from "./report.ts";
import { HostSession } from "./session.ts";
import { loadHostIdentity } from "./trust/identity.ts";

export interface HostOptions {
  /** UDP ports; 0 = any free one. */
  readonly port: number;
  readonly mediaPort: number;
  /** The name that clients see. */
  readonly name: string;
  readonly source: SourceWish;
  /** What runs in a desktop of the host's own; undefined = a terminal. */
  readonly app: string | undefined;
  readonly pattern: SourcePattern;
  /** auto, a family (nvenc, vaapi, software) or one of libavcodec's names. */
  readonly encoder: string;
  /** What a session starts with. */
  readonly parityPermille: PerMille;
  /** The share stays; else it adapts to what clients report. */
  readonly isParityPinned: boolean;
  /** The fastest burst of a speed test. */
  readonly probeRateMax: Kbps;
  /** Clients at once. */
  readonly sessionsMax: number;
  readonly onReport: (report: HostReport) => void;
}

export interface Host {
  readonly port: number;
  readonly mediaPort: number;
  readonly fingerprint: string;
  /** The media port's counters, by name. */
  counters(): Record<string, number>;
  /** Says goodbye to every client and closes everything. */
  stop(reason: "interrupted" | "shutting-down"): Promise<void>;
  /** Resolves when everything is closed. */
  readonly closed: Promise<void>;
}

/** Opens the ports and serves until `stop`. Throws PF_PORT_TAKEN, PF_ENCODER_MISSING and others. */
export async function startHost(options: HostOptions): Promise<Host> {
  // What can't work is better known now than when the first client comes.
  encoderCandidates(["h264", "hevc", "av1"], options.encoder);
  await resolveSource({ wish: options.source, app: options.app, pattern: options.pattern });
  const identity = await loadHostIdentity();
  const events = new EventQueue();
  const listening = events.listen((event) => {
    if (event.kind === "note") {
      options.onReport({ type: "note", level: "warn", message: event.text });
    }
  });
  const server = new Server(options, identity.hostId);
  const closers: (() => void | Promise<void>)[] = [
    async () => {
      await events.close();
      await listening;
    },
  ];
  const closeAll = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    const media = new UdpPort({ address: "::", port: options.mediaPort, events, stage: 0 });
    closers.push(() => media.close());
    media.start();
    const listener = await ControlListener.open({
      port: options.port,
      certificatePem: identity.certificatePem,
      privateKey: identity.privateKey,
      onConnection: (connection, hello) => server.serve(connection, hello, media),
    });
    closers.push(() => listener.close());
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    const startedAt = performance.now();
    const ready = {
      port: listener.port,
      mediaPort: media.port,
      fingerprint: identity.fingerprint,
    };
    options.onReport({
      type: "ready",
      name: options.name,
      ...ready,
      mgmtPort: null,
      pair: "optional",
    });
    let stopping = false;
    return {
      ...ready,
      closed,
      counters: () => media.counters.snapshot(),
      stop: async (reason) => {
        if (stopping) return closed;
        stopping = true;
        await server.stop(reason);
        const dropped = sumOfDrops(dropsOf(media.counters.snapshot()), server.dropped);
        await closeAll();
        options.onReport({
          type: "summary",
          sessions: server.sessionCount,
          refused: server.refusedCount,
          durationMs: Math.round(performance.now() - startedAt),
          dropped,
        });
        resolve();
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** The sessions that are running. */
class Server {
  sessionCount = 0;
  refusedCount = 0;
  /** Datagrams that sessions which are over have refused. */
  dropped: Drops = {};
  readonly #options: HostOptions;
  readonly #hostId: string;
  readonly #running = new Map<HostSession | ProbeSession, Promise<void>>();
  #stopping = false;

  constructor(options: HostOptions, hostId: string) {
    this.#options = options;
    this.#hostId = hostId;
  }

  serve(connection: ControlConnection, hello: MessageOf<"hello">, port: UdpPort): void {
    const { name, source, app, pattern, encoder, sessionsMax } = this.#options;
    const { parityPermille, isParityPinned, probeRateMax } = this.#options;
    if (this.#stopping) {
      void connection.close("shutting-down", "The host is ending.");
      return;
    }
    if (this.#running.size >= sessionsMax) {
      void this.#refuseBusy(connection);
      return;
    }
    const Session = hello.purpose === "probe" ? ProbeSession : HostSession;
    const session = new Session(
      {
        connection,
        port,
        hostName: name,
        hostId: this.#hostId,
        encoder,
        parityPermille,
        isParityPinned,
        probeRateMax,
        source: { wish: source, app, pattern },
        onReport: (report) => {
          if (report.type === "session-started") this.sessionCount++;
          if (report.type === "refused") this.refusedCount++;
          if (report.type === "session-ended") {
            this.dropped = sumOfDrops(this.dropped, report.dropped);
          }
          this.#options.onReport(report);
        },
      },
      hello,
    );
    this.#running.set(
      session,
      session.run().finally(() => this.#running.delete(session)),
    );
  }

  async stop(reason: "interrupted" | "shutting-down"): Promise<void> {
    this.#stopping = true;
    const message = "The host was stopped.";
    const ending = [...this.#running].flatMap(([session, done]) => [
      session.end(reason === "interrupted" ? "shutting-down" : reason, message),
      done,
    ]);
    await Promise.all(ending);
  }

  async #refuseBusy(connection: ControlConnection): Promise<void> {
    const count = this.#options.sessionsMax;
    const error = new PfError("PF_HOST_BUSY", `The host serves ${count} clients already.`);
    this.refusedCount++;
    this.#options.onReport({
      type: "refused",
      address: connection.peer.address,
      reason: error.code,
      message: error.message,
    });
    connection.send({ type: "refuse", reason: "busy", message: error.message, detail: null });
    await connection.close("busy", error.message);
  }
}
