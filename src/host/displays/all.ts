/** Every kind of display in one place: how each is made, and which of them this machine offers. */
import { settledWithin } from "../../base/time.ts";
import type { DisplayKind } from "../../wire/displays.ts";
import type { DisplayOffer } from "./choose.ts";
import type { DisplayBackend } from "./display.ts";
import { GamescopeDisplays } from "./gamescope.ts";
import { HyprlandDisplays } from "./hyprland.ts";
import { KwinDisplays } from "./kwin.ts";
import { MutterDisplays } from "./mutter.ts";
import { PortalDisplays } from "./portal.ts";
import { SwayDisplays } from "./sway.ts";
import { WlrootsDisplays } from "./wlroots.ts";
import { X11Displays } from "./x11.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface BackendOptions {
  /** Shell command of the application in a desktop of the host's own; default: a terminal. */
  readonly app?: string;
  /** XKB layout of such a desktop, where it has one for itself. */
  readonly layout?: string;
}

interface Entry {
  readonly make: (options: BackendOptions) => DisplayBackend;
  /** What it offers is a desktop that runs already. */
  readonly isRunning: (env: Environment) => boolean | Promise<boolean>;
  /** It can be asked at all: without this there is nothing to ask. */
  readonly isThere?: (env: Environment) => boolean;
}

const hasWayland = (env: Environment) => Boolean(env["WAYLAND_DISPLAY"]);
const always = () => true;
const never = () => false;

const entries: Partial<Record<DisplayKind, Entry>> = {
  mutter: {
    make: ({ app }) => new MutterDisplays(given({ app })),
    isRunning: (env) => new MutterDisplays({ env }).runs(),
  },
  hyprland: {
    make: () => new HyprlandDisplays(),
    isRunning: always,
    isThere: (env) => Boolean(env["HYPRLAND_INSTANCE_SIGNATURE"]),
  },
  portal: {
    make: () => new PortalDisplays(),
    isRunning: always,
    isThere: (env) => Boolean(env["DBUS_SESSION_BUS_ADDRESS"]),
  },
  kwin: { make: () => new KwinDisplays(), isRunning: always, isThere: hasWayland },
  wlroots: { make: () => new WlrootsDisplays(), isRunning: always, isThere: hasWayland },
  x11: {
    make: ({ app, layout }) => new X11Displays({ ...given({ app, layout }) }),
    isRunning: (env) => Boolean(env["DISPLAY"]),
  },
  gamescope: { make: ({ app }) => new GamescopeDisplays(given({ app })), isRunning: never },
  sway: { make: ({ app }) => new SwayDisplays(given({ app })), isRunning: never },
};

/** The kinds that this build knows, the preferred ones first. */
export const knownKinds = Object.keys(entries) as DisplayKind[];

export function backendOf(kind: DisplayKind, options: BackendOptions = {}): DisplayBackend {
  const entry = entries[kind];
  if (entry === undefined) throw new Error(`no display of kind ${kind}`);
  return entry.make(options);
}

/** A compositor that hangs is asked no longer than this. */
const askMsMax = 4000;

/** Asks one kind whether it can work here now. */
export async function offerOf(kind: DisplayKind): Promise<DisplayOffer> {
  const entry = entries[kind];
  const env = process.env;
  const isRunning = (await entry?.isRunning(env)) ?? false;
  const nothing = { kind, isRunning, ok: false, version: null };
  if (entry === undefined) return { ...nothing, why: "This version does not know it." };
  if (entry.isThere?.(env) === false) {
    return { ...nothing, isRunning: false, why: `No ${kind} desktop runs in this session.` };
  }
  let offer: DisplayOffer = { ...nothing, why: "It does not answer." };
  const asked = entry
    .make({})
    .available()
    .then(
      (availability) => {
        offer = { kind, isRunning, ...availability };
      },
      (error: Error) => {
        offer = { ...nothing, why: error.message };
      },
    );
  await settledWithin(asked, askMsMax);
  return offer;
}

/** Asks all kinds at once. */
export function allOffers(): Promise<DisplayOffer[]> {
  return Promise.all(knownKinds.map(offerOf));
}

/** What was offered a moment ago is offered still: clients come in bursts. */
const freshMs = 5000;
let last: { readonly atMs: number; readonly offers: Promise<DisplayOffer[]> } | undefined;

export function recentOffers(): Promise<DisplayOffer[]> {
  const atMs = performance.now();
  if (last === undefined || atMs - last.atMs > freshMs) last = { atMs, offers: allOffers() };
  return last.offers;
}

function given<Fields extends object>(fields: Fields) {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as {
    [Name in keyof Fields]?: Exclude<Fields[Name], undefined>;
  };
}
