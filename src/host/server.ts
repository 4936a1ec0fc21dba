/** Everybody who is connected: those who wait or pair, and the sessions that run. */
import { PfError } from "../base/errors.ts";
import { millis } from "../base/units.ts";
import type { UdpPort } from "../ffi/media/port.ts";
import type { ControlConnection } from "../transport/connection.ts";
import type { MessageOf } from "../wire/control.ts";
import type { HostOptions } from "./host.ts";
import { type Allowance, initialRate, takeTokens } from "./inject/rate.ts";
import { ProbeSession } from "./probe-session.ts";
import { Reception } from "./reception.ts";
import { refuse } from "./refusal.ts";
import { type Drops, type HostReport, sumOfDrops } from "./report.ts";
import { HostSession } from "./session.ts";
import type { HostSettings } from "./settings.ts";
import type { Standing } from "./trust/standing.ts";
import type { Trust } from "./trust/trust.ts";

export interface ServerOptions {
  readonly host: Pick<
    HostOptions,
    | "name"
    | "app"
    | "pattern"
    | "keyboardLayout"
    | "encoder"
    | "parityPermille"
    | "isParityPinned"
    | "probeRateMax"
    | "onReport"
  >;
  readonly hostId: string;
  readonly port: UdpPort;
  readonly settings: HostSettings;
  readonly trust: Trust;
}

export type Session = HostSession | ProbeSession;

/** Refusals of a flood are counted, not told one by one. */
const refusalAllowance: Allowance = { perSecond: 1, burst: 20 };

export class Server {
  sessionCount = 0;
  refusedCount = 0;
  /** Datagrams that sessions which are over have refused. */
  dropped: Drops = {};
  readonly #options: ServerOptions;
  readonly #ending = new AbortController();
  readonly #reception: Reception;
  readonly #guests = new Map<ControlConnection, Promise<void>>();
  readonly #sessions = new Set<Session>();
  readonly #listeners = new Set<() => void>();
  #refusals = initialRate(refusalAllowance, millis(performance.now()));
  #untold = 0;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#reception = new Reception({
      trust: options.trust,
      ending: this.#ending.signal,
      onReport: (report) => this.#report(report),
    });
    options.settings.subscribe(() => {
      for (const session of this.#sessions) session.followSettings();
    });
  }

  /** Those that run now, the oldest first. */
  sessions(): readonly Session[] {
    return [...this.#sessions];
  }

  /** Calls `listener` whenever a session begins or ends; it must not throw. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Takes a connection that has said hello, until it is closed. */
  serve(connection: ControlConnection, hello: MessageOf<"hello">): void {
    const served = this.#serve(connection, hello).finally(() => this.#guests.delete(connection));
    this.#guests.set(connection, served);
  }

  async stop(reason: "interrupted" | "shutting-down"): Promise<void> {
    this.#ending.abort();
    const message = "The host was stopped.";
    const said = reason === "interrupted" ? "shutting-down" : reason;
    const running = this.sessions().map((session) => session.end(said, message));
    const others = [...this.#guests].flatMap(([connection, served]) => [
      connection.close(said, message),
      served,
    ]);
    await Promise.all([...running, ...others]);
  }

  async #serve(connection: ControlConnection, hello: MessageOf<"hello">): Promise<void> {
    if (this.#ending.signal.aborted) {
      await connection.close("shutting-down", "The host is ending.");
      return;
    }
    const standing = await this.#reception.admit(connection, hello);
    if (standing === undefined) return;
    try {
      await this.#run(connection, hello, standing);
    } finally {
      standing.leave();
    }
  }

  async #run(
    connection: ControlConnection,
    hello: MessageOf<"hello">,
    standing: Standing,
  ): Promise<void> {
    const { host, settings, trust, hostId, port } = this.#options;
    const { sessionsMax, compositor } = settings.current;
    if (this.#sessions.size >= sessionsMax) {
      const words = `The host serves ${sessionsMax} clients already.`;
      const error = new PfError("PF_HOST_BUSY", words);
      await refuse(connection, error, (report) => this.#report(report));
      return;
    }
    const Session = hello.purpose === "probe" ? ProbeSession : HostSession;
    const session = new Session(
      {
        connection,
        standing,
        trust,
        settings: () => settings.current,
        port,
        hostName: host.name,
        hostId,
        encoder: host.encoder,
        parityPermille: host.parityPermille,
        isParityPinned: host.isParityPinned,
        probeRateMax: host.probeRateMax,
        source: {
          wish: compositor,
          app: host.app,
          pattern: host.pattern,
          keyboardLayout: host.keyboardLayout,
        },
        onReport: (report) => this.#report(report),
      },
      hello,
    );
    this.#sessions.add(session);
    this.#changed();
    try {
      await session.run();
    } finally {
      this.#sessions.delete(session);
      this.#changed();
    }
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  #report(report: HostReport): void {
    const { onReport } = this.#options.host;
    if (report.type === "session-started") {
      this.sessionCount++;
      this.#changed();
    }
    if (report.type === "session-ended") this.dropped = sumOfDrops(this.dropped, report.dropped);
    if (report.type !== "refused") return onReport(report);
    this.refusedCount++;
    const now = millis(performance.now());
    const { allowed, state } = takeTokens(refusalAllowance, this.#refusals, { now, cost: 1 });
    this.#refusals = state;
    if (!allowed) {
      this.#untold++;
      return;
    }
    if (this.#untold > 0) {
      const message = `${this.#untold} more connections were refused.`;
      onReport({ type: "note", level: "warn", message });
    }
    this.#untold = 0;
    onReport(report);
  }
}
