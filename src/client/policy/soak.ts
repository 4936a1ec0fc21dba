/** Whether a long stream stayed what it was at its beginning. Pure. */

/** What a soak looks at, again and again. */
export interface SoakSample {
  /** Seconds since the first picture. */
  readonly atSeconds: number;
  /** Resident bytes of each end; null = not this machine's. */
  readonly clientBytes: number;
  readonly hostBytes: number | null;
  readonly captureToDecodedP50Us: number | null;
  readonly framesLost: number;
  readonly framesReceived: number;
  readonly sendDropped: number | null;
  readonly socketDropped: number;
  readonly isClockSuspect: boolean;
}

export interface SoakVerdict {
  readonly what: string;
  readonly ok: boolean;
  readonly seen: string;
  readonly limit: string;
}

const megabyte = 1_000_000;
/** Memory and latency have settled after this share of the time, and after 30 s. */
const settledShare = 0.1;
const settledSecondsMax = 30;
/** What may be added to memory from half to half: the allocator keeps some of what was free. */
const grownMbMax = 8;
/** Medians of a quarter of the time may drift apart by this share, or by this much. */
const driftShareMax = 0.25;
const driftUsMax = 1000;
const lostShareMax = 0.0005;

/** Judges a soak by samples in the order of time. */
export function judgeSoak(samples: readonly SoakSample[]): SoakVerdict[] {
  const last = samples.at(-1);
  if (last === undefined) {
    return [{ what: "samples", ok: false, seen: "none", limit: "some" }];
  }
  const settleSeconds = Math.min(settledSecondsMax, last.atSeconds * settledShare);
  const settled = samples.filter(({ atSeconds }) => atSeconds >= settleSeconds);
  const hostBytes = settled.flatMap((sample) => sample.hostBytes ?? []);
  return [
    memory(
      "memory of the client",
      settled.map(({ clientBytes }) => clientBytes),
    ),
    ...(hostBytes.length === 0 ? [] : [memory("memory of the host", hostBytes)]),
    drift(settled),
    none("packets that the host dropped", last.sendDropped),
    none("packets that this machine dropped", last.socketDropped),
    lost(last),
    {
      what: "clocks",
      ok: !samples.some(({ isClockSuspect }) => isClockSuspect),
      seen: samples.some(({ isClockSuspect }) => isClockSuspect) ? "suspect at times" : "agreed",
      limit: "agree all the time",
    },
  ];
}

/**
 * JavaScript's heap goes up and down as its garbage is collected: what counts is the least that it
 * came back to in the later half, against the least in the first.
 */
function memory(what: string, bytes: readonly number[]): SoakVerdict {
  const half = Math.ceil(bytes.length / 2);
  const [before, after] = [Math.min(...bytes.slice(0, half)), Math.min(...bytes.slice(-half))];
  const grown = (after - before) / megabyte;
  const seen = `${(after / megabyte).toFixed(1)} MB, ${grown < 0 ? "" : "+"}${grown.toFixed(1)} MB`;
  return { what, ok: grown <= grownMbMax, seen, limit: `at most +${grownMbMax} MB` };
}

function median(values: readonly number[]): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}

/** The last quarter's latency against the first's. */
function drift(samples: readonly SoakSample[]): SoakVerdict {
  const what = "drift of the latency";
  const limit = `at most ${driftShareMax * 100}% or ${driftUsMax / 1000} ms`;
  const measured = samples.flatMap(({ captureToDecodedP50Us: us }) => (us === null ? [] : [us]));
  const quarter = Math.max(1, Math.floor(measured.length / 4));
  const [early, late] = [median(measured.slice(0, quarter)), median(measured.slice(-quarter))];
  if (early === null || late === null) return { what, ok: false, seen: "not measured", limit };
  const ms = (us: number) => `${(us / 1000).toFixed(2)} ms`;
  const ok = late - early <= Math.max(driftUsMax, early * driftShareMax);
  return { what, ok, seen: `${ms(early)} → ${ms(late)}`, limit };
}

function none(what: string, count: number | null): SoakVerdict {
  const seen = count === null ? "not told" : String(count);
  return { what, ok: count === 0, seen, limit: "none" };
}

function lost({ framesLost, framesReceived }: SoakSample): SoakVerdict {
  const share = framesLost / Math.max(1, framesLost + framesReceived);
  const seen = `${framesLost} of ${framesLost + framesReceived}`;
  const limit = `at most ${lostShareMax * 100}%`;
  return { what: "frames lost", ok: share <= lostShareMax && framesReceived > 0, seen, limit };
}
