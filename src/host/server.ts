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
import { clientName, HostSession } from "./session.ts";
import type { HostSettings } from "./settings.ts";
import type { Standing } from "./trust/standing.ts";
import type { Trust } from "./trust/trust.ts";
import { WaitingLine } from "./waiting-line.ts";

export interface ServerOptions {
  readonly host: Pick<
    HostOptions,
    | "name"
    | "app"
    | "pattern"
    | "keyboardLayout"
    | "sound"
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
  readonly #line: WaitingLine;
  #refusals = initialRate(refusalAllowance, millis(performance.now()));
  #untold = 0;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#reception = new Reception({
      trust: options.trust,
      ending: this.#ending.signal,
      onReport: (report) => this.#report(report),
    });
    this.#line = new WaitingLine(() => options.settings.current.sessionsMax);
    options.settings.subscribe(() => {
      this.#line.advance();
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
    const refusal = await this.#takePlace(connection, hello);
    if (refusal !== undefined) {
      if (connection.isOpen) await refuse(connection, refusal, (report) => this.#report(report));
      return;
    }
    try {
      await this.#serveSession(connection, hello, standing);
    } finally {
      this.#line.leave();
    }
  }

  /** A place among the clients that are served; why there is none, if so. */
  async #takePlace(
    connection: ControlConnection,
    hello: MessageOf<"hello">,
  ): Promise<PfError | undefined> {
    if (this.#line.enter()) return undefined;
    const { sessionsMax } = this.#options.settings.current;
    const busy = `The host serves ${sessionsMax} clients already`;
    const hint = "connect --wait waits for a place.";
    if (hello.waits !== true) return new PfError("PF_HOST_BUSY", `${busy}.`, { hint });
    const message = `${clientName(hello)} (${connection.peer.address}) waits for a place.`;
    this.#report({ type: "note", level: "info", message });
    const admission = await this.#line.wait(connection, this.#ending.signal);
    if (admission === "admitted") return undefined;
    const why = admission === "full" ? "and too many wait for a place" : "and none left in time";
    return new PfError("PF_HOST_BUSY", `${busy}, ${why}.`);
  }

  async #serveSession(
    connection: ControlConnection,
    hello: MessageOf<"hello">,
    standing: Standing,
  ): Promise<void> {
    if (!connection.isOpen) return;
    const { host, settings, trust, hostId, port } = this.#options;
    const { compositor } = settings.current;
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
        sound: host.sound,
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
