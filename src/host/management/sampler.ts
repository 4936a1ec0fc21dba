/** Live figures: each second what every session did in the second before. */
import type { Figures, Session } from "../../wire/management.ts";
import { figuresBetween, type LiveSample } from "./live.ts";
import type { ManagedHost, ManagedSession } from "./managed.ts";

const everyMs = 1000;

interface Watched {
  readonly sample: LiveSample | null;
  readonly figures: Figures | null;
}

export class Sampler {
  readonly #host: Pick<ManagedHost, "sessions">;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #onTick: () => void;
  #watched: ReadonlyMap<number, Watched> = new Map();

  /** `onTick` is called after each second in which there are sessions; it must not throw. */
  constructor(host: Pick<ManagedHost, "sessions">, onTick: () => void) {
    this.#host = host;
    this.#onTick = onTick;
    this.#timer = setInterval(() => this.#tick(), everyMs);
    this.#timer.unref();
  }

  sessions(): Session[] {
    return this.#host.sessions().map((session) => {
      const watched = this.#watched.get(session.id);
      return shown(session, watched?.sample ?? session.sample(), watched?.figures ?? null);
    });
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const sessions = this.#host.sessions();
    const before = this.#watched;
    const now = new Date();
    this.#watched = new Map(
      sessions.map((session) => {
        const earlier = before.get(session.id)?.sample ?? null;
        const sample = session.sample();
        const figures =
          earlier === null || sample === null ? null : figuresBetween(earlier, sample, now);
        return [session.id, { sample, figures }];
      }),
    );
    if (sessions.length > 0) this.#onTick();
  }
}

function shown(
  session: ManagedSession,
  sample: LiveSample | null,
  figures: Figures | null,
): Session {
  const { id, purpose, client, device, address, startedAt } = session;
  return {
    id,
    purpose,
    client,
    device: device?.id ?? null,
    level: device?.level ?? null,
    address,
    startedAt: startedAt.toISOString(),
    stream: sample?.stream ?? null,
    figures,
    framesSentTotal: sample?.framesSent ?? 0,
    packetsSentTotal: sample?.packetsSent ?? 0,
    bytesSentTotal: sample?.bytesSent ?? 0,
    packetsDroppedTotal: sample?.packetsDropped ?? 0,
  };
}
