/** From what the operator asked for to a source that is ready: the choice, the desktop, its input. */
import { PfError, toPfError } from "../../base/errors.ts";
import type { EventQueue } from "../../ffi/core/core.ts";
import type { SourcePattern } from "../../ffi/source/source.ts";
import type { Mode } from "../../wire/mode.ts";
import { type Injector, SessionInjector } from "../inject/inject.ts";
import { keyboardLayoutFor, type LayoutSetting } from "../inject/layout.ts";
import { type PreparedSource, prepareSynthetic, stageNumber } from "../sources.ts";
import { chooseSource, type SourceChoice, type SourceName } from "./choose.ts";
import type { Display, DisplayBackend, InputWiring } from "./display.ts";
import { SwayDisplays } from "./sway.ts";
import { WlrootsDisplays } from "./wlroots.ts";

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

/** The source that these settings lead to now. Throws PF_DISPLAY_MISSING for one that can't work. */
export async function resolveSource(settings: SourceSettings): Promise<SourceChoice> {
  const { wish } = settings;
  if (wish === "synthetic") return { source: wish, why: "A test picture was asked for." };
  const env = process.env;
  const [sway, wlroots] = await Promise.all([
    new SwayDisplays().available(),
    env["WAYLAND_DISPLAY"] ? new WlrootsDisplays().available() : undefined,
  ]);
  if (wish === "auto") return chooseSource({ wlroots, sway });
  const offer = wish === "sway" ? sway : wlroots;
  if (offer === undefined) {
    throw new PfError("PF_DISPLAY_MISSING", "$WAYLAND_DISPLAY names no running desktop.", {
      hint: "Start punktfunk inside the desktop, or use --source sway.",
    });
  }
  if (!offer.ok) {
    throw new PfError("PF_DISPLAY_MISSING", offer.why, {
      hint: "Use --source auto to take what can work here.",
    });
  }
  return { source: wish, why: `The source ${wish} was asked for. ${offer.why}` };
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
  const app = settings.app === undefined ? {} : { app: settings.app };
  const backend: DisplayBackend = source === "sway" ? new SwayDisplays(app) : new WlrootsDisplays();
  const display = await backend.create(options.mode, { signal: options.signal });
  const input = connectInput(display, {
    events: options.events,
    stage: stageNumber.input,
    keyboardLayout: keyboardLayoutFor(settings.keyboardLayout, options.clientLayout),
  });
  return {
    name: source,
    why: [why, display.note, input.note].filter((sentence) => sentence !== "").join(" "),
    mode: display.mode,
    injector: input.injector,
    openStage: (wiring) => display.openStage(wiring),
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
