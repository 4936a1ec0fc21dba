import { expect, test } from "bun:test";
import { perMille } from "../../base/units.ts";
import { limit } from "../../wire/limits.ts";
import { nativeProgram } from "../build.ts";
import { type LabOptions, LossLab } from "./lab.ts";

const options: LabOptions = {
  scheme: "gf16",
  frameBytes: 50_000,
  slotCount: 2,
  parity: perMille(200),
  parityTable: Uint16Array.from({ length: limit("parity_table_count") }, (_, k) => 4 + k / 5),
};

/** Delivers the packets of slot 0 that `isLost` does not name. */
function deliver(lab: LossLab, count: number, isLost: (index: number) => boolean): void {
  const indexes = Array.from({ length: count }, (_, i) => i).filter((i) => !isLost(i));
  lab.deliver({
    count: indexes.length,
    packets: Uint32Array.from(indexes),
    atNs: Float64Array.from(indexes, (i) => i),
    bytes: Uint16Array.from(indexes, () => 0xffff),
  });
}

test("a frame without its lost packets comes out as it went in, up to its parity", () => {
  const lab = new LossLab(options);
  const { packetCount, dataCount, packetBytes } = lab.send(0);
  expect(packetCount).toBeGreaterThan(dataCount);
  expect(packetBytes * dataCount).toBeGreaterThan(options.frameBytes);
  deliver(lab, packetCount, (index) => index < packetCount - dataCount);
  expect(lab.counters.get("frames_delivered")).toBe(1);
  expect(lab.counters.get("frames_recovered")).toBe(1);
  lab.send(0);
  deliver(lab, packetCount, (index) => index <= packetCount - dataCount);
  expect(lab.counters.get("frames_delivered")).toBe(1);
  lab.send(0);
  deliver(lab, packetCount, () => false);
  expect(lab.counters.get("frames_delivered")).toBe(2);
  expect(lab.counters.get("frames_wrong")).toBe(0);
  lab.close();
  lab.close();
});

test("several labs run beside each other", () => {
  const labs = [1000, 50_000, 200_000].map((frameBytes) => new LossLab({ ...options, frameBytes }));
  for (let frame = 0; frame < 5; frame++) {
    for (const lab of labs) deliver(lab, lab.send(0).packetCount, (index) => index === 0);
  }
  for (const lab of labs) {
    expect(lab.counters.get("frames_recovered")).toBe(5);
    lab.close();
  }
});

test.each([
  [{ frameBytes: 0 }],
  [{ frameBytes: limit("frame_bytes_max") }],
  [{ slotCount: 0 }],
  [{ slotCount: 65 }],
])("%p is refused with a sentence", (wrong) => {
  expect(() => new LossLab({ ...options, ...wrong })).toThrow("The loss lab: a size");
});

test("packets that are not there are refused", () => {
  const lab = new LossLab(options);
  const { packetCount } = lab.send(0);
  expect(() => deliver(lab, packetCount + 1, () => false)).toThrow("no packet");
  expect(() => lab.send(2)).toThrow("no slot");
  lab.close();
});

test(
  "what the lab does with memory is sound",
  async () => {
    const program = nativeProgram("sanitize", "test/lab_test");
    const { exitCode, stderr } = await Bun.$`${program}`.quiet().nothrow();
    expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  },
  { timeout: 120_000 },
);
