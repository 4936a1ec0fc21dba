/**
 * The host's long-lived identity: a self-signed certificate (ECDSA P-256) that clients pin. It is
 * made once for a state folder; hosts that share the folder share it.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { z } from "zod";
import { PfError } from "../../base/errors.ts";
import { createState, readState, statePath } from "../../base/state.ts";
import { fingerprintOf } from "../../wire/fingerprint.ts";

export interface HostIdentity {
  readonly certificatePem: string;
  readonly privateKey: KeyObject;
  /** SHA-256 of the certificate, 64 hex digits. */
  readonly fingerprint: string;
  /** Stable id of the host: the first 16 digits of its fingerprint. */
  readonly hostId: string;
}

const fileSchema = z.object({
  version: z.literal(1),
  createdAt: z.string(),
  certificate: z.string().startsWith("-----BEGIN CERTIFICATE-----"),
  privateKey: z.string().startsWith("-----BEGIN PRIVATE KEY-----"),
});
type IdentityFile = z.infer<typeof fileSchema>;

/** Where the identity is kept. */
export const identityPath = () => statePath("data", "host-identity.json");

/** The identity in the data folder, made when there is none. Throws PF_STATE_INVALID. */
export async function loadHostIdentity(path = identityPath()): Promise<HostIdentity> {
  const found = await readState(path, fileSchema);
  if (found !== undefined) return identityOf(found, path);
  const made = await makeIdentity();
  if (await createState(path, made)) return identityOf(made, path);
  return loadHostIdentity(path);
}

/** The fingerprint of the host identity of this user, if there is one; none is made. */
export async function readHostFingerprint(path = identityPath()): Promise<string | undefined> {
  const found = await readState(path, fileSchema);
  return found === undefined ? undefined : identityOf(found, path).fingerprint;
}

function identityOf(file: IdentityFile, path: string): HostIdentity {
  try {
    const certificate = new X509Certificate(file.certificate);
    const privateKey = createPrivateKey(file.privateKey);
    if (!certificate.checkPrivateKey(privateKey))
      throw new Error("the key is not its certificate's");
    const fingerprint = fingerprintOf(certificate.raw);
    return {
      certificatePem: file.certificate,
      privateKey,
      fingerprint,
      hostId: fingerprint.slice(0, 16),
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new PfError("PF_STATE_INVALID", `${path} holds no usable identity: ${why}.`, {
      hint: "Restore it from a backup, or move it away: clients then have to trust a new one.",
      cause: error,
    });
  }
}

/** Decades: a pinned certificate is trusted for what it is, not for its dates. */
const validYears = 50;
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };

async function makeIdentity(): Promise<IdentityFile> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const keys = await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const now = new Date();
  // A day back, for clients whose clock is behind.
  const notBefore = new Date(now.getTime() - 86_400_000);
  const notAfter = new Date(now);
  notAfter.setFullYear(now.getFullYear() + validYears);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: Buffer.from(crypto.getRandomValues(new Uint8Array(15))).toString("hex"),
    name: "CN=punktfunk",
    notBefore,
    notAfter,
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.SubjectAlternativeNameExtension([{ type: "dns", value: "punktfunk" }]),
    ],
  });
  const key = Buffer.from(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  return {
    version: 1,
    createdAt: now.toISOString(),
    certificate: certificate.toString("pem"),
    privateKey: x509.PemConverter.encode(key, "PRIVATE KEY"),
  };
}
