import { expect, test } from "bun:test";
import type { Row } from "./run.ts";
import { cellsOf, runSweep, type SweepOptions } from "./sweep.ts";

const base: SweepOptions = {
  schemes: ["gf16"],
  models: ["iid"],
  lossPcts: [2],
  frameBytes: [50_000],
  parityPcts: [20],
  frames: 100,
  seed: 1,
  shape: { burstPackets: 8, holdMs: 3, jitterMs: 5, queueMs: 20, intervalMs: 1000 / 60 },
};

async function rowsOf(options: Partial<SweepOptions>): Promise<Row[]> {
  const interrupted = new AbortController().signal;
  return Array.fromAsync(runSweep({ ...base, ...options }, { interrupted }));
}

async function rowOf(options: Partial<SweepOptions>): Promise<Row> {
  return (await rowsOf(options))[0] as Row;
}

test("the same seed gives the same rows, another one others", async () => {
  const some = { models: ["iid", "ge", "jitter", "truncate"], lossPcts: [5, 10] } as const;
  const rows = await rowsOf(some);
  expect(await rowsOf(some)).toEqual(rows);
  expect(await rowsOf({ ...some, seed: 2 })).not.toEqual(rows);
});

test("a cell gives the same row in whatever sweep it is", async () => {
  const rows = await rowsOf({ schemes: ["none", "gf16"], lossPcts: [0, 2, 5] });
  expect(rows).toContainEqual(await rowOf({ lossPcts: [5] }));
});

test("what has no parity runs once for all shares of it", () => {
  const cells = cellsOf({ ...base, schemes: ["gf16", "none"], parityPcts: [10, 20, 30] });
  expect(cells.map(({ scheme, parityPct }) => `${scheme} ${parityPct}`)).toEqual([
    "gf16 10",
    "none 0",
    "gf16 20",
    "gf16 30",
  ]);
});

test("2 MB frames survive 2% loss in one 16-bit block", async () => {
  const row = await rowOf({ frameBytes: [2_000_000] });
  expect(row).toMatchObject({ framesLost: 0, framesRecovered: 100, frames: 100 });
  expect(row.packetsLost / row.packetsSent).toBeCloseTo(0.02, 2);
});

test("without parity a frame is lost with its first packet", async () => {
  const row = await rowOf({ schemes: ["none"] });
  const perFrame = row.packetsSent / row.frames;
  expect(row.framesRecovered).toBe(0);
  expect(row.framesLost / row.frames).toBeCloseTo(1 - 0.98 ** perFrame, 0);
  expect((await rowOf({ schemes: ["none"], lossPcts: [0] })).framesLost).toBe(0);
});

test("nothing arrives of what is lost as a whole", async () => {
  const row = await rowOf({ lossPcts: [100] });
  expect(row).toMatchObject({ framesLost: 100, framesRecovered: 0 });
  expect(row.packetsLost).toBe(row.packetsSent);
});

test("turned, doubled and delayed packets cost no frame", async () => {
  const models = ["reorder", "duplicate", "jitter"] as const;
  for (const row of await rowsOf({ models, lossPcts: [30] })) {
    expect(row).toMatchObject({ framesLost: 0, packetsLost: 0 });
  }
});

test("a frame that is later than the one behind it is lost", async () => {
  // About every second frame waits for packets that are held back for six frames.
  const shape = { ...base.shape, holdMs: 100 };
  const { framesLost } = await rowOf({ models: ["reorder"], lossPcts: [18], shape });
  expect(framesLost).toBeGreaterThan(20);
  expect(framesLost).toBeLessThan(80);
});

test("packets that are cut short are lost, however long they are", async () => {
  const row = await rowOf({ models: ["truncate"], lossPcts: [5] });
  expect(row).toMatchObject({ framesLost: 0 });
  expect(row.framesRecovered).toBeGreaterThan(50);
});

test("the end of a frame may be missing up to its parity", async () => {
  const frames = (rows: Row[]) => rows.map(({ framesLost }) => framesLost);
  const options = { models: ["tail"], frameBytes: [500_000] } as const;
  expect(frames(await rowsOf({ ...options, lossPcts: [16, 18] }))).toEqual([0, 100]);
});

test.each([1, 1383, 1384, 1385, 32_000, 90_000, 5_000_000])(
  "frames of %p bytes come out as they went in, with and without loss",
  async (bytes) => {
    for (const row of await rowsOf({ frameBytes: [bytes], lossPcts: [0, 3], frames: 10 })) {
      expect(row.framesLost).toBe(0);
    }
  },
);

test("a sweep that is interrupted ends between two frames", async () => {
  const end = new AbortController();
  const rows: Row[] = [];
  const hooks = { interrupted: end.signal, progress: () => end.abort() };
  for await (const row of runSweep({ ...base, frames: 100_000 }, hooks)) rows.push(row);
  expect(rows).toEqual([]);
});
