/** What a compositor's readiness is told in. Pure. */
import type { DisplayKind } from "../../wire/displays.ts";

/** One thing that was tried. */
export interface ReadinessCheck {
  /** As "roundtrip" or "zwlr_screencopy_manager_v1". */
  readonly name: string;
  readonly ok: boolean;
  /** What was found, in the words of who said it. */
  readonly detail: string;
  /** The command or setting that mends it; null where there is nothing to mend. */
  readonly fix: string | null;
}

/** Whether displays of a kind can be made now. */
export interface Readiness {
  readonly kind: DisplayKind;
  /** The compositor as it calls itself, as "Hyprland"; the kind where that is not known. */
  readonly name: string;
  readonly ok: boolean;
  readonly version: string | null;
  readonly checks: readonly ReadinessCheck[];
}

export const displayKinds = [
  "sway",
  "wlroots",
  "hyprland",
  "kwin",
  "mutter",
  "gamescope",
  "portal",
  "x11",
] as const satisfies readonly DisplayKind[];

/** Those that the host itself starts, beside those that are found running. */
export const startedKinds: readonly DisplayKind[] = ["sway", "gamescope"];

/** Collects the checks of one kind. */
export class Checks {
  readonly list: ReadinessCheck[] = [];

  /** True when it passed. */
  add(name: string, ok: boolean, detail: string, fix: string | null = null): boolean {
    this.list.push({ name, ok, detail, fix: ok ? null : fix });
    return ok;
  }

  get ok(): boolean {
    return this.list.every((check) => check.ok);
  }
}

/** 1, 0 or -1, as dotted versions order: "6.5.6" is before "6.5.10". */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [left, right].map((text) => text.split(".").map(Number));
  const length = Math.max(a?.length ?? 0, b?.length ?? 0);
  for (let i = 0; i < length; i++) {
    const difference = (a?.[i] || 0) - (b?.[i] || 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}

/** The first dotted number of what a program says about itself. */
export const versionIn = (text: string): string | null => /\d+(?:\.\d+)+/.exec(text)?.[0] ?? null;
