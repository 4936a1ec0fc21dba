import { afterAll, beforeAll, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PfError } from "../../base/errors.ts";
import { loadHostIdentity } from "./identity.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "punktfunk-identity-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("an identity is made once and stays the same", async () => {
  const path = join(folder, "host.json");
  const first = await loadHostIdentity(path);
  const again = await loadHostIdentity(path);
  expect(again.fingerprint).toBe(first.fingerprint);
  expect(first.fingerprint).toMatch(/^[0-9a-f]{64}$/);
  expect(first.fingerprint.startsWith(first.hostId)).toBe(true);
});

test("the certificate is self-signed, valid for decades, and shows its fingerprint elsewhere too", async () => {
  const { certificatePem, fingerprint, privateKey } = await loadHostIdentity(
    join(folder, "a.json"),
  );
  const certificate = new X509Certificate(certificatePem);
  expect(certificate.verify(certificate.publicKey)).toBe(true);
  expect(certificate.checkPrivateKey(privateKey)).toBe(true);
  expect(certificate.fingerprint256.replaceAll(":", "").toLowerCase()).toBe(fingerprint);
  const years = (Date.parse(certificate.validTo) - Date.now()) / (365.25 * 86_400_000);
  expect(years).toBeGreaterThan(40);
  expect(Date.parse(certificate.validFrom)).toBeLessThan(Date.now());
});

test("hosts that start at once in one folder share one identity", async () => {
  const path = join(folder, "shared.json");
  const all = await Promise.all(Array.from({ length: 5 }, () => loadHostIdentity(path)));
  expect(new Set(all.map(({ fingerprint }) => fingerprint)).size).toBe(1);
});

test("a damaged identity is named, and not replaced by a new one", async () => {
  const path = join(folder, "damaged.json");
  const other = join(folder, "other.json");
  await Promise.all([loadHostIdentity(path), loadHostIdentity(other)]);
  const mine = JSON.parse(await readFile(path, "utf8"));
  const theirs = JSON.parse(await readFile(other, "utf8"));
  const swapped = JSON.stringify({ ...mine, privateKey: theirs.privateKey });
  const cut = JSON.stringify({ ...mine, certificate: mine.certificate.slice(0, 200) });
  for (const text of [swapped, cut, "{}"]) {
    await writeFile(path, text);
    const error = await loadHostIdentity(path).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(PfError);
    expect((error as PfError).code).toBe("PF_STATE_INVALID");
    expect((error as PfError).message).toContain(path);
    expect(await readFile(path, "utf8")).toBe(text);
  }
});
