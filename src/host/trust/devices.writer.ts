/**
 * A program for devices.test.ts to kill: pairs devices in the file that its first argument names,
 * numbered from the second on, and says each one's number once it is paired.
 */
import { DeviceStore } from "./devices.ts";

const [path, first] = process.argv.slice(2);
const store = await DeviceStore.open(path);
for (let number = Number(first); ; number++) {
  const publicKey = new Uint8Array(32);
  new DataView(publicKey.buffer).setUint32(0, number);
  await store.add({ publicKey, name: `device ${number}`, level: "play" }, new Date());
  process.stdout.write(`${number}\n`);
}
