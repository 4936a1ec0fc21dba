/** For tests: a connected socket as a bare descriptor, such as services give away over a bus. */
import { dlopen, ptr } from "bun:ffi";

const libc = dlopen("libc.so.6", {
  socket: { args: ["i32", "i32", "i32"], returns: "i32" },
  connect: { args: ["i32", "ptr", "u32"], returns: "i32" },
}).symbols;

/** unix(7). */
const family = 1;
const streamAndCloseOnExec = 0o2000001;
const addressBytes = 110;

/** Connected to the listener at a path; the caller's to close. */
export function connectSocket(path: string): number {
  const address = new Uint8Array(addressBytes);
  new DataView(address.buffer).setUint16(0, family, true);
  address.set(new TextEncoder().encode(path), 2);
  const fd = libc.socket(family, streamAndCloseOnExec, 0);
  if (libc.connect(fd, ptr(address), addressBytes) !== 0) throw new Error(`nobody is at ${path}`);
  return fd;
}
