/**
 * The latency probe: what a stream's own stamps say of its latency, held against its pictures. The
 * host's synthetic source writes the time into each picture, as cells that survive coding; here they
 * are read from the decoded picture, and where there is an X screen from what is really on it. No
 * stage's stamp has a part in that but the comparison of the two machines' clocks.
 *
 * With `input` a key is pressed again and again: the host's source then shows another mark, and the
 * time until the picture with it is here is the way of a player's hand to the player's eye.
 */
import type { PfError } from "../base/errors.ts";
import { SeededRandom } from "../base/random.ts";
import { stageNames, stages } from "../base/stages.ts";
import { bucketLowUs, Histogram, type Percentiles } from "../base/stats.ts";
import { milliHz, type Nanos } from "../base/units.ts";
import { nowNs } from "../ffi/core/core.ts";
import { PictureTap } from "../ffi/decode/tap.ts";
import type { Sink } from "../ffi/library.ts";
import { X11Stage } from "../ffi/x11/x11.ts";
import type { Mode } from "../wire/mode.ts";
import { type ClientHooks, type ClientOptions, runClient } from "./client.ts";
import type { Summary } from "./figures.ts";
import type { PictureWatch } from "./pipeline.ts";
import type { ClientSession } from "./session.ts";

export interface LatencyProbeOptions extends ClientOptions {
  /** Presses keys and waits for the picture to show it. */
  readonly input: boolean;
  /** The X screen whose pixels are read, as :0; undefined = only decoded pictures are. */
  readonly screen: string | undefined;
}

export interface LatencyProbeResult {
  readonly summary: LatencySummary | undefined;
  readonly error: PfError | undefined;
}

/** Streams, and reads what is in the pictures. Never rejects. */
export async function probeLatency(
  options: LatencyProbeOptions,
  hooks: ClientHooks,
): Promise<LatencyProbeResult> {
  const eyes = new Eyes(options, hooks.warn);
  const ending = new AbortController();
  let keys: Promise<KeyFigures> | undefined;
  try {
    const { summary, error } = await runClient(
      { ...options, watch: eyes },
      {
        ...hooks,
        started: (session) => {
          hooks.started?.(session);
          if (options.input) keys = pressKeys(session, eyes, ending.signal);
        },
      },
    );
    ending.abort();
    const pressed = (await keys) ?? null;
    if (summary === undefined) return { summary: undefined, error };
    return { summary: latencySummary(summary, eyes.figures(), pressed), error };
  } finally {
    ending.abort();
    eyes.close();
  }
}

/** What is seen, at each place where it is looked for. */
class Eyes implements PictureWatch {
  readonly #mode: Mode;
  readonly #warn: (text: string) => void;
  #decoded: PictureTap | undefined;
  #screen: { readonly tap: PictureTap; readonly stage: X11Stage } | undefined;

  constructor({ mode, screen }: LatencyProbeOptions, warn: (text: string) => void) {
    this.#mode = mode;
    this.#warn = warn;
    if (screen !== undefined) this.#open(screen);
  }

  before(next: Sink): Sink {
    this.#decoded = new PictureTap({ sink: next, readMarkers: true });
    return this.#decoded.sink();
  }

  setClockOffset(offsetNs: Nanos | null): void {
    this.#decoded?.setClockOffset(offsetNs);
    this.#screen?.tap.setClockOffset(offsetNs);
  }

  /** The mark that is seen now, and since when, where a person would see it. */
  get mark(): { readonly value: number; readonly sinceNs: number } {
    const tap = this.#screen?.tap ?? this.#decoded;
    return { value: tap?.counters.get("mark") ?? 0, sinceNs: tap?.counters.get("mark_ns") ?? 0 };
  }

  figures(): SeenFigures {
    const screen = this.#screen?.tap;
    return {
      decoded: this.#decoded === undefined ? null : seenBy(this.#decoded),
      screen: screen === undefined ? null : seenBy(screen),
    };
  }

  close(): void {
    this.#screen?.stage.close();
    this.#screen?.tap.close();
    this.#decoded?.close();
  }

  #open(display: string): void {
    const tap = new PictureTap({ readMarkers: true });
    // Looked at four times a refresh, so that looking adds a quarter of one at most.
    const refreshMilliHz = milliHz(Math.min(this.#mode.refreshMilliHz * 4, 480_000));
    try {
      const stage = new X11Stage({ sink: tap.sink(), display, refreshMilliHz, cursor: false });
      const { width, height } = stage.describe();
      if (width !== this.#mode.width || height !== this.#mode.height) {
        this.#warn(
          `The screen has ${width}x${height}: its pixels are read only where --mode says the same.`,
        );
        stage.close();
        tap.close();
        return;
      }
      stage.start();
      this.#screen = { tap, stage };
    } catch (thrown) {
      tap.close();
      this.#warn(`The screen's pixels can't be read: ${(thrown as Error).message}`);
    }
  }
}

interface Seen {
  readonly latency: Histogram;
  readonly markers: {
    readonly seen: number;
    readonly unreadable: number;
    readonly repeated: number;
    readonly skipped: number;
  };
}

export interface SeenFigures {
  readonly decoded: Seen | null;
  readonly screen: Seen | null;
}

function seenBy({ counters }: PictureTap): Seen {
  return {
    latency: counters.histogram("marker_to_tap_us"),
    markers: {
      seen: counters.get("markers"),
      unreadable: counters.get("markers_unreadable"),
      repeated: counters.get("markers_repeated"),
      skipped: counters.get("markers_skipped"),
    },
  };
}

export interface KeyFigures {
  readonly latency: Histogram;
  readonly pressed: number;
  readonly answered: number;
}

/** Space, by its HID usage. */
const key = 0x2c;
const answerMsMax = 1000;

async function pressKeys(
  session: ClientSession,
  eyes: Eyes,
  signal: AbortSignal,
): Promise<KeyFigures> {
  const latency = new Histogram();
  // Keys fall anywhere in a refresh.
  const random = new SeededRandom(1);
  let [pressed, answered] = [0, 0];
  const isFirstSeen = () => signal.aborted || eyes.mark.sinceNs !== 0;
  while (!isFirstSeen()) await Bun.sleep(5);
  while (!signal.aborted) {
    await Bun.sleep(100 + random.below(100));
    if (signal.aborted) break;
    const before = eyes.mark;
    const pressedNs = nowNs();
    session.giveInput({ kind: "key", a: key, b: 1, text: "" });
    session.giveInput({ kind: "key", a: key, b: 0, text: "" });
    pressed++;
    const deadline = performance.now() + answerMsMax;
    while (eyes.mark.sinceNs === before.sinceNs && performance.now() < deadline) {
      if (signal.aborted) return { latency, pressed: pressed - 1, answered };
      await Bun.sleep(1);
    }
    const { sinceNs } = eyes.mark;
    if (sinceNs === before.sinceNs) continue;
    answered++;
    latency.record(Math.max(0, Math.round((sinceNs - Number(pressedNs)) / 1000)));
  }
  return { latency, pressed, answered };
}

/** The stages that follow one another from the capture to the decoded picture. */
const upToDecoded = stageNames.filter((name) => !stages[name].isAside && name !== "present");

/** The last line of `latency-probe --json`. */
export function latencySummary(summary: Summary, seen: SeenFigures, keys: KeyFigures | null) {
  const shown = seen.screen ?? seen.decoded;
  const decoded = percentiles(seen.decoded?.latency);
  const pixels = percentiles(shown?.latency);
  const sum = upToDecoded.reduce<number | null>((total, name) => {
    const p50 = summary.stagesUs[name]?.p50 ?? null;
    return total === null || p50 === null ? null : total + p50;
  }, 0);
  const presented = seen.screen === null ? 0 : (summary.stagesUs.present?.p50 ?? null);
  const stagesSumUs = sum === null || presented === null ? null : Math.round(sum + presented);
  const { mode, codec, durationMs, frames, packets, latencyUs, stagesUs, clock } = summary;
  return {
    type: "summary" as const,
    mode,
    codec,
    durationMs,
    frames,
    packets,
    /** Capture to where the pixels were read. */
    pixelLatencyUs: pixels,
    pixelsReadFrom: seen.screen === null ? ("decoded" as const) : ("screen" as const),
    decodedPixelLatencyUs: decoded,
    /** How often the pixel latency was at least so many µs: [lowUs, count], what has a count. */
    histogramUs: shown === null ? null : sparse(shown.latency),
    markers: shown?.markers ?? null,
    stagesUs,
    /** Medians of the stages one after another. */
    stagesSumUs,
    /** What the pixels say beyond the stages, by their medians. */
    differenceUs: pixels === null || stagesSumUs === null ? null : pixels.p50 - stagesSumUs,
    latencyUs,
    /** A key pressed here to its answer in the picture here; null = no key was pressed. */
    inputLatencyUs: percentiles(keys?.latency),
    inputs: keys === null ? null : { pressed: keys.pressed, answered: keys.answered },
    clock,
  };
}

export type LatencySummary = ReturnType<typeof latencySummary>;

/** The buckets that hold something, as [lower bound in µs, count]. */
const sparse = ({ buckets }: Histogram): [lowUs: number, count: number][] =>
  [...buckets].flatMap((count, index) => (count === 0 ? [] : [[bucketLowUs(index), count]]));

const percentiles = (histogram: Histogram | undefined): Percentiles | null =>
  histogram?.percentiles() ?? null;
