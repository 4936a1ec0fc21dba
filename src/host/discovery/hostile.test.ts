import { expect, test } from "bun:test";
import { SeededRandom } from "../../base/random.ts";
import { PacketCodec } from "../../transport/multicast.testing.ts";
import {
  type Advert,
  additionalsOf,
  answersTo,
  claimOf,
  compareClaims,
  contests,
  instanceName,
  recordsOf,
  serviceType,
} from "../../wire/discovery.ts";

const advert: Advert = {
  label: "gaming box",
  id: "0123456789abcdef",
  port: 9777,
  fingerprint: "0123456789abcdef".repeat(4),
  pair: "required",
  mgmtPort: null,
};

test("whatever is asked or claimed, a host answers with its own records or not at all", async () => {
  const codec = new PacketCodec();
  const random = new SeededRandom(6762);
  const own = recordsOf(advert, ["192.0.2.1", "fd00::1"]);
  const name = instanceName(advert.label);
  const probe = { type: "query", questions: [{ name, type: "ANY" }] } as const;
  const seeds = [
    await codec.encode({ ...probe, authorities: claimOf({ ...advert, id: "fedcba9876543210" }) }),
    await codec.encode({
      type: "query",
      questions: [{ name: serviceType, type: "PTR" }],
      answers: own,
    }),
    await codec.encode({ type: "response", answers: recordsOf({ ...advert, port: 1 }, []) }),
  ];
  let [read, answered, contested] = [0, 0, 0];
  for (let run = 0; run < 50_000; run++) {
    const bytes = Uint8Array.from(random.pick(seeds));
    for (let flips = random.below(4); flips > 0; flips--) {
      bytes[random.below(bytes.length)] = random.below(256);
    }
    const message = codec.decode(bytes);
    if (message === undefined) continue;
    read++;
    const answers = answersTo(message, own);
    for (const answer of answers) expect(answer.type === "NSEC" || own.includes(answer)).toBe(true);
    expect(additionalsOf(answers, own).every((each) => own.includes(each))).toBe(true);
    expect(compareClaims(claimOf(advert), message.authorities)).toBeNumber();
    if (answers.length > 0) answered++;
    if (message.answers.some((each) => contests(each, advert))) contested++;
  }
  // All three kinds were met.
  expect(Math.min(read / 20, answered, contested)).toBeGreaterThan(1000);
});
