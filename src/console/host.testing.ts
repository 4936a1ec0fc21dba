/**
 * A server that keeps the management API's contract: it checks what the page sends and what it
 * answers by the contract's own schemas. What it tells is up to the test.
 */
import type { Server } from "bun";
import {
  type AnswerOf,
  apiPrefix,
  type BodyOf,
  csrfHeader,
  type Device,
  type ErrorCode,
  type EventName,
  type EventOf,
  errorCodes,
  eventSchemas,
  type Figures,
  type LogLine,
  type Pairing,
  type PendingDevice,
  type RouteName,
  routes,
  type Session,
  type Settings,
  type SpeedTest,
  type Status,
} from "../wire/management.ts";
import { consoleAssets } from "./assets.ts";

export const contentPolicy =
  "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
  "require-trusted-types-for 'script'";

type Handlers = {
  readonly [Name in RouteName]?: (given: {
    readonly id: string;
    readonly body: BodyOf<Name>;
    readonly query: URLSearchParams;
  }) => AnswerOf<Name>;
};

/** An answer that is an error. */
class Refusal extends Error {
  constructor(readonly code: ErrorCode) {
    super(errorCodes[code][1]);
  }
}

export const hour = 3_600_000;
export const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();

export const ownerToken = "owner-token-0123456789";

export class TestHost {
  password: string | null = "correct horse";
  /** What the page asked to be changed, in order. */
  readonly changes: { readonly route: RouteName; readonly id: string; readonly body: unknown }[] =
    [];
  status = statusSample();
  sessions: Session[] = [];
  devices: Device[] = [];
  pending: PendingDevice[] = [];
  pairing: Pairing = { window: null, ended: null, uri: null };
  settings: Settings = {
    bitrateKbpsDefault: 20_000,
    bitrateKbpsMax: 200_000,
    sessionsMax: 4,
    compositor: "auto",
  };
  speedTest: SpeedTest | undefined;
  log: LogLine[] = [];
  /** While true, nothing is answered but with a closed connection. */
  isDown = false;
  /** Holds back what is answered about the log. */
  logIsReady: Promise<void> = Promise.resolve();

  readonly #streams = new Set<ReadableStreamDefaultController<string>>();
  readonly #cookies = new Set<string>();
  readonly #server: Server<undefined>;

  constructor() {
    this.#server = Bun.serve({ port: 0, idleTimeout: 0, fetch: (request) => this.#serve(request) });
  }

  get url(): string {
    return `http://localhost:${this.#server.port}/`;
  }

  /** Tells all pages what is so now; log: that line. */
  tell(name: Exclude<EventName, "log">): void;
  tell(name: "log", line: LogLine): void;
  tell(name: EventName, line?: LogLine): void {
    const event = line ?? this.#event(name);
    if (event === undefined) return;
    if (line !== undefined) this.log.push(line);
    for (const stream of this.#streams) stream.enqueue(textOf(name, event));
  }

  /** Ends the streams of events. */
  drop(): void {
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
  }

  /** Forgets who signed in. */
  forget(): void {
    this.#cookies.clear();
    this.drop();
  }

  async close(): Promise<void> {
    this.drop();
    await this.#server.stop(true);
  }

  #event(name: EventName): unknown {
    const lists = { sessions: this.sessions, devices: this.devices, pending: this.pending };
    if (name === "sessions" || name === "devices" || name === "pending") {
      return { [name]: lists[name] };
    }
    return name === "log" ? undefined : this[name];
  }

  readonly #handlers: Handlers = {
    kick: ({ id }) => {
      this.sessions = this.sessions.filter((session) => session.id !== Number(id));
      this.tell("sessions");
      return undefined;
    },
    changeDevice: ({ id, body }) => {
      const device = found(this.devices, id);
      const changed: Device = {
        ...device,
        name: body.name ?? device.name,
        level: body.level ?? device.level,
        expiresAt: body.expiresAt === undefined ? device.expiresAt : body.expiresAt,
      };
      this.devices = this.devices.map((each) => (each.id === id ? changed : each));
      this.tell("devices");
      return changed;
    },
    revoke: ({ id }) => {
      const revoked = found(this.devices, id);
      this.devices = this.devices.filter((device) => device !== revoked);
      this.tell("devices");
      return undefined;
    },
    approve: ({ id, body }) => {
      const { name, fingerprint } = found(this.pending, id);
      const device = deviceSample({ id, name, fingerprint, level: body.level });
      this.pending = this.pending.filter((each) => each.id !== id);
      this.devices = [...this.devices, device];
      this.tell("pending");
      this.tell("devices");
      return device;
    },
    deny: ({ id }) => {
      const denied = found(this.pending, id);
      this.pending = this.pending.filter((each) => each !== denied);
      this.tell("pending");
      return undefined;
    },
    arm: ({ body: { level, durationMs } }) => {
      const window = {
        id: (this.pairing.window?.id ?? 0) + 1,
        pin: "042917",
        level,
        armedAt: inMs(0),
        expiresAt: inMs(durationMs),
        remainingMs: durationMs,
      };
      const uri = `punktfunk://pair?host=192.168.1.20:9777&fp=${this.status.fingerprint}&pin=042917`;
      this.pairing = { window, ended: null, uri };
      this.tell("pairing");
      return this.pairing;
    },
    disarm: () => {
      this.pairing = { window: null, ended: "disarmed", uri: null };
      this.tell("pairing");
      return undefined;
    },
    displays: () => ({
      displays: [
        { kind: "sway", ok: true, running: false, version: "1.7", why: "sway is installed." },
        { kind: "kwin", ok: false, running: false, version: null, why: "No kwin desktop runs." },
      ],
    }),
    changeSettings: ({ body }) => {
      this.settings = { ...this.settings, ...(body as Settings) };
      this.tell("settings");
      return this.settings;
    },
    startSpeedTest: ({ body: { session } }) => {
      this.speedTest = {
        id: (this.speedTest?.id ?? 0) + 1,
        session,
        state: "running",
        startedAt: inMs(0),
        progress: null,
        result: null,
        error: null,
      };
      this.tell("speedTest");
      return this.speedTest;
    },
    speedTest: () => this.speedTest as SpeedTest,
    stopSpeedTest: () => {
      this.speedTest = { ...(this.speedTest as SpeedTest), state: "stopped" };
      this.tell("speedTest");
      return undefined;
    },
    logs: ({ query }) => ({
      lines: this.log.filter(({ sequence }) => sequence > Number(query.get("after"))),
    }),
    setPassword: ({ body }) => {
      this.password = body.password;
      return undefined;
    },
    removePassword: () => {
      this.password = null;
      return undefined;
    },
    logout: () => {
      this.#cookies.clear();
      return undefined;
    },
  };

  async #serve(request: Request): Promise<Response> {
    const url = new URL(request.url);
    if (this.isDown) return new Response(null, { status: 503 });
    if (!url.pathname.startsWith(apiPrefix)) {
      const asset = (await consoleAssets()).get(url.pathname);
      return asset === undefined
        ? new Response("not found", { status: 404 })
        : new Response(asset.body, {
            headers: { "content-type": asset.type, "content-security-policy": contentPolicy },
          });
    }
    try {
      return await this.#answer(request, url);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { code, message } = error;
      return Response.json({ error: { code, message } }, { status: errorCodes[code][0] });
    }
  }

  async #answer(request: Request, url: URL): Promise<Response> {
    const [name, id] = routeOf(request.method, url.pathname.slice(apiPrefix.length));
    const { access, body: bodySchema, answer: answerSchema, method } = routes[name];
    const by = this.#signedInBy(request);
    const role = by === null ? null : by === "token" ? "owner" : "manager";
    if (method !== "GET" && request.headers.get(csrfHeader) === null) {
      throw new Refusal("cross-site");
    }
    if (access !== "anyone" && by === null) throw new Refusal("unauthenticated");
    if (access === "owner" && role !== "owner") throw new Refusal("forbidden");
    const body = bodySchema === null ? undefined : bodySchema.parse(await request.json());
    const passwordSet = this.password !== null;
    if (name === "signedIn") return Response.json({ role, by, passwordSet });
    if (name === "login") {
      if ((body as BodyOf<"login">).password !== this.password) throw new Refusal("wrong-password");
      const cookie = crypto.randomUUID();
      this.#cookies.add(cookie);
      const headers = { "set-cookie": `session=${cookie}; HttpOnly; SameSite=Strict; Path=/` };
      return Response.json({ role: "manager", by: "password", passwordSet }, { headers });
    }
    if (name === "events") return this.#stream();
    if (method !== "GET") this.changes.push({ route: name, id, body });
    const handler = this.#handlers[name] as (given: object) => unknown;
    if (name === "logs") await this.logIsReady;
    const answer = handler({ id, body, query: url.searchParams });
    if (answerSchema === null) return new Response(null, { status: 204 });
    if (answerSchema === "stream") throw new Error(`${name} is not served here`);
    return Response.json(answerSchema.parse(answer));
  }

  #signedInBy(request: Request): "token" | "password" | null {
    if (request.headers.get("authorization") === `Bearer ${ownerToken}`) return "token";
    const cookie = /session=([\w-]+)/.exec(request.headers.get("cookie") ?? "")?.[1];
    return cookie !== undefined && this.#cookies.has(cookie) ? "password" : null;
  }

  #stream(): Response {
    const first = ["status", "sessions", "devices", "pending", "pairing", "settings"] as const;
    let mine: ReadableStreamDefaultController<string>;
    const body = new ReadableStream<string>({
      start: (controller) => {
        mine = controller;
        this.#streams.add(controller);
        for (const name of first) controller.enqueue(textOf(name, this.#event(name)));
      },
      cancel: () => {
        this.#streams.delete(mine);
      },
    }).pipeThrough(new TextEncoderStream());
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  }
}

function textOf(name: EventName, event: unknown): string {
  const checked = (eventSchemas[name] as { parse(value: unknown): EventOf<EventName> }).parse(
    event,
  );
  return `event: ${name}\ndata: ${JSON.stringify(checked)}\n\n`;
}

function routeOf(method: string, path: string): [RouteName, string] {
  for (const [name, route] of Object.entries(routes)) {
    const pattern = new RegExp(`^${route.path.replace(":id", "([\\w-]+)")}$`);
    const match = route.method === method ? pattern.exec(path) : null;
    if (match !== null) return [name as RouteName, match[1] ?? ""];
  }
  throw new Refusal("not-found");
}

function found<Item extends { readonly id: string }>(items: readonly Item[], id: string): Item {
  const item = items.find((each) => each.id === id);
  if (item === undefined) throw new Refusal("not-found");
  return item;
}

export const fingerprintSample = (seed: string): string =>
  new Bun.CryptoHasher("sha256").update(seed).digest("hex");

const statusSample = (): Status => ({
  name: "Study",
  version: "0.1.0",
  hostId: "h-7f3a91",
  fingerprint: fingerprintSample("host"),
  startedAt: inMs(-3 * hour),
  controlPort: 9777,
  mediaPort: 9778,
  managementPort: 9779,
  pair: "required",
  sessions: 0,
  sessionsTotal: 17,
  refusedTotal: 2,
  devices: 0,
  pending: 0,
});

export const deviceSample = (given: Partial<Device> & { readonly name: string }): Device => ({
  id: `d-${fingerprintSample(given.name).slice(0, 8)}`,
  fingerprint: fingerprintSample(given.name),
  level: "full",
  pairedAt: inMs(-240 * hour),
  expiresAt: null,
  expired: false,
  lastSeenAt: inMs(-5 * hour),
  connected: false,
  ...given,
});

export const pendingSample = (name: string, left = 170_000): PendingDevice => ({
  id: `p-${fingerprintSample(name).slice(0, 8)}`,
  name,
  fingerprint: fingerprintSample(name),
  address: "192.168.1.57",
  since: inMs(left - 180_000),
  expiresAt: inMs(left),
});

/** Figures of a second; `isHeard` false: the client has told nothing. */
export function figuresSample(at: Date, random: () => number, isHeard = true): Figures {
  const about = (middle: number) => middle * (0.85 + 0.3 * random());
  const brief = (us: number) => ({
    p50: about(us),
    p95: about(us * 1.5),
    p99: about(us * 2),
    max: about(us * 4),
  });
  const heard = <Value>(value: Value) => (isHeard ? value : null);
  return {
    at: at.toISOString(),
    fps: {
      captured: 60,
      sent: 60,
      decoded: heard(59.9),
      presented: heard(59 + random()),
    },
    bitrateKbps: about(24_000),
    lossPct: heard(random() < 0.8 ? 0 : random()),
    framesLost: heard(0),
    framesRecovered: heard(1),
    packetsDropped: 0,
    latencyUs: {
      queue: brief(180),
      encode: brief(3100),
      seal: brief(240),
      pace: brief(400),
      network: heard(brief(300)),
      reassemble: heard(brief(400)),
      wait: heard(brief(40)),
      decode: heard(brief(2100)),
      present: heard(brief(1600)),
    },
    captureToPresentedUs: heard(brief(8400)),
    clock: heard({ skewCorrected: true, errorNs: 90_000, suspect: false }),
  };
}

export const sessionSample = (given: Partial<Session> & { readonly id: number }): Session => ({
  purpose: "stream",
  client: "Living-room TV",
  device: "d-1",
  level: "full",
  address: "192.168.1.31",
  startedAt: inMs(-hour / 2),
  stream: {
    mode: "1920x1080@60",
    codec: "hevc",
    encoder: "hevc_vaapi",
    source: "sway",
    sourceWhy: "a desktop of its own",
    bitrateKbps: 20_000,
    parityPermille: 200,
    parityCause: "start",
  },
  figures: null,
  framesSentTotal: 108_000,
  packetsSentTotal: 3_214_567,
  bytesSentTotal: 4_512_000_000,
  packetsDroppedTotal: 0,
  ...given,
});
