import { expect, test } from "bun:test";
import { simulate } from "./simulate.ts";
import { traces } from "./traces.ts";

const run = (name: string, share: number | "adaptive", seed: number) => {
  const trace = traces.find((each) => each.name === name);
  if (trace === undefined) throw new Error(`there is no trace ${name}`);
  return simulate(trace, share, seed);
};
/** Seeds that the table was not made with. */
const seeds = [101, 102, 103];

test.each(["random 10%", "Wi-Fi bursts", "a burst each 2 s", "a burst each 15 s", "congestion"])(
  'on the path "%s" adaptive parity loses less than half of what 20% loses',
  (name) => {
    for (const seed of seeds) {
      const fixed = run(name, 200, seed).framesLost;
      expect(fixed).toBeGreaterThan(5);
      expect(run(name, "adaptive", seed).framesLost).toBeLessThan(fixed / 2);
    }
  },
);

test.each(["clean", "jitter", "random 1%"])('on the path "%s" it is as small as 5%', (name) => {
  for (const seed of seeds) {
    const { framesLost, shares } = run(name, "adaptive", seed);
    expect(framesLost).toBe(0);
    expect(shares.at(-1)?.permille).toBeLessThan(100);
  }
});

test("a path that carries less than the stream gets no more parity for it", () => {
  for (const seed of seeds) {
    const { parityPct, causes } = run("heavy congestion", "adaptive", seed);
    expect(parityPct).toBeLessThan(run("heavy congestion", 50, seed).parityPct + 3);
    expect(causes).toContain("congestion");
  }
});

test("a simulation repeats itself by its seed", () => {
  expect(run("Wi-Fi bursts", "adaptive", 7)).toEqual(run("Wi-Fi bursts", "adaptive", 7));
  expect(run("Wi-Fi bursts", 200, 7)).not.toEqual(run("Wi-Fi bursts", 200, 8));
});
