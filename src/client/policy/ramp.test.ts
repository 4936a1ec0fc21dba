import { expect, test } from "bun:test";
import { SeededRandom } from "../../base/random.ts";
import { millis } from "../../base/units.ts";
import type { Burst } from "./burst.ts";
import { nextStep, type RampState, rampMsMax, rampStart } from "./ramp.ts";

interface Path {
  /** What the path carries; more is lost. */
  readonly carriesKbps: number;
  readonly hostKbps?: number;
  readonly ceilingKbps?: number;
  /** What the host takes of any request, although its ceiling is higher. */
  readonly sendsKbps?: number;
  /** Loss at whatever rate, 0…1; parity saves the frames. */
  readonly loss?: number;
  /** Share of lost packets that the frames do not feel. */
  readonly parity?: number;
  /** The carried rate varies by this share from burst to burst. */
  readonly wobble?: number;
}

/** What a burst over such a path would say. */
function burstOver(path: Path, wishKbps: number, random: SeededRandom): Burst {
  const targetKbps = Math.min(wishKbps, path.ceilingKbps ?? 3_000_000, path.sendsKbps ?? 1e9);
  const sentKbps = Math.min(targetKbps, path.hostKbps ?? 1e9);
  const wobble = 1 + (path.wobble ?? 0) * (2 * random.unit() - 1);
  const carried = path.carriesKbps * wobble;
  const through = Math.min(1, carried / sentKbps) * (1 - (path.loss ?? 0));
  const sent = 10_000;
  const lost = Math.round(sent * (1 - through));
  return {
    targetKbps,
    ceilingKbps: path.ceilingKbps ?? 3_000_000,
    sentKbps,
    throughputKbps: Math.round(Math.min(sentKbps, carried / (1 - (path.parity ?? 0)))),
    durationMs: 250,
    lossPct: (100 * lost) / sent,
    jitterUs: 10,
    packets: { sent, received: sent - lost, lost, late: 0, disordered: 0 },
    frames: { offered: 30, sent: 30, received: 30, recovered: 0, lost: 0 },
    drops: { sender: 0, network: lost, kernel: 0, client: 0 },
  };
}

function climb(path: Path, seed = 1, confirm?: number) {
  const random = new SeededRandom(seed);
  const asked: number[] = [];
  let sentMs = 0;
  let state: RampState = rampStart;
  while (state.step !== undefined) {
    asked.push(state.step.rate);
    sentMs += state.step.duration;
    const options = confirm === undefined ? {} : { confirm: millis(confirm) };
    state = nextStep(state, burstOver(path, state.step.rate, random), options);
  }
  return { asked, sentMs, state };
}

test("a path that carries anything is tested up to the host's ceiling", () => {
  const { asked, state } = climb({ carriesKbps: 1e9 });
  expect(asked).toEqual([
    20_000, 40_000, 80_000, 160_000, 320_000, 640_000, 1_280_000, 2_560_000, 3_000_000, 3_000_000,
  ]);
  expect(state.limitedBy).toBe("clamp");
  expect(state.best?.throughputKbps).toBe(3_000_000);
});

test("the rate that a path carries is found within a tenth, from below", () => {
  for (const carriesKbps of [900, 4000, 19_000, 21_000, 94_000, 300_000, 940_000, 2_300_000]) {
    const { state } = climb({ carriesKbps });
    const found = state.best?.targetKbps as number;
    // What comes of 95% of a rate counts as that rate.
    expect(found).toBeLessThanOrEqual(carriesKbps / 0.95);
    expect(found).toBeGreaterThan(carriesKbps * 0.9);
    expect(state.limitedBy).toBe("network");
  }
});

test("the last burst is the longer one, and its length can be wished for", () => {
  const { state, sentMs } = climb({ carriesKbps: 1e9, ceilingKbps: 20_000 });
  expect(state.phase).toBe("confirm");
  expect(sentMs).toBe(250 + 1000);
  expect(climb({ carriesKbps: 1e9, ceilingKbps: 20_000 }, 1, 3000).sentMs).toBe(250 + 3000);
});

test("loss that has nothing to do with the rate does not stop the climb", () => {
  const { state } = climb({ carriesKbps: 200_000, loss: 0.02 });
  expect(state.best?.targetKbps as number).toBeGreaterThan(170_000);
});

test("a burst that failed by chance is tried once more", () => {
  const stumbled = new Set<number>();
  const random = new SeededRandom(1);
  const rates: number[] = [];
  let state: RampState = rampStart;
  while (state.step !== undefined) {
    const { rate } = state.step;
    const stumbles = rate === 80_000 && !stumbled.has(rate);
    stumbled.add(rate);
    rates.push(rate);
    state = nextStep(state, burstOver({ carriesKbps: stumbles ? 1000 : 1e9 }, rate, random));
  }
  expect(rates.slice(0, 5)).toEqual([20_000, 40_000, 80_000, 80_000, 160_000]);
  expect(state).toMatchObject({ limitedBy: "clamp", heldKbps: 3_000_000 });
});

test("a rate that loses packets is lowered until none are lost, unless that changes nothing", () => {
  // 3% are lost for want of room: at a tenth less there is room.
  const tight = climb({ carriesKbps: 97_000, parity: 0.03 });
  expect(tight.state.best?.lossPct).toBe(0);
  expect(tight.state.limitedBy).toBe("network");
  const wireless = climb({ carriesKbps: 1e9, ceilingKbps: 80_000, loss: 0.02 });
  expect(wireless.asked.slice(-2)).toEqual([80_000, 72_000]);
  expect(wireless.state.best?.targetKbps).toBe(80_000);
  expect(wireless.state.limitedBy).toBe("clamp");
});

test("a slow host is told from a slow network", () => {
  const { state } = climb({ carriesKbps: 1e9, hostKbps: 700_000 });
  expect(state.limitedBy).toBe("host");
  expect(state.best?.throughputKbps as number).toBeGreaterThan(600_000);
});

test("a path that carries nothing ends at the least rate", () => {
  const { asked, state } = climb({ carriesKbps: 1 });
  expect(asked.at(-1)).toBe(500);
  expect(state.limitedBy).toBe("network");
  expect(state.heldKbps).toBeUndefined();
});

test("a host that does not send what it is asked for is not asked for ever", () => {
  expect(climb({ carriesKbps: 1e9, sendsKbps: 30_000 }).asked.length).toBeLessThan(25);
});

test("on whatever path the filler is sent for no longer than it may", () => {
  const random = new SeededRandom(7);
  expect(rampMsMax).toBeLessThanOrEqual(6500);
  for (let seed = 1; seed < 500; seed++) {
    const path: Path = {
      carriesKbps: 500 * 2 ** (random.unit() * 14),
      hostKbps: 500 * 2 ** (random.unit() * 16),
      ceilingKbps: Math.round(500 * 2 ** (random.unit() * 15.2)),
      loss: random.chance(0.5) ? random.unit() * 0.3 : 0,
      wobble: random.unit() * 0.5,
    };
    const { sentMs, state, asked } = climb(path, seed);
    expect(sentMs).toBeLessThanOrEqual(rampMsMax);
    expect(state.best).toBeDefined();
    expect(Math.min(...asked)).toBeGreaterThanOrEqual(500);
  }
});
