/**
 * How many connections may be open that have not said hello yet. Pure. A flood of them costs the
 * host a bounded amount and cannot touch those that have said it; one address cannot take all
 * places. A connection's address is known only when its handshake has ended.
 */
import { limit } from "../../wire/limits.ts";

export class Admission<Connection extends object> {
  readonly #opening = new Map<Connection, string | undefined>();

  get openingCount(): number {
    return this.#opening.size;
  }

  /** A handshake begins. False: there is no place. */
  enter(connection: Connection): boolean {
    if (this.#opening.size >= limit("connections_opening_max")) return false;
    this.#opening.set(connection, undefined);
    return true;
  }

  /** Its handshake ended and shows where it comes from. False: that address has enough. */
  locate(connection: Connection, address: string): boolean {
    const ofAddress = [...this.#opening.values()].filter((other) => other === address).length;
    if (ofAddress >= limit("connections_opening_per_address_max")) return false;
    this.#opening.set(connection, address);
    return true;
  }

  /** It said hello or went away. */
  leave(connection: Connection): void {
    this.#opening.delete(connection);
  }
}
