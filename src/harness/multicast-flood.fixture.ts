/**
 * Sends mDNS messages that are made to cost their readers much, as fast as it can, for as many
 * milliseconds as it is told, from an address and to the group; prints how many.
 */
import { createSocket } from "node:dgram";

const [address = "", milliseconds = "0"] = process.argv.slice(2);
const port = 5353;
const group = "224.0.0.251";

/**
 * A response whose 40 pointer records have names that hop backwards through the 300 compression
 * pointers of its first record: as many steps as a packet of this size can cost.
 */
function costly(): Uint8Array {
  const [chainAt, hops, records] = [23, 300, 40];
  const bytes = new Uint8Array(chainAt + 1 + hops * 2 + records * 14);
  const view = new DataView(bytes.buffer);
  view.setUint16(2, 0x8400);
  view.setUint16(6, 1 + records);
  // The root's name, a type that nobody knows, the Internet's class, no time, its length.
  view.setUint16(13, 65_280);
  view.setUint16(15, 1);
  view.setUint16(21, 1 + hops * 2);
  const hopAt = (hop: number) => chainAt + 1 + hop * 2;
  for (let hop = 0; hop < hops; hop++) {
    view.setUint16(hopAt(hop), 0xc000 | (hop === 0 ? chainAt : hopAt(hop - 1)));
  }
  const last = 0xc000 | hopAt(hops - 1);
  for (let record = 0; record < records; record++) {
    const at = hopAt(hops) + record * 14;
    for (const [offset, value] of [
      [0, last],
      [2, 12],
      [4, 1],
      [10, 2],
      [12, last],
    ] as const) {
      view.setUint16(at + offset, value);
    }
  }
  return bytes;
}

const query = Buffer.from(
  "000000000001000000000000" + "0a5f70756e6b7466756e6b045f756470056c6f63616c00" + "000c0001",
  "hex",
);
const messages = [costly(), query, crypto.getRandomValues(new Uint8Array(1200)), new Uint8Array(3)];
const socket = createSocket({ type: "udp4", reuseAddr: true });
socket.bind(port, group, async () => {
  socket.setMulticastInterface(address);
  const endsAt = performance.now() + Number(milliseconds);
  let sent = 0;
  while (performance.now() < endsAt) {
    for (let each = 0; each < 50; each++)
      socket.send(messages[sent++ % 4] as Uint8Array, port, group);
    await Bun.sleep(1);
  }
  process.stdout.write(`${JSON.stringify({ type: "sent", sent })}\n`);
  socket.close();
});
