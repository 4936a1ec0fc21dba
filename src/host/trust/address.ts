/** Whom a limit "per address" means. */

/**
 * The address that limits count by: IPv4 within IPv6 is IPv4, and letters are lower-case. IPv6
 * addresses count one by one: neighbours on a LAN share their prefix and must not share a limit.
 */
export function countedAddress(address: string): string {
  const lower = address.trim().toLowerCase();
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(lower)?.[1] ?? lower;
}
