import { expect, test } from "bun:test";
import { lossSchemes, type Row } from "./run.ts";
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

test("2 MB frames survive 2% loss in one 16-bit block, none does beyond Moonlight's wall", async () => {
  const rows = await rowsOf({ schemes: ["gf16", "gf8"], frameBytes: [2_000_000] });
  expect(rows[0]).toMatchObject({ framesLost: 0, framesRecovered: 100, frames: 100 });
  expect(rows[1]).toMatchObject({ framesLost: 100, framesRecovered: 0, frames: 100 });
  for (const { packetsLost, packetsSent } of rows) {
    expect(packetsLost / packetsSent).toBeCloseTo(0.02, 2);
  }
});

test("Moonlight's layout mends small frames, and large ones up to its wall", async () => {
  // 848 data shards of 1,376 bytes, less a header of 8 bytes.
  const most = 848 * 1376 - 8;
  const options = { schemes: ["gf8"], frames: 50 } as const;
  const [small, wall, beyond] = await rowsOf({ ...options, frameBytes: [50_000, most, most + 1] });
  expect(small).toMatchObject({ framesLost: 0 });
  expect(small?.framesRecovered).toBeGreaterThan(20);
  expect(wall).toMatchObject({ framesLost: 0, framesRecovered: 50, packetsSent: 50 * 1020 });
  expect(beyond).toMatchObject({ framesLost: 50, framesRecovered: 0, packetsSent: 50 * 849 });
});

test("Moonlight's layout has no packets for a frame of 6 MB", async () => {
  const row = await rowOf({ schemes: ["gf8"], frameBytes: [6_000_000], lossPcts: [0], frames: 3 });
  expect(row).toMatchObject({ framesLost: 3, packetsSent: 0, packetsLost: 0 });
});

test("a block of Moonlight's layout is lost with one packet more than it has parity", async () => {
  // 37 data and 8 parity shards: the tail of 8 is lost, then 9.
  const options = { schemes: ["gf8"], models: ["tail"], frames: 20 } as const;
  const rows = await rowsOf({ ...options, lossPcts: [(800 / 45) * 1.0001, (900 / 45) * 1.0001] });
  expect(rows.map(({ framesLost }) => framesLost)).toEqual([0, 20]);
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
  for (const row of await rowsOf({ schemes: lossSchemes, models, lossPcts: [30] })) {
    expect(row).toMatchObject({ framesLost: 0, packetsLost: 0 });
  }
});

test("a frame that is later than the one behind it is lost", async () => {
  // About every second frame waits for packets that are held back for six frames.
  const shape = { ...base.shape, holdMs: 100 };
  const schemes = ["gf16", "gf8"] as const;
  for (const row of await rowsOf({ schemes, models: ["reorder"], lossPcts: [18], shape })) {
    expect(row.framesLost).toBeGreaterThan(20);
    expect(row.framesLost).toBeLessThan(80);
  }
});

test("packets that are cut short are lost, however long they are", async () => {
  const schemes = ["gf16", "gf8"] as const;
  for (const row of await rowsOf({ schemes, models: ["truncate"], lossPcts: [3] })) {
    expect(row).toMatchObject({ framesLost: 0 });
    expect(row.framesRecovered).toBeGreaterThan(50);
  }
});

test("the end of a frame may be missing up to its parity", async () => {
  const frames = (rows: Row[]) => rows.map(({ framesLost }) => framesLost);
  const options = { models: ["tail"], frameBytes: [500_000] } as const;
  expect(frames(await rowsOf({ ...options, lossPcts: [16, 18] }))).toEqual([0, 100]);
});

test.each([1, 1383, 1384, 1385, 32_000, 90_000, 5_000_000])(
  "frames of %p bytes come out as they went in, with and without loss",
  async (bytes) => {
    const schemes = bytes < 1e6 ? (["gf16", "gf8"] as const) : (["gf16"] as const);
    const some = { schemes, frameBytes: [bytes], lossPcts: [0, 2], frames: 10 };
    for (const row of await rowsOf(some)) expect(row.framesLost).toBe(0);
  },
);

test("a sweep that is interrupted ends between two frames", async () => {
  const end = new AbortController();
  const rows: Row[] = [];
  const hooks = { interrupted: end.signal, progress: () => end.abort() };
  for await (const row of runSweep({ ...base, frames: 100_000 }, hooks)) rows.push(row);
  expect(rows).toEqual([]);
});
