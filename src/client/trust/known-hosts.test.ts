import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ExitCode, PfError } from "../../base/errors.ts";
import { judgeHost, readKnownHosts, rememberHost, type TrustQuestion } from "./known-hosts.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "punktfunk-known-"));
});
afterAll(() => rm(folder, { recursive: true }));

const fingerprint = "0123456789abcdef".repeat(4);
const other = "fedcba9876543210".repeat(4);
const seen = "2026-11-23T00:00:00.000Z";
const known = [{ host: "desk:9777", fingerprint, firstSeen: seen, lastSeen: seen }];

const question: TrustQuestion = {
  host: "desk",
  port: 9777,
  fingerprint,
  pinned: undefined,
  own: undefined,
  known: [],
  canAsk: false,
};

function refusal(changes: Partial<TrustQuestion>): PfError {
  const answer = judgeHost({ ...question, ...changes });
  expect(answer.kind).toBe("refused");
  return (answer as { error: PfError }).error;
}

const colons = fingerprint.toUpperCase().match(/../g)?.join(":") as string;
test.each([fingerprint, colons, `SHA256:${fingerprint}`, ` ${fingerprint}\n`])(
  "a pin in the form %p is the same pin",
  (pinned) => {
    expect(judgeHost({ ...question, pinned })).toEqual({ kind: "trusted", remember: true });
  },
);

test("a pin decides even where the host was known by another certificate", () => {
  const knownOther = known.map((each) => ({ ...each, fingerprint: other }));
  const answer = judgeHost({ ...question, pinned: fingerprint, known: knownOther });
  expect(answer.kind).toBe("trusted");
  expect(refusal({ pinned: other, known }).code).toBe("PF_FINGERPRINT_MISMATCH");
});

test("a wrong pin shows both fingerprints and what it may mean", () => {
  const error = refusal({ pinned: other });
  expect(error.exitCode).toBe(ExitCode.fingerprintMismatch);
  expect(error.sentence()).toContain(other);
  expect(error.sentence()).toContain(fingerprint);
  expect(error.hint).toContain("another machine");
});

test("a pin that is none is the person's mistake", () => {
  for (const pinned of ["", "12", `${fingerprint}0`, "g".repeat(64)]) {
    expect(refusal({ pinned }).exitCode).toBe(ExitCode.usage);
  }
});

test("a known host is trusted, a known name with another certificate is not", () => {
  expect(judgeHost({ ...question, known }).kind).toBe("trusted");
  expect(judgeHost({ ...question, known, host: "DESK" }).kind).toBe("trusted");
  const error = refusal({ known, fingerprint: other, canAsk: true });
  expect(error.code).toBe("PF_FINGERPRINT_MISMATCH");
  expect(error.sentence()).toContain(fingerprint);
  expect(error.sentence()).toContain(other);
  expect(error.sentence()).toContain("2026-11-23");
});

test("an unknown host is asked about, or refused with the flag that would trust it", () => {
  expect(judgeHost({ ...question, canAsk: true })).toEqual({ kind: "ask" });
  expect(judgeHost({ ...question, known, port: 9000, canAsk: true })).toEqual({ kind: "ask" });
  const error = refusal({});
  expect(error.code).toBe("PF_FINGERPRINT_UNKNOWN");
  expect(error.hint).toContain(`--fingerprint ${fingerprint}`);
});

test("a host that is seen again keeps its first time, a new certificate starts anew", async () => {
  const path = join(folder, "known.json");
  const at = (day: number) => new Date(Date.UTC(2026, 10, day));
  const host = { host: "Desk", port: 9777 };
  await rememberHost({ ...host, fingerprint, now: at(1) }, path);
  await rememberHost({ ...host, host: "other", fingerprint: other, now: at(1) }, path);
  await rememberHost({ ...host, fingerprint, now: at(2) }, path);
  const [, again] = await readKnownHosts(path);
  expect(again).toMatchObject({ host: "desk:9777", fingerprint });
  expect(again?.firstSeen).toBe(at(1).toISOString());
  expect(again?.lastSeen).toBe(at(2).toISOString());
  await rememberHost({ ...host, fingerprint: other, now: at(3) }, path);
  const all = await readKnownHosts(path);
  expect(all.length).toBe(2);
  expect(all.find((each) => each.host === "desk:9777")?.firstSeen).toBe(at(3).toISOString());
});

test("a damaged list of known hosts is named, never taken for an empty one", async () => {
  const path = join(folder, "damaged.json");
  await writeFile(path, '{"version":1,"hosts":[{"host":"desk:9777","fingerprint":"12"}]}');
  const error = await readKnownHosts(path).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(PfError);
  expect((error as PfError).message).toContain("hosts.0.fingerprint");
});

test("a host of this very user needs no question, unless another certificate is pinned", () => {
  const own = { ...question, own: fingerprint };
  expect(judgeHost(own)).toEqual({ kind: "trusted", remember: false });
  expect(refusal({ own: fingerprint, pinned: other }).code).toBe("PF_FINGERPRINT_MISMATCH");
  expect(refusal({ own: other }).code).toBe("PF_FINGERPRINT_UNKNOWN");
});
