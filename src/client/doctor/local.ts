/** What of the way to a host lies on this machine: the kernel's buffers, and the interface. */
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { networkInterfaces } from "node:os";
import type { Examination } from "../../base/diagnosis.ts";
import { toPfError } from "../../base/errors.ts";
import { asRoot } from "../../base/install.ts";
import { EventQueue } from "../../ffi/core/core.ts";
import { UdpPort } from "../../ffi/media/port.ts";
import { limit } from "../../wire/limits.ts";
import { stageNumber } from "../pipeline.ts";

/** A path that carries whole shards with all headers on IPv4 and IPv6. */
const mtuMin = 1492;

/** Opens a port as a stream does, and hears what the kernel gives it. */
export function checkBuffers(look: Examination): void {
  const bytes = limit("socket_bytes");
  const lines = `net.core.rmem_max=${bytes}\\nnet.core.wmem_max=${bytes}\\n`;
  const fix =
    `printf '${lines}' | ${asRoot("tee /etc/sysctl.d/90-punktfunk.conf")} && ` +
    asRoot("sysctl --system");
  let events: EventQueue | undefined;
  try {
    events = new EventQueue();
    const port = new UdpPort({ address: "127.0.0.1", port: 0, events, stage: stageNumber.port });
    const small = events.take().find(({ kind }) => kind === "note");
    port.close();
    const mib = (count: number) => `${(count / 2 ** 20).toFixed(1)} MiB`;
    if (small === undefined) {
      look.ok("socket buffers", `The kernel gives ${mib(bytes)} each way.`);
    } else {
      const given = `The kernel gives ${mib(small.a)} to receive and ${mib(small.b)} to send`;
      look.warn("socket buffers", `${given}, not ${mib(bytes)}: bursts lose packets.`, fix);
    }
  } catch (thrown) {
    look.fail("socket buffers", toPfError(thrown).sentence(), "npm run setup");
  } finally {
    void events?.close();
  }
}

/** The interface that leads to the host, and what it carries in one piece. */
export async function checkRoute(look: Examination, address: string): Promise<void> {
  const own = await localAddress(address).catch((error: Error) => error);
  if (own instanceof Error) {
    look.fail("route", `There is no way to ${address}: ${own.message}.`, "ip route");
    return;
  }
  const name = Object.entries(networkInterfaces()).find(([, all]) =>
    all?.some((each) => each.address === own),
  )?.[0];
  const mtu = name === undefined ? Number.NaN : mtuOf(name);
  if (name === undefined || Number.isNaN(mtu)) {
    look.ok("route", `This machine is ${own} to it.`);
  } else if (mtu < mtuMin) {
    const detail = `${name} carries ${mtu} bytes in one piece, a media packet needs ${mtuMin}.`;
    look.warn("route", detail, asRoot(`ip link set dev ${name} mtu 1500`));
  } else {
    look.ok("route", `It is reached by ${name} from ${own}; the MTU is ${mtu}.`);
  }
}

function localAddress(address: string): Promise<string> {
  const { promise, resolve: found, reject } = Promise.withResolvers<string>();
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  socket.on("error", reject);
  socket.connect(9, address, (error?: Error) => {
    if (error) reject(error);
    else found(socket.address().address);
  });
  return promise.finally(() => socket.close());
}

function mtuOf(name: string): number {
  try {
    return Number(readFileSync(`/sys/class/net/${name}/mtu`, "utf8"));
  } catch {
    return Number.NaN;
  }
}
