/**
 * What a network does to the packets of a stream, a frame at a time, by a seed: the same numbers
 * drawn and the same frames give the same fates. Each model is told one share in percent, which
 * says how hard it hits; what it hits with is `LinkShape`.
 */
import type { SeededRandom } from "../../base/random.ts";

/** The packets of a frame as they leave the sender. */
export interface Departures {
  readonly count: number;
  /** Of each packet on the wire. */
  readonly packetBytes: number;
  /** Nanoseconds from the beginning of the stream, never falling; the first `count` entries. */
  readonly atNs: Float64Array;
}

/** Takes an arrival: packet `index`, when, and how much of it. */
export type Arrive = (index: number, atNs: number, bytes: number) => void;

/** A link and what it remembers. Returns how many of the packets do not arrive whole. */
export type Link = (frame: Departures, arrive: Arrive) => number;

/** What a model hits with. Times are milliseconds. */
export interface LinkShape {
  /** Mean number of packets that are lost in a row (ge). */
  readonly burstPackets: number;
  /** How long a packet is held back (reorder), and a copy comes behind its packet (duplicate). */
  readonly holdMs: number;
  /** Longest delay of a packet (jitter). */
  readonly jitterMs: number;
  /** How much waits in front of the link (rate), as the time that the link needs for it. */
  readonly queueMs: number;
  /** Time from frame to frame. */
  readonly intervalMs: number;
}

export interface LinkModel {
  /** What a percent is of, for the axis of a plot. */
  readonly axis: string;
  /** What it does, for help. */
  readonly does: string;
  readonly open: (share: number, shape: LinkShape, random: SeededRandom) => Link;
}

const msNs = 1e6;

/** A link that loses the packets that `isLost` says, and delays none. */
function lossy(isLost: () => boolean): Link {
  return ({ count, packetBytes, atNs }, arrive) => {
    let lost = 0;
    for (let i = 0; i < count; i++) {
      if (isLost()) lost++;
      else arrive(i, atNs[i] as number, packetBytes);
    }
    return lost;
  };
}

/** Independent loss of each packet. */
function openIid(share: number, _shape: LinkShape, random: SeededRandom): Link {
  return lossy(() => random.chance(share));
}

/**
 * Gilbert's model (Gilbert 1960; Elliott 1963 with a bad state that loses everything and a good one
 * that loses nothing): a chain of two states whose bad one lasts `burstPackets` on average and is
 * met with the probability `share`. Above a share of b/(1 + b) bursts must be longer than b.
 */
function openGe(share: number, { burstPackets }: LinkShape, random: SeededRandom): Link {
  if (share >= 1) return lossy(() => true);
  const burst = Math.max(burstPackets, share / (1 - share), 1);
  const toGood = 1 / burst;
  const toBad = share / (1 - share) / burst;
  let bad = random.chance(share);
  return lossy(() => {
    const lost = bad;
    bad = random.unit() < (bad ? 1 - toGood : toBad);
    return lost;
  });
}

/** A share of the packets is held back, so that later ones pass it. */
function openReorder(share: number, { holdMs }: LinkShape, random: SeededRandom): Link {
  return ({ count, packetBytes, atNs }, arrive) => {
    for (let i = 0; i < count; i++) {
      arrive(i, (atNs[i] as number) + (random.chance(share) ? holdMs * msNs : 0), packetBytes);
    }
    return 0;
  };
}

/** A share of the packets comes a second time. */
function openDuplicate(share: number, { holdMs }: LinkShape, random: SeededRandom): Link {
  return ({ count, packetBytes, atNs }, arrive) => {
    for (let i = 0; i < count; i++) {
      arrive(i, atNs[i] as number, packetBytes);
      if (random.chance(share)) arrive(i, (atNs[i] as number) + holdMs * msNs, packetBytes);
    }
    return 0;
  };
}

/** A share of the packets is late by a uniform random time. */
function openJitter(share: number, { jitterMs }: LinkShape, random: SeededRandom): Link {
  return ({ count, packetBytes, atNs }, arrive) => {
    for (let i = 0; i < count; i++) {
      const delayMs = random.chance(share) ? random.unit() * jitterMs : 0;
      arrive(i, (atNs[i] as number) + delayMs * msNs, packetBytes);
    }
    return 0;
  };
}

/** What a token bucket lets pass at once: about what a switch's port buffers. */
const bucketBytes = 131_072;

/**
 * A link that carries less than it is given, by `share`: a token bucket (RFC 4115's terms) in front
 * of which a finite queue drops what comes when it is full. What a frame loses is its tail.
 */
function openRate(share: number, { queueMs, intervalMs }: LinkShape): Link {
  /** When the bucket is full again, if nothing else comes (the GCRA's theoretical arrival time). */
  let fullAtNs = 0;
  return ({ count, packetBytes, atNs }, arrive) => {
    const bytesPerNs = (1 - share) * ((count * packetBytes) / (intervalMs * msNs));
    const depthNs = bucketBytes / bytesPerNs;
    let lost = 0;
    for (let i = 0; i < count; i++) {
      const now = atNs[i] as number;
      const fullThen = Math.max(fullAtNs, now) + packetBytes / bytesPerNs;
      const leave = Math.max(now, fullThen - depthNs);
      if (leave - now <= queueMs * msNs) {
        fullAtNs = fullThen;
        arrive(i, leave, packetBytes);
      } else lost++;
    }
    return lost;
  };
}

/** A share of the packets comes cut short, by a uniform random length. */
function openTruncate(share: number, _shape: LinkShape, random: SeededRandom): Link {
  return ({ count, packetBytes, atNs }, arrive) => {
    let cut = 0;
    for (let i = 0; i < count; i++) {
      const isCut = random.chance(share);
      if (isCut) cut++;
      arrive(i, atNs[i] as number, isCut ? random.below(packetBytes) : packetBytes);
    }
    return cut;
  };
}

/** The last packets of each frame are lost; what is less than a packet, by chance. */
function openTail(share: number, _shape: LinkShape, random: SeededRandom): Link {
  return ({ count, packetBytes, atNs }, arrive) => {
    const wanted = count * share;
    const lost = Math.floor(wanted) + (random.chance(wanted % 1) ? 1 : 0);
    for (let i = 0; i < count - lost; i++) arrive(i, atNs[i] as number, packetBytes);
    return lost;
  };
}

export const linkModels = {
  iid: { axis: "packets lost", does: "each packet is lost by itself", open: openIid },
  ge: { axis: "packets lost", does: "packets are lost in bursts (Gilbert-Elliott)", open: openGe },
  reorder: {
    axis: "packets held back",
    does: "packets are passed by later ones",
    open: openReorder,
  },
  duplicate: { axis: "packets doubled", does: "packets come twice", open: openDuplicate },
  jitter: { axis: "packets delayed", does: "packets are late by a random time", open: openJitter },
  rate: { axis: "rate cut off", does: "a narrow link with a finite queue", open: openRate },
  truncate: { axis: "packets cut short", does: "packets lose their end", open: openTruncate },
  tail: { axis: "last packets lost", does: "each frame loses its last packets", open: openTail },
} as const satisfies Record<string, LinkModel>;

export type LinkModelName = keyof typeof linkModels;
export const linkModelNames = Object.keys(linkModels) as readonly LinkModelName[];

/** Longest time between departure and arrival that a model of this shape makes. */
export function delayMsMax(name: LinkModelName, shape: LinkShape): number {
  const delays: Partial<Record<LinkModelName, number>> = {
    reorder: shape.holdMs,
    duplicate: shape.holdMs,
    jitter: shape.jitterMs,
    rate: shape.queueMs,
  };
  return delays[name] ?? 0;
}
