/**
 * Sessions of a desktop's portal (org.freedesktop.portal.ScreenCast and RemoteDesktop): who asks is
 * answered by signals of Request objects, after a person has agreed where that is needed. A
 * permission that was given once is remembered by a token, which each session replaces.
 */
import { randomBytes } from "node:crypto";
import { z } from "zod";
import { PfError } from "../../base/errors.ts";
import { type Bus, BusError } from "./bus.ts";
import { type BusValue, Variant } from "./values.ts";

export const portal = {
  destination: "org.freedesktop.portal.Desktop",
  path: "/org/freedesktop/portal/desktop",
} as const;
const screenCast = "org.freedesktop.portal.ScreenCast";
export const remoteDesktop = "org.freedesktop.portal.RemoteDesktop";

/** A person reads a dialog, chooses, and agrees. */
export const personMsMax = 60_000;
/** Where nobody has to agree. */
const answerMsMax = 10_000;

/** What is asked for, and offered, as the portal numbers it. */
export const sourceType = { monitor: 1, window: 2, virtual: 4 } as const;
const cursorMode = { hidden: 1, embedded: 2, metadata: 4 } as const;
export const deviceType = { keyboard: 1, pointer: 2, touch: 4 } as const;
const persistUntilRevoked = 2;
/** The first versions that remember a permission. */
const castVersionWithTokens = 4;
const remoteVersionWithTokens = 2;

/** What a portal can do. */
export interface PortalOffer {
  readonly castVersion: number;
  /** Undefined where it takes no input. */
  readonly remoteVersion: number | undefined;
  /** Sums of sourceType, cursorMode and deviceType. */
  readonly sources: number;
  readonly cursors: number;
  readonly devices: number;
}

/** Throws BusError where there is no portal, or none that shares screens. */
export async function portalOffer(bus: Bus): Promise<PortalOffer> {
  const number = async (interfaceName: string, name: string) =>
    Number(await bus.property({ ...portal, interface: interfaceName, name }));
  const optional = (name: string) => number(remoteDesktop, name).catch(() => undefined);
  const [remoteVersion, devices] = [
    await optional("version"),
    await optional("AvailableDeviceTypes"),
  ];
  return {
    castVersion: await number(screenCast, "version"),
    sources: await number(screenCast, "AvailableSourceTypes"),
    cursors: await number(screenCast, "AvailableCursorModes").catch(() => cursorMode.hidden),
    remoteVersion: devices ? remoteVersion : undefined,
    devices: devices ?? 0,
  };
}

const pair = z.tuple([z.number(), z.number()]);
const started = z.object({
  streams: z
    .array(
      z.tuple([
        z.number(),
        z.object({ size: pair.optional(), source_type: z.number().optional() }),
      ]),
    )
    .min(1),
  devices: z.number().optional(),
  restore_token: z.string().optional(),
});
const created = z.object({ session_handle: z.string() });

export interface PortalStream {
  readonly node: number;
  /** In the desktop's coordinates, which places are given in; undefined where it is not told. */
  readonly size: { readonly width: number; readonly height: number } | undefined;
  readonly isVirtual: boolean;
}

export interface PortalSessionOptions {
  readonly bus: Bus;
  readonly offer: PortalOffer;
  /** That of the session before, for a start without a dialog. */
  readonly restoreToken: string | undefined;
  /** How long a person may take; default 60,000. */
  readonly personMsMax?: number;
  readonly signal?: AbortSignal;
}

export class PortalSession {
  readonly path: string;
  readonly stream: PortalStream;
  /** Sum of deviceType: what input was allowed. */
  readonly devices: number;
  /** For the session after this one; undefined where none was given. */
  readonly restoreToken: string | undefined;
  /** Resolves with a sentence when the desktop ends it. */
  readonly ended: Promise<string>;
  readonly #bus: Bus;

  private constructor(bus: Bus, parts: Omit<PortalSession, "openRemote" | "close">) {
    this.#bus = bus;
    this.path = parts.path;
    this.stream = parts.stream;
    this.devices = parts.devices;
    this.restoreToken = parts.restoreToken;
    this.ended = parts.ended;
  }

  /**
   * Asks for one screen, and for input where the portal takes it. Throws BusError, PF_SOURCE_FAILED
   * when a person refuses or does not answer, or the signal's reason; nothing is left then.
   */
  static async open(options: PortalSessionOptions): Promise<PortalSession> {
    const { bus, offer, signal } = options;
    const main = offer.remoteVersion === undefined ? screenCast : remoteDesktop;
    const requests = new Requests(bus, signal);
    const token = newToken();
    const begun = await requests.ask(main, "CreateSession", [], {
      session_handle_token: new Variant("s", token),
    });
    const { session_handle: path } = read(created, begun, "CreateSession");
    const ended = await watch(bus, path);
    try {
      await select(requests, path, options);
      const msMax = options.personMsMax ?? personMsMax;
      const results = read(
        started,
        await requests.ask(main, "Start", [path, ""], {}, msMax),
        "Start",
      );
      const [[node, { size, source_type: type }]] = results.streams as [
        (typeof results.streams)[number],
      ];
      const stream = {
        node,
        size: size === undefined ? undefined : { width: size[0], height: size[1] },
        isVirtual: type === sourceType.virtual,
      };
      const { devices = 0, restore_token: restoreToken } = results;
      return new PortalSession(bus, { path, stream, devices, restoreToken, ...ended });
    } catch (error) {
      closeSession(bus, path);
      throw error;
    }
  }

  /** A connection to the PipeWire that has the stream's node; the caller's to close. */
  async openRemote(): Promise<number> {
    return await this.#bus.callForDescriptor({
      ...portal,
      interface: screenCast,
      member: "OpenPipeWireRemote",
      signature: "oa{sv}",
      body: [this.path, {}],
    });
  }

  close(): void {
    closeSession(this.#bus, this.path);
  }
}

/** What is to be shared, and remembered if the portal can. */
async function select(
  requests: Requests,
  path: string,
  { offer, restoreToken }: PortalSessionOptions,
): Promise<void> {
  const { castVersion, remoteVersion, cursors, sources, devices } = offer;
  const remember = {
    persist_mode: new Variant("u", persistUntilRevoked),
    ...(restoreToken === undefined ? {} : { restore_token: new Variant("s", restoreToken) }),
  };
  const isCastRemembered = remoteVersion === undefined && castVersion >= castVersionWithTokens;
  // A pointer beside the pictures needs no new one for its motion; one in them is better than none.
  const wished = [cursorMode.metadata, cursorMode.embedded].find((mode) => (cursors & mode) !== 0);
  if (remoteVersion !== undefined) {
    await requests.ask(remoteDesktop, "SelectDevices", [path], {
      types: new Variant("u", devices),
      ...(remoteVersion >= remoteVersionWithTokens ? remember : {}),
    });
  }
  await requests.ask(screenCast, "SelectSources", [path], {
    types: new Variant(
      "u",
      sources & sourceType.virtual || sources & sourceType.monitor || sources,
    ),
    multiple: new Variant("b", false),
    ...(wished === undefined ? {} : { cursor_mode: new Variant("u", wished) }),
    ...(isCastRemembered ? remember : {}),
  });
}

/** Calls that are answered by a signal. */
class Requests {
  readonly #bus: Bus;
  readonly #signal: AbortSignal | undefined;

  constructor(bus: Bus, signal: AbortSignal | undefined) {
    this.#bus = bus;
    this.#signal = signal;
  }

  /** `given` is the session and the parent window, as the method takes them. */
  async ask(
    interfaceName: string,
    member: string,
    given: readonly string[],
    options: Readonly<Record<string, BusValue>>,
    msMax = answerMsMax,
  ): Promise<BusValue> {
    this.#signal?.throwIfAborted();
    const bus = this.#bus;
    const token = newToken();
    const sender = bus.name.slice(1).replaceAll(".", "_");
    const request = `${portal.path}/request/${sender}/${token}`;
    const answered = Promise.withResolvers<readonly BusValue[]>();
    answered.promise.catch(() => {});
    const forget = [await this.#onResponse(request, answered.resolve)];
    const abort = () => answered.reject(this.#signal?.reason);
    const timer = setTimeout(() => answered.reject(lateFailure(msMax)), msMax);
    this.#signal?.addEventListener("abort", abort);
    void bus.closed.then((words) => answered.reject(new PfError("PF_SOURCE_FAILED", words)));
    let isAnswered = false;
    try {
      const [handle] = await bus.call({
        ...portal,
        interface: interfaceName,
        member,
        signature: `${["", "o", "os"][given.length]}a{sv}`,
        body: [...given, { ...options, handle_token: new Variant("s", token) }],
      });
      // Portals before 0.9 choose the object themselves.
      if (handle !== request)
        forget.push(await this.#onResponse(handle as string, answered.resolve));
      const [code, results] = await answered.promise;
      isAnswered = true;
      if (code === 0) return results as BusValue;
      throw refusal(code as number, member);
    } finally {
      clearTimeout(timer);
      this.#signal?.removeEventListener("abort", abort);
      for (const one of forget) one();
      const close = { interface: "org.freedesktop.portal.Request", member: "Close" };
      if (!isAnswered) bus.send({ ...portal, ...close, path: request });
    }
  }

  async #onResponse(path: string, handler: (body: readonly BusValue[]) => void) {
    const match = { path, interface: "org.freedesktop.portal.Request", member: "Response" };
    return await this.#bus.onSignal(match, handler);
  }
}

const newToken = () => `punktfunk${randomBytes(8).toString("hex")}`;

function lateFailure(msMax: number): PfError {
  const words = `Nobody agreed to share this desktop's screen in ${msMax / 1000} s.`;
  const hint = "Agree in the dialog that the desktop shows; it is asked once, then remembered.";
  return new PfError("PF_SOURCE_FAILED", words, { hint });
}

function refusal(code: number, member: string): PfError {
  const isPerson = code === 1;
  const words = isPerson
    ? "Sharing this desktop's screen was refused in its dialog."
    : `The desktop's portal ended ${member} without a reason.`;
  const hint = isPerson
    ? "Connect again and agree there."
    : "Try journalctl --user -u xdg-desktop-portal.";
  // As a person's decision it is not to be asked again at once.
  const cause = new BusError("org.freedesktop.DBus.Error.AccessDenied", words);
  return new PfError("PF_SOURCE_FAILED", words, { hint, ...(isPerson ? { cause } : {}) });
}

function read<Schema extends z.ZodType>(schema: Schema, value: BusValue, member: string) {
  const checked = schema.safeParse(value);
  if (checked.success) return checked.data as z.infer<Schema>;
  throw new PfError(
    "PF_SOURCE_FAILED",
    `The desktop's portal answered ${member} as it should not.`,
    {
      cause: checked.error,
    },
  );
}

function closeSession(bus: Bus, path: string): void {
  bus.send({ ...portal, path, interface: "org.freedesktop.portal.Session", member: "Close" });
}

/** What ends a session from outside. */
async function watch(bus: Bus, path: string): Promise<{ readonly ended: Promise<string> }> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const match = { path, interface: "org.freedesktop.portal.Session", member: "Closed" };
  await bus.onSignal(match, () => resolve("Sharing was ended on the desktop."));
  const owner = await bus.ownerOf(portal.destination);
  if (owner !== null) await bus.onGone(owner, () => resolve("The desktop's portal has ended."));
  void bus.closed.then(() => resolve("The desktop's message bus has ended."));
  return { ended: promise };
}
