/** One cell of a sweep: a stream of equal frames over one link, and what became of it. */
import { assert, PfError } from "../../base/errors.ts";
import { SeededRandom } from "../../base/random.ts";
import { type PerMille, perMille } from "../../base/units.ts";
import { LossLab, labSlotsMax, type SentFrame } from "../../ffi/lab/lab.ts";
import { parityTable } from "../../host/policy/parity.ts";
import { limit } from "../../wire/limits.ts";
import { frameHeader } from "../../wire/media.ts";
import { Flight } from "./flight.ts";
import {
  type Departures,
  delayMsMax,
  type Link,
  type LinkModelName,
  type LinkShape,
  linkModels,
} from "./models.ts";

/** How frames are protected: this protocol, Moonlight's layout, and this protocol's data alone. */
export const lossSchemes = ["gf16", "gf8", "none"] as const;
export type LossScheme = (typeof lossSchemes)[number];

/** Largest coded picture that fits a frame. */
export const pictureBytesMax = limit("frame_bytes_max") - frameHeader.bytes;

export interface Cell {
  readonly scheme: LossScheme;
  readonly model: LinkModelName;
  /** How hard the model hits, 0…100. */
  readonly lossPct: number;
  /** Bytes of each coded picture, 1 … `pictureBytesMax`. */
  readonly frameBytes: number;
  /** Whole percents; 0 for `none`. */
  readonly parityPct: number;
  readonly frames: number;
}

/** A finished cell, as `--json` prints it. */
export interface Row extends Cell {
  readonly framesLost: number;
  /** Delivered, but not without parity. */
  readonly framesRecovered: number;
  readonly packetsSent: number;
  /** That did not arrive whole. */
  readonly packetsLost: number;
}

export interface CellOptions {
  readonly seed: number;
  readonly shape: LinkShape;
}

/**
 * Runs a cell, and yields after each frame how many are done. Its random numbers depend on the
 * seed, the model and the share alone: a cell gives the same row in whatever sweep it is. Throws
 * PF_NATIVE_FAILED when a frame is delivered with other bytes than were sent.
 */
export function* runCell(cell: Cell, { seed, shape }: CellOptions): Generator<number, Row> {
  const random = new SeededRandom(seedOf(seed, `${cell.model} ${cell.lossPct}`));
  const link = linkModels[cell.model].open(cell.lossPct / 100, shape, random);
  const stream = new Stream(cell, shape, link);
  try {
    for (let frame = 0; frame < cell.frames; frame++) {
      stream.sendFrame(frame);
      yield frame + 1;
    }
    return stream.end();
  } finally {
    stream.close();
  }
}

class Stream {
  readonly #cell: Cell;
  readonly #shape: LinkShape;
  readonly #link: Link;
  readonly #lab: LossLab;
  readonly #slotCount: number;
  readonly #flight = new Flight();
  #atNs = new Float64Array(0);
  #packetsSent = 0;
  #packetsLost = 0;

  constructor(cell: Cell, shape: LinkShape, link: Link) {
    this.#cell = cell;
    this.#shape = shape;
    this.#link = link;
    this.#slotCount = 2 + Math.ceil(delayMsMax(cell.model, shape) / shape.intervalMs);
    assert(this.#slotCount <= labSlotsMax, "delays are short enough for the slots");
    const parity = perMille(cell.parityPct * 10);
    this.#lab = new LossLab({
      scheme: cell.scheme === "gf8" ? "gf8" : "gf16",
      frameBytes: cell.frameBytes,
      slotCount: this.#slotCount,
      parity,
      parityTable: parityTableOf(cell.scheme, parity),
    });
  }

  /** Sends a frame after everything that arrives before it was delivered. */
  sendFrame(frame: number): void {
    const beginNs = frame * this.#shape.intervalMs * 1e6;
    this.#lab.deliver(this.#flight.takeUntil(beginNs));
    const slot = this.#flight.freeSlot(this.#slotCount);
    assert(slot !== undefined, "a slot is free");
    const sent = this.#lab.send(slot);
    const departures = this.#departures(sent, beginNs);
    if (departures.count === 0) return;
    this.#packetsSent += departures.count;
    this.#packetsLost += this.#link(departures, (index, atNs, bytes) =>
      this.#flight.add(slot, index, atNs, bytes),
    );
  }

  end(): Row {
    this.#lab.deliver(this.#flight.takeUntil(Number.POSITIVE_INFINITY));
    const { counters } = this.#lab;
    const { scheme, model, lossPct, frameBytes, parityPct, frames } = this.#cell;
    if (counters.get("frames_wrong") > 0) {
      throw new PfError(
        "PF_NATIVE_FAILED",
        `Frame ${counters.get("first_wrong") - 1} of ${frameBytes} bytes came out with other ` +
          `bytes than were sent (${scheme}, ${model}, ${lossPct}%).`,
        { hint: "This is a defect: please report it with the command line." },
      );
    }
    return {
      scheme,
      model,
      lossPct,
      frameBytes,
      parityPct,
      frames,
      framesLost: frames - counters.get("frames_delivered"),
      framesRecovered: counters.get("frames_recovered"),
      packetsSent: this.#packetsSent,
      packetsLost: this.#packetsLost,
    };
  }

  close(): void {
    this.#lab.close();
  }

  /** When the packets leave: the first burst at once, the rest as the sender's pacer spreads it. */
  #departures({ packetCount, dataCount, packetBytes }: SentFrame, beginNs: number): Departures {
    const count = this.#cell.scheme === "none" ? Math.min(dataCount, packetCount) : packetCount;
    if (this.#atNs.length < count) this.#atNs = new Float64Array(count);
    const frameNs = this.#shape.intervalMs * 1e6;
    const nsPerByte = frameNs / this.#cell.frameBytes / limit("pace_multiple");
    for (let i = 0; i < count; i++) {
      const beyond = Math.max(0, (i + 1) * packetBytes - limit("burst_bytes"));
      this.#atNs[i] = beginNs + beyond * nsPerByte;
    }
    return { count, packetBytes, atNs: this.#atNs };
  }
}

/** Without parity the sender makes its least, which then stays where it is. */
function parityTableOf(scheme: LossScheme, parity: PerMille): Uint16Array {
  return scheme === "gf16" ? parityTable(parity) : new Uint16Array(limit("parity_table_count"));
}

/** A seed of 52 bits: 32 that the caller chose, above them 20 of a name's. */
function seedOf(seed: number, name: string): number {
  return seed + 2 ** 32 * (Bun.hash.crc32(name) % 2 ** 20);
}
