/**
 * Whether displays can be made here now, one answer a kind: its socket, process, an answer in
 * bounded time, and the globals or names on the bus that it needs. Nothing is created for it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { DisplayKind } from "../../wire/displays.ts";
import { delayMs, type RetryPolicy } from "../displays/retry.ts";
import { probeMutter, probePortal } from "./bus.ts";
import { findEnvironment, type ImportedVariable } from "./environment.ts";
import { probeGamescope, probeSway } from "./programs.ts";
import { displayKinds, type Readiness } from "./readiness.ts";
import { probeHyprland, probeKwin, probeWlroots } from "./wayland.ts";
import { probeX11 } from "./x11.ts";

export interface ProbeContext {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How long one question may take. */
  readonly msMax: number;
  readonly signal?: AbortSignal;
  /** Only what runs already counts, not what the host could start. */
  readonly running?: boolean;
}

const probes: Readonly<Record<DisplayKind, (context: ProbeContext) => Promise<Readiness>>> = {
  sway: probeSway,
  wlroots: probeWlroots,
  hyprland: probeHyprland,
  kwin: probeKwin,
  mutter: probeMutter,
  gamescope: probeGamescope,
  portal: probePortal,
  x11: probeX11,
};

/** A compositor that is later than this with an answer can't stream. */
const answerMsMax = 1500;

export interface ProbeResult {
  readonly found: readonly Readiness[];
  /** What this process's environment lacks and was found. */
  readonly imported: readonly ImportedVariable[];
}

/** Probes kinds side by side, in the desktop's environment as it can be found now. */
export async function probeDisplays(
  kinds: readonly DisplayKind[] = displayKinds,
  { env = process.env, ...options }: Partial<Omit<ProbeContext, "msMax">> = {},
): Promise<ProbeResult> {
  const imported = await findEnvironment(env);
  const whole = { ...env, ...Object.fromEntries(imported.map(({ name, value }) => [name, value])) };
  const context = { ...options, env: whole, msMax: answerMsMax };
  const found = await Promise.all(kinds.map((kind) => probes[kind](context)));
  return { found, imported };
}

/** Waits between two looks: short, since a desktop that starts is waited for. */
const waitPolicy: RetryPolicy = {
  attemptsMax: Number.POSITIVE_INFINITY,
  delayMsFirst: 50,
  factor: 1.6,
  delayMsMax: 1000,
  totalMsMax: Number.POSITIVE_INFINITY,
};

export interface WaitOptions {
  /** How long to wait altogether; 0 = look once. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
  readonly running?: boolean;
  /** After each look that found none ready. */
  readonly onWaiting?: (result: ProbeResult) => void;
}

/** Looks until one of the kinds is ready; the last look, when the time is over. */
export async function waitUntilReady(
  kinds: readonly DisplayKind[],
  { waitMs, onWaiting, ...options }: WaitOptions,
): Promise<ProbeResult> {
  const beganAt = performance.now();
  for (let looks = 1; ; looks++) {
    const result = await probeDisplays(kinds, options);
    if (result.found.some(({ ok }) => ok) || options.signal.aborted) return result;
    const leftMs = waitMs - (performance.now() - beganAt);
    if (leftMs <= 0) return result;
    onWaiting?.(result);
    const afterMs = Math.min(delayMs(waitPolicy, looks), leftMs);
    await sleep(afterMs, undefined, { signal: options.signal }).catch(() => {});
  }
}
