/**
 * Two network namespaces of the kernel with a cable (veth) between them, for tests and benchmarks
 * on a real path: own routes, own sockets, nothing of loopback. A namespace lives as long as a
 * process in it, here one that sleeps and is killed with its parent: nothing stays behind, whatever
 * happens. Needs root, iproute2 and util-linux.
 */
import { readlinkSync } from "node:fs";
import { until } from "./processes.ts";

type End = "host" | "client";

export interface Namespaces {
  /** Words to put in front of a command that is to run at that end, and the end's address. */
  readonly host: { readonly prefix: readonly string[]; readonly address: string };
  readonly client: { readonly prefix: readonly string[]; readonly address: string };
  /** Runs `ip` or another command at an end; throws with its words when it fails. */
  run(end: End, command: readonly string[]): Promise<void>;
}

/** Why there can be none on this machine; undefined = there can. */
export async function namespacesMissing(): Promise<string | undefined> {
  if (process.geteuid?.() !== 0) return "network namespaces need root";
  for (const tool of ["ip", "unshare", "nsenter", "setpriv"]) {
    if (Bun.which(tool) === null) return `network namespaces need ${tool}`;
  }
  const refused = await execute(["unshare", "--net", "true"]).catch((error: Error) => error);
  return refused === undefined ? undefined : `there can be no namespace here: ${refused.message}`;
}

/** Runs `body` with two namespaces, which are gone afterwards. */
export async function withNamespaces<Result>(
  body: (namespaces: Namespaces) => Promise<Result>,
): Promise<Result> {
  await using stack = new AsyncDisposableStack();
  const pids = { host: await holdNamespace(stack), client: await holdNamespace(stack) };
  // Addresses for documentation (RFC 5737): they meet nothing of this machine.
  const addresses = { host: "192.0.2.1", client: "192.0.2.2" };
  const prefix = (end: End) => ["nsenter", `--net=/proc/${pids[end]}/ns/net`];
  const run = (end: End, command: readonly string[]) => execute([...prefix(end), ...command]);
  const cable = ["type", "veth", "peer", "name", "pf0", "netns", String(pids.client)];
  await execute(["ip", "link", "add", "pf0", "netns", String(pids.host), ...cable]);
  for (const end of ["host", "client"] as const) {
    await run(end, ["ip", "link", "set", "lo", "up"]);
    await run(end, ["ip", "address", "add", `${addresses[end]}/24`, "dev", "pf0"]);
    await run(end, ["ip", "link", "set", "pf0", "up"]);
  }
  return await body({
    host: { prefix: prefix("host"), address: addresses.host },
    client: { prefix: prefix("client"), address: addresses.client },
    run,
  });
}

/** Starts a process that does nothing but keep a new namespace; returns its number. */
async function holdNamespace(stack: AsyncDisposableStack): Promise<number> {
  const sleep = ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"];
  const holder = Bun.spawn(sleep, { stdin: "ignore", stdout: "ignore", stderr: "ignore" });
  stack.defer(async () => {
    holder.kill("SIGKILL");
    await holder.exited;
  });
  const own = readlinkSync("/proc/self/ns/net");
  await until(() => {
    if (holder.exitCode !== null) throw new Error("a namespace could not be made");
    return readlinkSync(`/proc/${holder.pid}/ns/net`) !== own;
  }, "a namespace");
  return holder.pid;
}

async function execute(command: readonly string[]): Promise<void> {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const words = (await new Response(child.stderr).text()).trim();
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: ${words}`);
}
