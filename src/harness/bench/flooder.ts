/** A process that throws hostile datagrams: its orders as JSON on stdin, what it did on stdout. */
import { SeededRandom } from "../../base/random.ts";
import { flood } from "../flood.ts";

export interface FloodOrders {
  readonly port: number;
  readonly bytes: number;
  readonly seed: number;
  readonly session: number;
  /** Real packets, base64. */
  readonly samples: readonly string[];
}

if (import.meta.main) {
  const orders = (await Bun.stdin.json()) as FloodOrders;
  const thrown = await flood({
    ...orders,
    random: new SeededRandom(orders.seed),
    samples: orders.samples.map((sample) => Buffer.from(sample, "base64")),
  });
  console.log(JSON.stringify(thrown));
}
