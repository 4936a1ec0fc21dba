import type { FoundHost } from "../../client/discovery/browse.ts";
import { parseDuration } from "../arguments.ts";
import { command, jsonArgument } from "../command.ts";

const millisecondsUsual = 3000;

export default command({
  name: "discover",
  description: "List the hosts that advertise themselves in this network",
  args: {
    seconds: {
      type: "string",
      description: "how long to look; usual: 3, with --watch until Ctrl-C",
      valueHint: "TIME",
    },
    watch: { type: "boolean", description: "tell of each host as it comes and goes" },
    ...jsonArgument,
  },
  examples: [
    ["punktfunk discover", "look for three seconds, then list what was found"],
    ["punktfunk discover --watch", "see hosts come and go"],
    ["punktfunk discover --seconds 1 --json", "one JSON line for each host, for scripts"],
  ],
  async run({ args, output, interrupted }) {
    const { browse, findHosts } = await import("../../client/discovery/browse.ts");
    const { readKnownHosts } = await import("../../client/trust/known-hosts.ts");
    const { readHostFingerprint } = await import("../../host/trust/identity.ts");
    const { hostLine, hostTable, nothingFound } = await import("../hosts.ts");
    const milliseconds = args.seconds === undefined ? undefined : parseDuration(args.seconds);
    const trust = { known: await readKnownHosts(), own: await readHostFingerprint() };
    const onProblem = (problem: string) => output.warn(problem);
    const record = ({ name, addresses, port, pair, fingerprint, id }: FoundHost) =>
      output.record({ type: "host", name, addresses, port, pair, fingerprint, id });
    if (args.watch !== true) {
      output.live("Looking for hosts …");
      const options = { signal: interrupted, onProblem };
      const hosts = await findHosts(milliseconds ?? millisecondsUsual, options);
      for (const host of hosts) record(host);
      if (hosts.length > 0 && !output.json) output.print(hostTable(hosts, trust));
      if (hosts.length === 0) output.warn(nothingFound(milliseconds ?? millisecondsUsual));
      output.record({ type: "summary", hosts: hosts.length });
      return undefined;
    }
    const present = new Set<string>();
    const ends =
      milliseconds === undefined
        ? interrupted
        : AbortSignal.any([interrupted, AbortSignal.timeout(milliseconds)]);
    output.live("Looking for hosts; Ctrl-C ends it …");
    await browse({
      onHost: (host) => {
        present.add(host.id);
        record(host);
        output.info(hostLine(host, trust));
      },
      onGone: ({ id, name }) => {
        present.delete(id);
        output.record({ type: "gone", id });
        output.info(`${name} has gone.`);
      },
      onProblem,
      signal: ends,
    });
    output.record({ type: "summary", hosts: present.size });
    return undefined;
  },
});
