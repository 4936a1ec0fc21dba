import { expect, test } from "bun:test";
import { judgeSoak, type SoakSample } from "./soak.ts";

const hour = Array.from(
  { length: 360 },
  (_, i): SoakSample => ({
    atSeconds: i * 10,
    // Garbage is collected now and then.
    clientBytes: 80e6 + Math.min(i, 3) * 5e6 + (i % 20) * 1.5e6,
    hostBytes: 90e6,
    captureToDecodedP50Us: 6000 + (i % 7) * 100,
    framesLost: 0,
    framesReceived: i * 600,
    sendDropped: 0,
    socketDropped: 0,
    isClockSuspect: false,
  }),
);
const failing = (change: (sample: SoakSample, index: number) => Partial<SoakSample>) =>
  judgeSoak(hour.map((sample, index) => ({ ...sample, ...change(sample, index) })))
    .filter(({ ok }) => !ok)
    .map(({ what }) => what);

test("an hour that stays what it was passes, whatever it took at its start and gave back again", () => {
  expect(failing(() => ({}))).toEqual([]);
});

test.each<[string, (sample: SoakSample, index: number) => Partial<SoakSample>]>([
  ["memory of the client", (_, i) => ({ clientBytes: 80e6 + i * 50_000 })],
  ["memory of the host", (_, i) => ({ hostBytes: 90e6 + i * 50_000 })],
  ["drift of the latency", (_, i) => ({ captureToDecodedP50Us: 6000 + i * 20 })],
  ["drift of the latency", () => ({ captureToDecodedP50Us: null })],
  ["packets that the host dropped", (_, i) => ({ sendDropped: i > 300 ? 1 : 0 })],
  ["packets that the host dropped", () => ({ sendDropped: null })],
  ["packets that this machine dropped", () => ({ socketDropped: 3 })],
  ["frames lost", (_, i) => ({ framesLost: i })],
  ["frames lost", () => ({ framesReceived: 0 })],
  ["clocks", (_, i) => ({ isClockSuspect: i === 200 })],
])("%s that gets worse fails", (what, change) => {
  expect(failing(change)).toEqual([what]);
});

test("nothing measured is no pass", () => {
  expect(judgeSoak([])).toMatchObject([{ ok: false }]);
});
