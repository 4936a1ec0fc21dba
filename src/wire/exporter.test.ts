import { expect, test } from "bun:test";
import {
  channelBinding,
  type Exporter,
  exporterSecretOf,
  exportKeyingMaterial,
  mediaKeys,
} from "./exporter.ts";
import vectors from "./exporter.vectors.json" with { type: "json" };

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const fromHex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));

test.each(vectors)("exports what OpenSSL exports: $label, $bytes bytes, $secret", (vector) => {
  const exported = exportKeyingMaterial({
    secret: fromHex(vector.secret),
    label: vector.label,
    context: fromHex(vector.context),
    bytes: vector.bytes,
  });
  expect(hex(exported)).toBe(vector.exported);
});

const exporterOf = (secret: string): Exporter => {
  return (label, context, bytes) =>
    exportKeyingMaterial({ secret: fromHex(secret), label, context, bytes });
};

test("media keys are those of the session's tag and direction", () => {
  const [first, second, binding] = vectors;
  const exporter = exporterOf(first?.secret as string);
  const { hostToClient, clientToHost } = mediaKeys(exporter, 0x01020304);
  expect(hex(hostToClient.key) + hex(hostToClient.salt)).toBe(first?.exported as string);
  expect(hex(clientToHost.key) + hex(clientToHost.salt)).toBe(second?.exported as string);
  expect(hostToClient.key.length).toBe(16);
  expect(hostToClient.salt.length).toBe(12);
  expect(hex(channelBinding(exporter))).toBe(binding?.exported as string);
});

test("another session has other keys", () => {
  const exporter = exporterOf(vectors[0]?.secret as string);
  expect(hex(mediaKeys(exporter, 1).hostToClient.key)).not.toBe(
    hex(mediaKeys(exporter, 2).hostToClient.key),
  );
});

test("only an exporter secret is taken from the key log", () => {
  const secret = vectors[0]?.secret as string;
  const random = "00".repeat(32);
  const taken = exporterSecretOf(`EXPORTER_SECRET ${random} ${secret}\n`);
  expect(hex(taken?.reveal() as Uint8Array)).toBe(secret);
  expect(JSON.stringify({ taken }) + Bun.inspect(taken) + String(taken)).not.toContain(secret);
  expect(exporterSecretOf(`CLIENT_TRAFFIC_SECRET_0 ${random} ${secret}`)).toBeUndefined();
  expect(exporterSecretOf(`EXPORTER_SECRET ${random} ${secret.slice(2)}`)).toBeUndefined();
  expect(exporterSecretOf(`EXPORTER_SECRET ${random}`)).toBeUndefined();
  expect(exporterSecretOf("")).toBeUndefined();
});
