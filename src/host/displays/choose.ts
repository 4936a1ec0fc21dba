/** Which source `--source auto` takes, and why. Pure. */
import type { DisplayKind, SourceName } from "../../wire/displays.ts";
import type { Availability } from "./display.ts";

export interface SourceChoice {
  readonly source: SourceName;
  /** A sentence for the person who did not choose. */
  readonly why: string;
}

/** A kind of display on this machine, as it is now. */
export interface DisplayOffer extends Availability {
  readonly kind: DisplayKind;
  /** A desktop that runs, and not one that the host would start. */
  readonly isRunning: boolean;
}

/** Desktops that run, the most capable way in first; the portal has to ask a person. */
const running = ["kwin", "mutter", "hyprland", "wlroots", "x11", "portal"] as const;
/** Desktops that the host starts by itself, without being asked for one. */
const own = ["sway", "x11"] as const;

/** The desktop that is there, else one of the host's own, else a test picture. */
export function chooseSource(offers: readonly DisplayOffer[]): SourceChoice {
  const find = (kind: DisplayKind, isRunning: boolean) =>
    offers.find((offer) => offer.kind === kind && offer.isRunning === isRunning);
  const there = running.flatMap((kind) => find(kind, true) ?? []);
  const found = there.find(({ ok }) => ok);
  if (found !== undefined) {
    const version = found.version === null ? "" : ` ${found.version}`;
    return {
      source: found.kind,
      why: `The desktop that runs here is streamed: ${found.kind}${version}. ${found.why}`,
    };
  }
  const [first] = there;
  const nothing = first === undefined ? "No desktop is running here" : trimmed(first.why);
  const startable = own.flatMap((kind) => find(kind, false) ?? []);
  const started = startable.find(({ ok }) => ok);
  if (started !== undefined) {
    const version = started.version === null ? "" : ` ${started.version}`;
    const why = `${nothing}, so the host starts its own: ${started.kind}${version}.`;
    return { source: started.kind, why };
  }
  const missing = startable[0]?.why ?? "none can be started.";
  return { source: "synthetic", why: `${nothing}, and ${lowered(missing)}` };
}

const trimmed = (sentence: string) => sentence.replace(/\.$/, "");
const lowered = (sentence: string) => sentence.charAt(0).toLowerCase() + sentence.slice(1);
