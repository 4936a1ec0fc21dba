import { describe, expect, test } from "bun:test";
import { SeededRandom } from "../../base/random.ts";
import { perMille } from "../../base/units.ts";
import { checkMessage } from "../../wire/control.ts";
import { limit } from "../../wire/limits.ts";
import {
  adaptParity,
  initialParityState,
  type LossReport,
  type ParityState,
} from "./adaptive-parity.ts";
import { parityCount, shareForLoss } from "./parity.ts";

/** 100 ms of six frames of 40 data and 10 parity shards, of which nothing is lost. */
const clean: LossReport = {
  type: "lossReport",
  intervalMs: 100,
  packetsReceived: 300,
  packetsLost: 0,
  packetsLate: 0,
  packetsDropped: 0,
  framesComplete: 6,
  framesRecovered: 0,
  framesLost: 0,
  shardsSettled: 300,
  shardsLost: 0,
  lossRuns: 0,
  tailLost: 0,
  framesBeyond: 0,
  beyondSettled: 0,
  beyondLost: 0,
  burstPacketsMax: 0,
  worst: null,
};
/** Each packet by itself: as many runs as packets, as many in front as behind. */
const random = (lost: number): Partial<LossReport> => ({
  packetsLost: lost,
  shardsLost: lost,
  lossRuns: lost,
  tailLost: Math.round(lost / 2),
  worst: { data: 40, parity: 10, lost: Math.ceil(lost / 3), burst: 1 },
});
/** One frame lost so many in a row, in its middle. */
const burst = (lost: number): Partial<LossReport> => ({
  packetsLost: lost,
  shardsLost: lost,
  lossRuns: 1,
  tailLost: Math.round(lost / 2),
  burstPacketsMax: lost,
  worst: { data: 40, parity: 10, lost, burst: lost },
});
/** Each of six frames lost so many packets at its end. */
const ends = (each: number): Partial<LossReport> => ({
  packetsLost: 6 * each,
  shardsLost: 6 * each,
  lossRuns: 6,
  tailLost: 6 * each,
  burstPacketsMax: each,
  worst: { data: 40, parity: 10, lost: each, burst: each },
});

/** A host that hears a report each 100 ms. */
class Host {
  state: ParityState;
  nowMs = 1000;

  constructor(share = 200) {
    this.state = initialParityState(perMille(share));
  }

  get share(): number {
    return this.state.share;
  }

  hear(what: Partial<LossReport> = {}, times = 1): this {
    for (let i = 0; i < times; i++) {
      this.nowMs += 100;
      const event = { type: "report", report: { ...clean, ...what } } as const;
      this.state = adaptParity(this.state, event, this.nowMs).state;
    }
    return this;
  }

  pass(ms: number): this {
    this.nowMs += ms;
    this.state = adaptParity(this.state, { type: "tick" }, this.nowMs).state;
    return this;
  }

  pin(share: number | null): this {
    const wish = share === null ? null : perMille(share);
    this.state = adaptParity(this.state, { type: "pin", share: wish }, this.nowMs).state;
    return this;
  }
}
const settled = () => new Host(50).hear({}, 100);

describe("up", () => {
  test("one report of heavy loss is enough to go far up, a second of it to be there", () => {
    const host = settled();
    expect(host.share).toBe(50);
    expect(host.hear(random(24)).state.loss).toBeGreaterThanOrEqual(45);
    expect(host.hear(random(24), 10).state.loss).toBeGreaterThanOrEqual(70);
    expect(host.state.loss).toBeLessThanOrEqual(100);
    expect(host.share).toBeGreaterThanOrEqual(shareForLoss(70));
    expect(host.share).toBeLessThanOrEqual(300);
    expect(host.state.cause).toBe("random");
  });

  test("a lost packet now and then does not move it", () => {
    const host = settled();
    for (let i = 0; i < 20; i++) host.hear(random(1)).hear({}, 4);
    expect(host.share).toBe(50);
  });

  test("a burst asks for the share that would have covered it and half as much", () => {
    const host = settled().hear(burst(12));
    expect(host.share).toBeGreaterThan(350);
    expect(host.share).toBeLessThanOrEqual(450);
    expect(host.state.cause).toBe("bursts");
    expect(host.share).toBeGreaterThan(settled().hear(random(12)).share);
  });

  test("it never leaves the limits", () => {
    expect(settled().hear(random(140), 100).share).toBe(limit("parity_permille_max"));
    expect(new Host(200).hear({}, 1000).share).toBe(limit("parity_permille_min"));
  });
});

describe("down", () => {
  test("only after seconds without a need, and by small steps", () => {
    const host = settled().hear(random(24), 20);
    const high = host.share;
    expect(host.hear({}, 40).share).toBe(high);
    let before = high;
    for (let i = 0; i < 200; i++) {
      host.hear();
      expect(before - host.share).toBeLessThanOrEqual(10);
      before = host.share;
    }
    expect(host.share).toBe(50);
  });

  test("bursts that come again find the share high, after it was once too low for them", () => {
    const host = settled();
    const found: number[] = [];
    for (let i = 0; i < 12; i++) {
      found.push(host.share);
      host.hear(burst(12)).hear({}, 120);
    }
    expect(found[1]).toBeLessThan(250);
    for (const share of found.slice(4)) expect(share).toBeGreaterThanOrEqual(360);
  });

  test("time without packets counts for nothing", () => {
    const host = settled().hear(random(24), 20);
    const high = host.share;
    host.hear({ ...clean, packetsReceived: 0, shardsSettled: 0 }, 1000);
    expect(host.share).toBe(high);
  });

  test("a client that falls silent leaves the share as it is, and is told apart", () => {
    const host = settled().hear(random(24), 20);
    const high = host.share;
    host.pass(1900);
    expect(host.state.cause).toBe("random");
    host.pass(60_000);
    expect(host.state.cause).toBe("silence");
    expect(host.share).toBe(high);
  });
});

describe("what parity does not help", () => {
  test("packets that come late don't raise it", () => {
    const host = settled().hear({ packetsLate: 100, framesLost: 1 }, 50);
    expect(host.share).toBe(50);
    expect(host.state.cause).toBe("late");
  });

  test("frames that are lost as good as whole don't raise it", () => {
    const gone = { framesBeyond: 2, beyondSettled: 100, beyondLost: 90, framesLost: 2 };
    const host = settled().hear({ ...gone, shardsLost: 90, lossRuns: 4, tailLost: 45 }, 30);
    expect(host.share).toBe(50);
    expect(host.state.cause).toBe("beyond");
  });

  test("what the client's own machine drops does not raise it", () => {
    const host = settled().hear({ ...random(50), packetsDropped: 40 }, 30);
    expect(host.share).toBe(50);
    expect(host.state.cause).toBe("client");
  });

  test("ends of frames that are lost get parity enough when that helps", () => {
    const host = settled().hear(ends(4), 300);
    expect(host.state.cause).toBe("congestion");
    expect(parityCount(40, perMille(host.share))).toBeGreaterThan(4);
    expect(host.share).toBeLessThanOrEqual(250);
  });

  test("congestion is tried with a quarter, then it gets the least, and another trial later", () => {
    const host = settled();
    const shares: number[] = [];
    for (let i = 0; i < 300; i++) {
      host.hear({ ...ends(12), framesLost: 6, framesComplete: 0 });
      shares.push(host.share);
    }
    expect(host.state.cause).toBe("congestion");
    expect(Math.max(...shares.slice(5))).toBe(250);
    const least = shares.filter((share) => share === 50).length;
    expect(least).toBeGreaterThan(200);
    expect(shares.slice(100).some((share) => share > 50)).toBe(true);
  });
});

describe("a share that a person fixed", () => {
  test("stays, and adapts again from where it is when it is let go", () => {
    const host = settled().pin(120).hear(random(60), 20).pass(10_000);
    expect(host.share).toBe(120);
    expect(host.state.cause).toBe("pinned");
    host.pin(null);
    expect(host.share).toBe(120);
    expect(host.hear(random(60), 10).share).toBeGreaterThan(300);
  });

  test("can be fixed from the start", () => {
    const state = initialParityState(perMille(300), true);
    const event = { type: "report", report: { ...clean, ...random(60) } } as const;
    expect(adaptParity(state, event, 5000)).toEqual({ state, share: perMille(300), loss: 75 });
  });
});

describe("a client that lies", () => {
  const numbers = [0, 1, 2, 1000, 0xffff, 0xffff_ffff, Number.MAX_SAFE_INTEGER];

  test("moves the share within its limits, costs bounded memory, and harms nothing later", () => {
    const dice = new SeededRandom(5);
    const host = new Host();
    for (let i = 0; i < 5000; i++) {
      const lie = Object.fromEntries(
        Object.entries(clean).map(([name, value]) => {
          return [name, typeof value === "number" && dice.chance(0.5) ? dice.pick(numbers) : value];
        }),
      );
      const [data, parity] = [dice.below(0x1_0000), dice.below(0x1_0000)];
      const [lost, burstLength] = [dice.below(0x2_0000), dice.below(0x2_0000)];
      const worst = dice.chance(0.5) ? { data, parity, lost, burst: burstLength } : null;
      const checked = checkMessage({
        ...lie,
        intervalMs: dice.u32(),
        burstPacketsMax: dice.u32(),
        worst,
      });
      expect(checked.kind).toBe("message");
      host.nowMs += dice.below(50);
      if (checked.kind !== "message" || checked.message.type !== "lossReport") continue;
      host.hear(checked.message);
      expect(host.share).toBeGreaterThanOrEqual(50);
      expect(host.share).toBeLessThanOrEqual(500);
      expect(host.state.spans.length).toBeLessThanOrEqual(300);
      expect(host.state.needs.length).toBeLessThanOrEqual(451);
    }
    host.hear({}, 1000);
    expect(host.share).toBe(50);
  });

  test("is not listened to more often than each 10 ms", () => {
    let state = initialParityState(perMille(200));
    const event = { type: "report", report: { ...clean, intervalMs: 0, ...random(60) } } as const;
    for (let i = 0; i < 100_000; i++) state = adaptParity(state, event, 1000 + i / 100).state;
    expect(state.spans.length).toBe(100);
  });

  test("can't speed up time", () => {
    const host = settled().hear(random(24), 20);
    const high = host.share;
    expect(host.hear({ intervalMs: 0xffff_ffff }, 40).share).toBe(high);
  });
});
