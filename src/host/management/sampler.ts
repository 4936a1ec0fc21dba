/** Live figures: each second what every session did in the second before. */
import { RecentSamples } from "../../base/recent.ts";
import type { Figures, Session, Why } from "../../wire/management.ts";
import { figuresBetween, type LiveSample } from "./live.ts";
import type { ManagedHost, ManagedSession } from "./managed.ts";
import { whyOf } from "./why.ts";

const everyMs = 1000;

interface Watched {
  readonly sample: LiveSample | null;
  readonly figures: Figures | null;
  readonly recent: RecentSamples<LiveSample>;
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

  /** undefined: there is no such session; null: it has not streamed for long enough. */
  why(id: number): Why | null | undefined {
    const session = this.#host.sessions().find((each) => each.id === id);
    if (session === undefined) return undefined;
    const recent = this.#watched.get(id)?.recent.all ?? [];
    return whyOf(recent, { session: id, peer: session.client });
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
        const watched = before.get(session.id);
        const earlier = watched?.sample ?? null;
        const recent = watched?.recent ?? new RecentSamples<LiveSample>();
        const sample = session.sample();
        if (sample?.refreshHz !== earlier?.refreshHz) recent.clear();
        if (sample !== null) recent.add(sample);
        const figures =
          earlier === null || sample === null ? null : figuresBetween(earlier, sample, now);
        return [session.id, { sample, figures, recent }];
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
