import { expect, test } from "bun:test";
import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { channelBinding, deviceStatement, type Exporter } from "../../wire/exporter.ts";
import { isDeviceProven } from "./device.ts";

const exporter: Exporter = (label, context, bytes) =>
  Uint8Array.from(createHmac("sha512", label).update(context).digest().subarray(0, bytes));

test("a device is proven by its own signature", () => {
  const { publicKey, privateKey } = generateKeyPairSync("ed25519");
  const jwk = publicKey.export({ format: "jwk" });
  const statement = deviceStatement(channelBinding(exporter));
  const proof = {
    publicKey: Uint8Array.from(Buffer.from(String(jwk.x), "base64url")),
    signature: Uint8Array.from(sign(null, statement, privateKey)),
  };
  expect(isDeviceProven(proof, exporter)).toBe(true);
  proof.signature[0] = (proof.signature[0] as number) ^ 1;
  expect(isDeviceProven(proof, exporter)).toBe(false);
});

test("a key of small order proves nothing, whatever its signature", () => {
  // Of the neutral point R = 1, S = 0 is a signature of every message.
  const neutral = new Uint8Array(32);
  neutral[0] = 1;
  const signature = new Uint8Array(64);
  signature[0] = 1;
  expect(isDeviceProven({ publicKey: neutral, signature }, exporter)).toBe(false);
  const zeros = { publicKey: new Uint8Array(32), signature: new Uint8Array(64) };
  expect(isDeviceProven(zeros, exporter)).toBe(false);
  const negative = neutral.slice();
  negative[31] = 0x80;
  expect(isDeviceProven({ publicKey: negative, signature }, exporter)).toBe(false);
});

test("a key or a signature of another length is refused", () => {
  for (const bytes of [0, 31, 33]) {
    const proof = { publicKey: new Uint8Array(bytes).fill(9), signature: new Uint8Array(64) };
    expect(isDeviceProven(proof, exporter)).toBe(false);
  }
});
