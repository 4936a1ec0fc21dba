/**
 * How many connections may be open that have not said hello. Pure. A flood of them costs the host
 * a bounded amount and never touches those that have said it. A new one always gets a place, from
 * the oldest of its kind: an honest client needs some milliseconds, so it gets through, while
 * refusing new ones would let a flood keep everybody out.
 */
import { limit } from "../../wire/limits.ts";
import { Places } from "./places.ts";

export class Admission<Connection extends object> {
  /** Where they come from is not proven yet: packets with a forged sender get this far. */
  readonly #handshaking = new Set<Connection>();
  readonly #silent = new Places<Connection>({
    most: limit("connections_silent_max"),
    ofAddress: limit("connections_silent_per_address_max"),
  });

  get openingCount(): number {
    return this.#handshaking.size + this.#silent.count;
  }

  /** A handshake begins. Returns the connection that is to be given up for it. */
  enter(connection: Connection): Connection | undefined {
    const [oldest] = this.#handshaking;
    const isFull = this.#handshaking.size >= limit("connections_handshaking_max");
    if (isFull && oldest !== undefined) this.#handshaking.delete(oldest);
    this.#handshaking.add(connection);
    return isFull ? oldest : undefined;
  }

  /** The handshake ended, so the address is real. Returns who is to be given up for it. */
  locate(connection: Connection, address: string): Connection | undefined {
    this.#handshaking.delete(connection);
    return this.#silent.enter(connection, address);
  }

  /** It said hello or went away. */
  leave(connection: Connection): void {
    this.#handshaking.delete(connection);
    this.#silent.leave(connection);
  }
}
