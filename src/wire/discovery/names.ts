/** The names of discovery: the service, its instances, and the hosts that they point to. */
import { plainLine } from "../control.ts";

/** What hosts register as; the dot that ends a full name is left out everywhere. */
export const serviceType = "_punktfunk._udp.local";
/** Asked by programs that list which services there are at all (RFC 6763 section 9). */
export const serviceList = "_services._dns-sd._udp.local";

/** RFC 1035 section 2.3.4; of the name's 255 bytes two hold no letters. */
const [labelBytesMax, nameBytesMax] = [63, 253];

/**
 * A host's name as its instance's label: one printable line of at most 63 bytes. Dots become
 * hyphens, because the records' encoder takes each for the end of a label. `number` above 1 tells
 * hosts of one name apart, as RFC 6762 section 9 proposes: "gamingbox (2)".
 */
export function instanceLabel(name: string, number = 1): string {
  const suffix = number > 1 ? ` (${number})` : "";
  const plain = plainLine(name.slice(0, labelBytesMax * 8).replace(/\s+/gu, " "))
    .replaceAll(".", "-")
    .trim();
  let label = "";
  let bytes = suffix.length;
  for (const character of plain.toWellFormed()) {
    bytes += Buffer.byteLength(character);
    if (bytes > labelBytesMax) break;
    label += character;
  }
  return `${label.trim() || "punktfunk"}${suffix}`;
}

/** The full name of an instance. */
export const instanceName = (label: string) => `${label}.${serviceType}`;

/** The label of an instance of the service as a person reads it; undefined for another name. */
export function labelOf(name: string): string | undefined {
  const ending = `.${serviceType}`;
  if (!isWholeName(name) || !sameName(name.slice(-ending.length), ending)) return undefined;
  return plainLine(name.slice(0, -ending.length)).trim() || undefined;
}

/** Whether a name from the network can be asked for: the encoder checks none, and skips dots at
 * the ends of lines. */
export function isWholeName(name: string): boolean {
  if (/[\r\n\u2028\u2029]/.test(name)) return false;
  const isLabel = (label: string) => label !== "" && Buffer.byteLength(label) <= labelBytesMax;
  return Buffer.byteLength(name) <= nameBytesMax && name.split(".").every(isLabel);
}

/**
 * Where a host's addresses are kept. It is a name of punktfunk's own: the machine's name belongs to
 * avahi or another responder there, which would take a second one that tells it for a conflict.
 */
export const targetName = (hostId: string) => `punktfunk-${hostId}.local`;

/** Names of DNS are compared without their case. */
export const sameName = (a: string, b: string) => nameKey(a) === nameKey(b);

/** A name in the form that is compared. */
export const nameKey = (name: string) => name.toLowerCase();
