/** The TXT record of a host: what a client knows of it before it connects. All of it is advice. */
import { parseFingerprint } from "../fingerprint.ts";

/** Whether a host lets in devices that are not paired. */
export type PairingWish = "required" | "optional";

export interface HostText {
  /** SHA-256 of the certificate, 64 hex digits. */
  readonly fingerprint: string;
  readonly pair: PairingWish;
  /** The host's id: 16 hex digits. */
  readonly id: string;
  /** TCP port of the management API; null = it is not served to the network. */
  readonly mgmtPort: number | null;
}

export type TextFault = "text-too-long" | "other-protocol" | "bad-text";

const protocol = "punktfunk/1";

/** RFC 6763 section 6.2: larger ones do not fit one packet with the rest. */
const textBytesMax = 1300;

/** The strings of the record, `proto` first. */
export function encodeText(text: HostText): string[] {
  const strings = [
    `proto=${protocol}`,
    `fp=${text.fingerprint}`,
    `pair=${text.pair}`,
    `id=${text.id}`,
  ];
  if (text.mgmtPort !== null) strings.push(`mgmt=${text.mgmtPort}`);
  return strings;
}

/** Reads a record's strings as they came; keys that are not known are skipped. */
export function decodeText(strings: readonly Uint8Array[]): HostText | TextFault {
  const size = strings.reduce((sum, { length }) => sum + 1 + length, 0);
  if (size > textBytesMax) return "text-too-long";
  const values = new Map<string, string>();
  for (const bytes of strings) {
    const string = Buffer.from(bytes).toString("latin1");
    const at = string.indexOf("=");
    const key = string.slice(0, Math.max(at, 0)).toLowerCase();
    // RFC 6763 section 6.4: of a key that comes twice the first one counts.
    if (key !== "" && !values.has(key)) values.set(key, string.slice(at + 1));
  }
  if (values.get("proto") !== protocol) return "other-protocol";
  const fingerprint = parseFingerprint(values.get("fp") ?? "");
  const pair = values.get("pair");
  const id = values.get("id") ?? "";
  const mgmtPort = parsePort(values.get("mgmt"));
  if (fingerprint === undefined || mgmtPort === undefined || !/^[0-9a-f]{16}$/.test(id)) {
    return "bad-text";
  }
  if (pair !== "required" && pair !== "optional") return "bad-text";
  return { fingerprint, pair, id, mgmtPort };
}

function parsePort(text: string | undefined): number | null | undefined {
  if (text === undefined) return null;
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535 ? port : undefined;
}
