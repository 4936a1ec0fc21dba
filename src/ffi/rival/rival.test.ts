import { expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nativeProgram } from "../build.ts";
import { noSink } from "../library.ts";
import { RivalReceiver, RivalSender } from "./rival.ts";

const fuzzRuns = process.env["CI"] === undefined ? 20_000 : 1_000_000;
const buildMsMax = 120_000;

test(
  "packets make units as RFC 6184 has it, and malformed ones are left out",
  async () => {
    const program = nativeProgram("sanitize", "test/rival_test");
    const { exitCode, stderr } = await Bun.$`${program}`.quiet().nothrow();
    expect([exitCode, stderr.toString()]).toEqual([0, ""]);
  },
  buildMsMax,
);

test.if(Bun.which("clang") !== null)(
  `${fuzzRuns} inputs of a network do no harm`,
  async () => {
    const program = nativeProgram("fuzz", "fuzz/depacketizer_fuzz");
    const folder = await mkdtemp(join(tmpdir(), "punktfunk-fuzz-"));
    try {
      // A whole unit of each kind of packet, to start from.
      const head = `80e0${"00".repeat(10)}`;
      const packets = [`${head}4101`, `${head}1800026701000168`, `${head}7cc50a`];
      const framed = packets.map((hex) => (hex.length / 2).toString(16).padStart(4, "0") + hex);
      await Bun.write(join(folder, "seed"), Buffer.from(framed.join(""), "hex"));
      const args = [`-runs=${fuzzRuns}`, "-max_len=512", folder];
      const run = await Bun.$`${program} ${args}`.cwd(folder).quiet().nothrow();
      expect([run.exitCode, run.exitCode === 0 ? "" : run.stderr.toString()]).toEqual([0, ""]);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
  buildMsMax,
);

test("ends that can't be are refused with a sentence", async () => {
  const size = { width: 320, height: 240 };
  expect(() => new RivalSender({ ...size, path: "bareRtp", port: 0 })).toThrow(
    "The sender of bareRtp: there is no such sender",
  );
  const other = createSocket("udp4");
  const { promise: bound, resolve } = Promise.withResolvers<void>();
  other.bind(0, "127.0.0.1", resolve);
  await bound;
  const { port } = other.address();
  const open = () => new RivalReceiver({ path: "bareRtp", port, sink: noSink });
  expect(open).toThrow(`port ${port}: Address already in use`);
  other.close();
  const receiver = open();
  receiver.start();
  expect(() => receiver.start()).toThrow("it was started before");
  receiver.close();
  receiver.close();
});
