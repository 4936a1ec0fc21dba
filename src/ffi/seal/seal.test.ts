import { describe, expect, test } from "bun:test";
import { createCipheriv } from "node:crypto";
import { PfError } from "../../base/errors.ts";
import { SeededRandom } from "../../base/random.ts";
import type { MediaKey } from "../../wire/exporter.ts";
import { Seal, type SealLibrary } from "./seal.ts";

/** What this machine has; libipsec-mb is only made for x86-64. */
const libraries = (["libipsec-mb", "openssl"] as const).filter((name) => {
  try {
    new Seal({ key: new Uint8Array(16), salt: new Uint8Array(12) }, name).close();
    return true;
  } catch (error) {
    if (error instanceof PfError && error.code === "PF_LIBRARY_MISSING") return false;
    throw error;
  }
});

/** Test cases 1 to 4 of McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B. */
const key3 = "feffe9928665731c6d6a8f9467308308";
const plain3 =
  "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72" +
  "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255";
const sealed3 =
  "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e" +
  "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985";
const vectors = [
  {
    key: "00".repeat(16),
    nonce: "00".repeat(12),
    header: "",
    plain: "",
    sealed: "58e2fccefa7e3061367f1d57a4e7455a",
  },
  {
    key: "00".repeat(16),
    nonce: "00".repeat(12),
    header: "",
    plain: "00".repeat(16),
    sealed: "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf",
  },
  {
    key: key3,
    nonce: "cafebabefacedbaddecaf888",
    header: "",
    plain: plain3,
    sealed: `${sealed3}4d5c2af327cd64a62cf35abd2ba6fab4`,
  },
  {
    key: key3,
    nonce: "cafebabefacedbaddecaf888",
    header: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
    plain: plain3.slice(0, 120),
    sealed: `${sealed3.slice(0, 120)}5bc94fbc3221a5db94fae95ae7121a47`,
  },
];

const bytes = (hex: string) => Uint8Array.from(Buffer.from(hex, "hex"));

/** A packet as protocol.md says, by Node's crypto. */
function sealByNode(
  media: MediaKey,
  sequence: bigint,
  header: Uint8Array,
  body: Uint8Array,
): Uint8Array {
  const counter = Buffer.alloc(12);
  counter.writeBigUInt64BE(sequence, 4);
  const nonce = counter.map((byte, i) => byte ^ (media.salt[i] as number));
  const cipher = createCipheriv("aes-128-gcm", media.key, nonce);
  cipher.setAAD(header);
  return Uint8Array.from(
    Buffer.concat([header, cipher.update(body), cipher.final(), cipher.getAuthTag()]),
  );
}

test("a library is there, and the fastest one is used", () => {
  expect(libraries.length).toBeGreaterThan(0);
  const seal = new Seal({ key: new Uint8Array(16), salt: new Uint8Array(12) });
  expect(seal.name).toBe(libraries[0] as SealLibrary);
  seal.close();
  seal.close();
});

describe.each(libraries)("%s", (library) => {
  test.each(vectors)("seals and opens $sealed", ({ key, nonce, header, plain, sealed }) => {
    // The nonce is the salt for the sequence 0.
    const seal = new Seal({ key: bytes(key), salt: bytes(nonce) }, library);
    const [packet] = seal.packets(0n, bytes(header), [bytes(plain)]);
    expect(packet?.toHex()).toBe(header + sealed);
    const opened = seal.open(0n, bytes(header + sealed), header.length / 2);
    expect(opened?.toHex()).toBe(plain);
    seal.close();
  });

  test("seals what Node's crypto seals, at every size and any sequence", () => {
    const random = new SeededRandom(1);
    const media = { key: random.bytes(16), salt: random.bytes(12) };
    const seal = new Seal(media, library);
    const header = random.bytes(16);
    for (let size = 0; size < 1500; size += 1 + random.below(20)) {
      const bodies = Array.from({ length: 3 }, () => random.bytes(size));
      const first = (BigInt(random.u32()) << 32n) | BigInt(random.u32());
      const packets = seal.packets(first, header, bodies);
      for (const [i, body] of bodies.entries()) {
        const sequence = BigInt.asUintN(64, first + BigInt(i));
        const wanted = sealByNode(media, sequence, header, body);
        expect(Buffer.compare(packets[i] as Uint8Array, wanted)).toBe(0);
        expect(Buffer.compare(seal.open(sequence, wanted, 16) as Uint8Array, body)).toBe(0);
      }
    }
    seal.close();
  });

  test("opens nothing that was changed, cut or sealed for another sequence", () => {
    const seal = new Seal({ key: new Uint8Array(16).fill(1), salt: new Uint8Array(12) }, library);
    const header = new Uint8Array(16).fill(2);
    const packet = seal.packets(7n, header, [new Uint8Array(100)])[0] as Uint8Array;
    expect(seal.open(7n, packet, 16)).toEqual(new Uint8Array(100));
    expect(seal.open(8n, packet, 16)).toBeUndefined();
    for (let at = 0; at < packet.length; at++) {
      const changed = packet.slice();
      changed[at] = (changed[at] as number) ^ 0x10;
      expect(seal.open(7n, changed, 16)).toBeUndefined();
      expect(seal.open(7n, packet.slice(0, at), 16)).toBeUndefined();
    }
    seal.close();
  });
});
