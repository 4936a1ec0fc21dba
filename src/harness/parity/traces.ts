/**
 * Paths for the adaptive parity to prove itself on: what happens to a stream's packets, by seed.
 * The link models are those of the loss harness; here they come and go, and capacity is absolute.
 */
import type { SeededRandom } from "../../base/random.ts";
import { type Link, type LinkShape, linkModels } from "../loss/models.ts";

export interface Trace {
  readonly name: string;
  readonly does: string;
  /** Of the stream, without parity. */
  readonly mbps: number;
  /** When the path stops to be clean, and how long it is looked at from then on, in seconds. */
  readonly onset: number;
  readonly seconds: number;
  readonly open: (random: SeededRandom) => Path;
}

/** The link at a time, in seconds from the onset. */
export type Path = (seconds: number) => Link;

const shape: LinkShape = {
  burstPackets: 8,
  holdMs: 3,
  jitterMs: 15,
  queueMs: 20,
  intervalMs: 1000 / 60,
};

type ModelName = "iid" | "ge" | "jitter" | "tail";

/** One model up to a time. */
const model =
  (name: ModelName, share: number, until = Number.POSITIVE_INFINITY) =>
  (random: SeededRandom): Path => {
    const bad = linkModels[name].open(share, shape, random);
    const good = linkModels[name].open(0, shape, random);
    return (seconds) => (seconds < until ? bad : good);
  };

/** So many packets in a row are lost each `everySeconds`, somewhere in a frame. */
const bursts =
  (packets: number, everySeconds: number) =>
  (random: SeededRandom): Path => {
    let [due, skip, left] = [0, 0, 0];
    const link: Link = ({ count, packetBytes, atNs }, arrive) => {
      let lost = 0;
      for (let i = 0; i < count; i++) {
        if (left > 0 && --skip < 0) {
          left--;
          lost++;
        } else arrive(i, atNs[i] as number, packetBytes);
      }
      return lost;
    };
    return (seconds) => {
      if (seconds >= due) [due, skip, left] = [due + everySeconds, random.below(40), packets];
      return link;
    };
  };

/** The path carries so much and queues so long, then drops what comes. */
const narrow = (kbps: number, queueMs: number) => (): Path => {
  const bytesPerNs = kbps / 8e6;
  let freeNs = 0;
  const link: Link = ({ count, packetBytes, atNs }, arrive) => {
    let lost = 0;
    for (let i = 0; i < count; i++) {
      const begin = Math.max(freeNs, atNs[i] as number);
      if (begin - (atNs[i] as number) <= queueMs * 1e6) {
        freeNs = begin + packetBytes / bytesPerNs;
        arrive(i, freeNs, packetBytes);
      } else lost++;
    }
    return lost;
  };
  return () => link;
};

/** Long enough for the share to have come down from what a session starts with. */
const onset = 20;
const mbps = 20;

export const traces: readonly Trace[] = [
  {
    name: "clean",
    does: "a LAN that loses nothing, from the start",
    mbps,
    onset: 0,
    seconds: 60,
    open: model("iid", 0),
  },
  ...[0.01, 0.05, 0.1].map((share) => ({
    name: `random ${100 * share}%`,
    does: "each packet is lost by itself",
    mbps,
    onset,
    seconds: 60,
    open: model("iid", share),
  })),
  {
    name: "random 5%, 500 Mbps",
    does: "each packet is lost by itself; frames of 800 packets, where chance evens out",
    mbps: 500,
    onset,
    seconds: 60,
    open: model("iid", 0.05),
  },
  {
    name: "random 8%, 20 s long",
    does: "each packet is lost by itself, then none is",
    mbps,
    onset,
    seconds: 60,
    open: model("iid", 0.08, 20),
  },
  {
    name: "Wi-Fi bursts",
    does: "1% is lost, in bursts of 8 packets on average (Gilbert-Elliott)",
    mbps,
    onset,
    seconds: 60,
    open: model("ge", 0.01),
  },
  {
    name: "a burst each 2 s",
    does: "14 packets in a row",
    mbps,
    onset,
    seconds: 60,
    open: bursts(14, 2),
  },
  {
    name: "a burst each 15 s",
    does: "14 packets in a row",
    mbps,
    onset,
    seconds: 180,
    open: bursts(14, 15),
  },
  {
    name: "frame ends",
    does: "each frame loses the last 8% of its packets",
    mbps,
    onset,
    seconds: 60,
    open: model("tail", 0.08),
  },
  {
    name: "jitter",
    does: "every third packet is up to 15 ms late, none is lost",
    mbps,
    onset,
    seconds: 60,
    open: model("jitter", 0.33),
  },
  {
    name: "congestion",
    does: "the path carries 26 Mbps from the start: the stream with 5% parity, not with 20%",
    mbps,
    onset: 0,
    seconds: 60,
    open: narrow(26_000, 40),
  },
  {
    name: "heavy congestion",
    does: "the path carries 18 Mbps, which is less than the stream alone",
    mbps,
    onset,
    seconds: 60,
    open: narrow(18_000, 40),
  },
];
