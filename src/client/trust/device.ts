/** This device's long-lived key (Ed25519), by which hosts know it again. */
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { z } from "zod";
import { PfError } from "../../base/errors.ts";
import { createState, readState, statePath } from "../../base/state.ts";
import { channelBinding, deviceStatement, type Exporter } from "../../wire/exporter.ts";
import { managementStatement } from "../../wire/management/device-login.ts";

const fileSchema = z.object({
  version: z.literal(1),
  createdAt: z.string(),
  privateKey: z.string().startsWith("-----BEGIN PRIVATE KEY-----"),
});
type DeviceFile = z.infer<typeof fileSchema>;

/** Where the key is kept. */
export const devicePath = () => statePath("data", "device-key.json");

export class DeviceKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly #privateKey: KeyObject;

  constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey;
    const { x } = createPublicKey(privateKey).export({ format: "jwk" });
    this.publicKey = Uint8Array.from(Buffer.from(x as string, "base64url"));
  }

  /** The `device` of a hello on the connection of this exporter. */
  prove(exporter: Exporter): { publicKey: Uint8Array; signature: Uint8Array } {
    const signature = sign(null, deviceStatement(channelBinding(exporter)), this.#privateKey);
    return { publicKey: this.publicKey, signature: Uint8Array.from(signature) };
  }

  /** What the management API takes for a challenge, base64url (src/wire/management/device-login.ts). */
  proveManagement(given: { readonly fingerprint: string; readonly nonce: string }): {
    nonce: string;
    publicKey: string;
    signature: string;
  } {
    const signature = sign(null, managementStatement(given), this.#privateKey);
    return {
      nonce: given.nonce,
      publicKey: Buffer.from(this.publicKey).toString("base64url"),
      signature: signature.toString("base64url"),
    };
  }
}

/** The key in the data folder, made when there is none. Throws PF_STATE_INVALID. */
export async function loadDeviceKey(path = devicePath()): Promise<DeviceKey> {
  const found = await readState(path, fileSchema);
  if (found !== undefined) return deviceKeyOf(found, path);
  const { privateKey } = generateKeyPairSync("ed25519");
  const made: DeviceFile = {
    version: 1,
    createdAt: new Date().toISOString(),
    privateKey: privateKey.export({ format: "pem", type: "pkcs8" }) as string,
  };
  if (await createState(path, made)) return new DeviceKey(privateKey);
  return loadDeviceKey(path);
}

function deviceKeyOf(file: DeviceFile, path: string): DeviceKey {
  try {
    const key = createPrivateKey(file.privateKey);
    if (key.asymmetricKeyType !== "ed25519") throw new Error("it is not Ed25519");
    return new DeviceKey(key);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new PfError("PF_STATE_INVALID", `${path} holds no usable key: ${why}.`, {
      hint: "Restore it from a backup, or move it away: hosts then see a new device.",
      cause: error,
    });
  }
}
