/** The host as its management API sees it (management/managed.ts). */
import manifest from "../../package.json" with { type: "json" };
import { PfError } from "../base/errors.ts";
import type * as api from "../wire/management.ts";
import { recentOffers } from "./displays/all.ts";
import { resolveSource, type SourceSettings } from "./displays/prepare.ts";
import type { ManagedHost, ManagedSession, SpeedTestWatch, Topic } from "./management/managed.ts";
import type { Server, Session } from "./server.ts";
import { HostSession } from "./session.ts";
import type { HostSettings } from "./settings.ts";
import type { Trust, TrustEvent } from "./trust/trust.ts";

export interface ManagedHostParts {
  readonly server: Server;
  readonly settings: HostSettings;
  readonly trust: Trust;
  readonly source: Omit<SourceSettings, "wish">;
  /** What does not change while the host runs. */
  readonly facts: Pick<api.Status, "name" | "hostId" | "fingerprint" | "controlPort" | "mediaPort">;
}

const topics: Record<TrustEvent["topic"], Topic> = {
  device: "devices",
  connected: "devices",
  waiting: "pending",
  pairing: "pairing",
};

export class RunningHost implements ManagedHost {
  readonly trust: Trust;
  readonly #parts: ManagedHostParts;
  readonly #startedAt = new Date();

  constructor(parts: ManagedHostParts) {
    this.trust = parts.trust;
    this.#parts = parts;
  }

  status(): ReturnType<ManagedHost["status"]> {
    const { server, trust, facts } = this.#parts;
    return {
      ...facts,
      version: manifest.version,
      startedAt: this.#startedAt.toISOString(),
      pair: trust.mode === "open" ? "optional" : "required",
      sessionsTotal: server.sessionCount,
      refusedTotal: server.refusedCount,
    };
  }

  sessions(): readonly ManagedSession[] {
    return this.#parts.server.sessions().map(managed);
  }

  kick(id: number): boolean {
    const session = this.#session(id);
    if (session === undefined) return false;
    void session.end("kicked", "The host's operator ended the session.");
    return true;
  }

  async displays(): Promise<readonly api.ManagedDisplay[]> {
    const offers = await recentOffers();
    return offers.map(({ kind, ok, isRunning, version, why }) => ({
      kind,
      ok,
      running: isRunning,
      version,
      why,
    }));
  }

  settings(): api.Settings {
    return this.#parts.settings.current;
  }

  async changeSettings(change: api.SettingsChange): Promise<api.Settings> {
    const { settings, source } = this.#parts;
    // What can't work is better known now than when the next client comes.
    if (change.compositor !== undefined) {
      await resolveSource({ ...source, wish: change.compositor });
    }
    return settings.change(change);
  }

  async testSpeed(
    request: api.SpeedTestRequest,
    watch: SpeedTestWatch,
    signal: AbortSignal,
  ): Promise<NonNullable<api.SpeedTest["result"]>> {
    const session = this.#session(request.session);
    if (session instanceof HostSession) return session.testSpeed(request, watch, signal);
    const words =
      session === undefined
        ? `There is no session ${request.session}.`
        : "That client only tests its own speed.";
    throw new PfError("PF_USAGE", words, { hint: "Choose a session that streams." });
  }

  subscribe(listener: (topic: Topic) => void): () => void {
    const { server, settings, trust } = this.#parts;
    const stops = [
      server.subscribe(() => listener("sessions")),
      settings.subscribe(() => listener("settings")),
      trust.subscribe(({ topic }) => listener(topics[topic])),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  #session(id: number): Session | undefined {
    return this.#parts.server.sessions().find(({ tag }) => tag === id);
  }
}

function managed(session: Session): ManagedSession {
  const { tag, purpose, client, address, startedAt, standing } = session;
  const { device } = standing;
  return {
    id: tag,
    purpose,
    client,
    address,
    startedAt,
    device: device === null ? null : { id: device.id, level: device.level },
    sample: () => session.sample(),
  };
}
