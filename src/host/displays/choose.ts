/** Which source `--source auto` takes, and why. Pure. */
import type { Availability } from "./display.ts";

export type SourceName = "synthetic" | "sway" | "wlroots";

export interface SourceChoice {
  readonly source: SourceName;
  /** A sentence for the person who did not choose. */
  readonly why: string;
}

export interface SourceOffers {
  /** Undefined where $WAYLAND_DISPLAY is not set. */
  readonly wlroots: Availability | undefined;
  readonly sway: Availability;
}

/** The desktop that is there, else one of the host's own, else a test picture. */
export function chooseSource({ wlroots, sway }: SourceOffers): SourceChoice {
  if (wlroots?.ok === true) {
    return {
      source: "wlroots",
      why: `The desktop of $WAYLAND_DISPLAY is streamed. ${wlroots.why}`,
    };
  }
  const running = wlroots === undefined ? "No desktop is running here" : trimmed(wlroots.why);
  if (sway.ok) {
    const version = sway.version === null ? "" : ` ${sway.version}`;
    return { source: "sway", why: `${running}, so the host starts its own: sway${version}.` };
  }
  return { source: "synthetic", why: `${running}, and ${lowered(sway.why)}` };
}

const trimmed = (sentence: string) => sentence.replace(/\.$/, "");
const lowered = (sentence: string) => sentence.charAt(0).toLowerCase() + sentence.slice(1);
