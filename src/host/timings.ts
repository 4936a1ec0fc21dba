/** The host's stage times, on the 0xCF plane: what is only known after a frame was sealed. */
import type { ControlConnection } from "../transport/connection.ts";
import { limit } from "../wire/limits.ts";
import { datagramPlane, hostTiming } from "../wire/media.ts";
import type { HostPipeline } from "./pipeline.ts";

/** Sends all that have been measured since the last time. */
export function sendTimings(connection: ControlConnection, { send }: HostPipeline): void {
  const entriesMax = Math.floor((limit("datagram_bytes_max") - 4) / hostTiming.bytes);
  for (;;) {
    const entries = send.takeTimings(entriesMax);
    const count = entries.length / hostTiming.bytes;
    if (count === 0) return;
    const datagram = new Uint8Array(4 + entries.length);
    datagram[0] = datagramPlane.hostTiming[0];
    datagram[1] = count;
    datagram.set(entries, 4);
    connection.sendDatagram(datagram);
  }
}
