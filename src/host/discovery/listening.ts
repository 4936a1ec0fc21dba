/** At which of a machine's addresses a host can be reached, by the one that it listens at. */
import { isIPv4, isIPv6 } from "node:net";
import { isUsableAddress } from "../../wire/discovery.ts";

/** Whether a host that listens at `own` (undefined = everywhere) is reached at an address. */
export function listensAt(own: string | undefined, address: string): boolean {
  if (own === undefined) return true;
  const listening = canonical(own);
  if (listening === "::") return true;
  if (listening === "0.0.0.0") return isIPv4(address);
  return listening === canonical(address);
}

/** Whether other machines can reach a host that listens at `own`. */
export function isReachable(own: string | undefined): boolean {
  return own === undefined || /^(::|0\.0\.0\.0)$/.test(canonical(own)) || isUsableAddress(own);
}

/** IPv6 addresses have several spellings. */
function canonical(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}
