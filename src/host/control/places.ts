/**
 * A bounded number of places for connections. Pure. A new one always gets a place: from the oldest
 * of its own address once that has its share, else from the oldest of all. An honest client needs
 * its place for a moment only, so it gets through, while turning new ones away would let a flood
 * keep everybody out.
 */
import { countedAddress } from "../trust/address.ts";

export interface PlacesOptions {
  /** Places in all. */
  readonly most: number;
  /** Places that one address may have. */
  readonly ofAddress: number;
}

export class Places<Connection extends object> {
  readonly #options: PlacesOptions;
  /** The oldest first. */
  readonly #taken = new Map<Connection, string>();

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#taken.size;
  }

  /** Takes a place. Returns the connection that is to be given up for it. */
  enter(connection: Connection, from: string): Connection | undefined {
    const address = countedAddress(from);
    const all = [...this.#taken.keys()];
    const own = all.filter((other) => this.#taken.get(other) === address);
    let oldest: Connection | undefined;
    if (own.length >= this.#options.ofAddress) oldest = own[0];
    else if (all.length >= this.#options.most) oldest = all[0];
    if (oldest !== undefined) this.#taken.delete(oldest);
    this.#taken.set(connection, address);
    return oldest;
  }

  leave(connection: Connection): void {
    this.#taken.delete(connection);
  }
}
