/**
 * Two network namespaces of the kernel with a cable (veth) between them, for tests and benchmarks
 * on a real path: own routes, own sockets, nothing of loopback. Needs root and iproute2.
 */
import { randomBytes } from "node:crypto";

export interface Namespaces {
  /** Words to put in front of a command that is to run at that end. */
  readonly host: { readonly prefix: readonly string[]; readonly address: string };
  readonly client: { readonly prefix: readonly string[]; readonly address: string };
  /** Runs `ip` or another command at an end; throws with its words when it fails. */
  run(end: "host" | "client", command: readonly string[]): Promise<void>;
}

/** Why there can be none on this machine; undefined = there can. */
export async function namespacesMissing(): Promise<string | undefined> {
  if (process.geteuid?.() !== 0) return "network namespaces need root";
  if (Bun.which("ip") === null) return "network namespaces need iproute2";
  const name = `pf-try-${randomBytes(3).toString("hex")}`;
  try {
    await execute(["ip", "netns", "add", name]);
  } catch (thrown) {
    return `network namespaces are not allowed here: ${(thrown as Error).message}`;
  }
  await execute(["ip", "netns", "delete", name]);
  return undefined;
}

/** Runs `body` with two namespaces, which are removed afterwards whatever happens. */
export async function withNamespaces<Result>(
  body: (namespaces: Namespaces) => Promise<Result>,
): Promise<Result> {
  const id = randomBytes(3).toString("hex");
  const names = { host: `pf-host-${id}`, client: `pf-client-${id}` };
  // Addresses for documentation (RFC 5737, RFC 3849): they meet nothing of this machine.
  const addresses = { host: "192.0.2.1", client: "192.0.2.2" };
  const inside = (end: "host" | "client") => ["ip", "netns", "exec", names[end]];
  const added: string[] = [];
  try {
    for (const end of ["host", "client"] as const) {
      await execute(["ip", "netns", "add", names[end]]);
      added.push(names[end]);
      await execute([...inside(end), "ip", "link", "set", "lo", "up"]);
    }
    const cable = ["type", "veth", "peer", "name", "pf0", "netns", names.client];
    await execute(["ip", "link", "add", "pf0", "netns", names.host, ...cable]);
    for (const end of ["host", "client"] as const) {
      await execute([...inside(end), "ip", "address", "add", `${addresses[end]}/24`, "dev", "pf0"]);
      await execute([...inside(end), "ip", "link", "set", "pf0", "up"]);
    }
    return await body({
      host: { prefix: inside("host"), address: addresses.host },
      client: { prefix: inside("client"), address: addresses.client },
      run: (end, command) => execute([...inside(end), ...command]),
    });
  } finally {
    // The cable goes with its namespaces.
    for (const name of added) await execute(["ip", "netns", "delete", name]);
  }
}

async function execute(command: readonly string[]): Promise<void> {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const words = (await new Response(child.stderr).text()).trim();
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: ${words}`);
}
