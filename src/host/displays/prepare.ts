/** From what was asked for to a source that is ready: the choice, the desktop, its input. */
import { PfError, toPfError } from "../../base/errors.ts";
import type { EventQueue } from "../../ffi/core/core.ts";
import type { SourcePattern } from "../../ffi/source/source.ts";
import type { SourceName } from "../../wire/displays.ts";
import type { Mode } from "../../wire/mode.ts";
import { type Injector, SessionInjector } from "../inject/inject.ts";
import { keyboardLayoutFor, type LayoutSetting } from "../inject/layout.ts";
import { type PreparedSource, prepareSynthetic, stageNumber } from "../sources.ts";
import { allOffers, backendOf, knownKinds, offerOf } from "./all.ts";
import { chooseSource, type SourceChoice } from "./choose.ts";
import type { Display, InputWiring } from "./display.ts";
import { retrying } from "./retry.ts";

export type SourceWish = SourceName | "auto";

export interface SourceSettings {
  readonly wish: SourceWish;
  /** What runs in a desktop of the host's own; undefined = a terminal. */
  readonly app: string | undefined;
  /** Picture of the synthetic source. */
  readonly pattern: SourcePattern;
  /** By which layout a desktop reads keys, where it takes one; default: the client's. */
  readonly keyboardLayout?: LayoutSetting | undefined;
}

/** The source that this wish leads to now. Throws PF_DISPLAY_MISSING for one that can't work. */
export async function resolveSource({ wish }: Pick<SourceSettings, "wish">): Promise<SourceChoice> {
  if (wish === "synthetic") return { source: wish, why: "A test picture was asked for." };
  if (wish === "auto") return chooseSource(await allOffers());
  const offer = await offerOf(wish);
  if (!offer.ok) {
    throw new PfError("PF_DISPLAY_MISSING", offer.why, {
      hint: "Use --source auto to take what can work here.",
    });
  }
  return { source: wish, why: `The source ${wish} was asked for. ${offer.why}` };
}

/** What a client may ask for, among what the operator allows: all of it, or the one source. */
export function clientWish(settings: SourceWish, asked: string | null): SourceWish {
  if (asked === null || asked === "auto" || asked === settings) return settings;
  const known = ["synthetic", ...knownKinds].find((kind) => kind === asked);
  if (known === undefined) {
    throw new PfError("PF_DISPLAY_MISSING", `This host knows no desktop "${asked.slice(0, 32)}".`, {
      hint: `It knows ${["synthetic", ...knownKinds].join(", ")}.`,
    });
  }
  if (settings === "auto") return known as SourceWish;
  throw new PfError("PF_DISPLAY_MISSING", `This host streams ${settings} only, not ${asked}.`, {
    hint: "Its operator chose that by serve --source, or on its page.",
  });
}

export interface PrepareOptions {
  readonly mode: Mode;
  /** Aborts the preparation; nothing is left behind. */
  readonly signal: AbortSignal;
  readonly events: EventQueue;
  /** Of the client's keyboard; default: not known. */
  readonly clientLayout?: string | null;
}

/** Makes the source at a mode. Throws PfError; leaves nothing behind when it throws. */
export async function prepareSource(
  settings: SourceSettings,
  options: PrepareOptions,
): Promise<PreparedSource> {
  const { source, why } = await resolveSource(settings);
  if (source === "synthetic") return prepareSynthetic(options.mode, settings.pattern, why);
  const layout = keyboardLayoutFor(settings.keyboardLayout, options.clientLayout);
  const backend = backendOf(source, {
    ...(settings.app === undefined ? {} : { app: settings.app }),
    layout,
  });
  const { mode, signal, events } = options;
  const display = await retrying(() => backend.create(mode, { signal }), { signal });
  const wiring = { events, stage: stageNumber.input, keyboardLayout: layout };
  let input = connectInput(display, wiring);
  return {
    name: source,
    why: [why, display.note, input.note].filter((sentence) => sentence !== "").join(" "),
    get mode() {
      return display.mode;
    },
    get injector() {
      return input.injector;
    },
    ended: display.ended,
    openStage: (stage) => display.openStage(stage),
    reconfigure: async (mode, signal) => {
      input.injector?.close();
      try {
        await display.reconfigure(mode, { signal });
      } finally {
        input = connectInput(display, wiring);
      }
    },
    destroy: async () => {
      input.injector?.close();
      await display.destroy();
    },
  };
}

/** A desktop that takes no input is still worth watching: the reason is told, not thrown. */
function connectInput(
  display: Display,
  wiring: InputWiring,
): { readonly injector: Injector | null; readonly note: string } {
  try {
    const target = display.openInput(wiring);
    return { injector: new SessionInjector(target), note: "" };
  } catch (thrown) {
    return { injector: null, note: `It can't be controlled: ${toPfError(thrown).message}` };
  }
}
