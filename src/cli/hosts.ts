/** Hosts that were found in the network, for people. */
import { type FoundHost, placeOf } from "../client/discovery/browse.ts";
import { hostKey, type KnownHost } from "../client/trust/known-hosts.ts";

/** What this user knows of hosts. */
export interface TrustedHosts {
  readonly known: readonly KnownHost[];
  /** Fingerprint of this user's own host, if there is one. */
  readonly own: string | undefined;
}

/** Enough digits to compare at a glance; the pin compares all. */
const shortDigits = 16;

/** A fingerprint's first digits, in groups. */
const shortFingerprint = (fingerprint: string) =>
  `${fingerprint.slice(0, shortDigits).match(/.{4}/g)?.join(" ")} …`;

/** Where to connect; of several addresses the first. */
export const placeOfHost = ({ addresses, port }: FoundHost) => placeOf(addresses[0] ?? "?", port);

/** What a host's advertised fingerprint means to this user. */
export function trustMark(host: FoundHost, { known, own }: TrustedHosts): string {
  if (host.fingerprint === own) return "your own";
  if (known.some(({ fingerprint }) => fingerprint === host.fingerprint)) return "known";
  const names = [host.name, ...host.addresses].map((name) => hostKey(name, host.port));
  return known.some((entry) => names.includes(entry.host)) ? "CHANGED" : "new";
}

/** One host as a sentence. */
export function hostLine(host: FoundHost, trust: TrustedHosts): string {
  const { name, addresses, port, pair, fingerprint } = host;
  const places = addresses.map((address) => placeOf(address, port)).join(", ");
  return `${name} at ${places}, pairing ${pair}, ${shortFingerprint(fingerprint)} (${trustMark(host, trust)})`;
}

/** Hosts as a table. */
export function hostTable(hosts: readonly FoundHost[], trust: TrustedHosts): string {
  const rows = [
    ["NAME", "ADDRESS", "PAIRING", "FINGERPRINT", "TRUST"],
    ...hosts.map((host) => [
      host.name,
      placeOfHost(host),
      host.pair,
      shortFingerprint(host.fingerprint),
      trustMark(host, trust),
    ]),
  ];
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => Bun.stringWidth(row[column] ?? ""))),
  );
  const padded = (cell: string, column: number) =>
    cell + " ".repeat((widths?.[column] ?? 0) - Bun.stringWidth(cell));
  return rows.map((row) => `  ${row.map(padded).join("   ").trimEnd()}`).join("\n");
}

/** What to check when no host was found. */
export const nothingFound = (milliseconds: number) =>
  `No host was found within ${milliseconds / 1000} s. Is punktfunk serve running on a machine of ` +
  "this network, and do the firewalls of both let UDP port 5353 (multicast) through? Without it, " +
  "punktfunk connect ADDRESS works.";
