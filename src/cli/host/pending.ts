import type { PendingDevice } from "../../wire/management.ts";
import { command } from "../command.ts";
import { apiArguments, reaching } from "./reaching.ts";

export default command({
  name: "host pending",
  description: "List the devices that wait for approval",
  args: apiArguments,
  examples: [
    ["punktfunk host pending", "who waits, from where, and for how long still"],
    ["punktfunk host pending --json", "one JSON line for each, for scripts"],
  ],
  async run(context) {
    const { output } = context;
    const api = await reaching(context);
    const { pending } = await api.call("pending");
    for (const each of pending) output.record({ type: "pending", ...each });
    if (pending.length === 0) output.info("No device waits for approval.");
    else if (!output.json) output.print(await words(pending));
    output.record({ type: "summary", pending: pending.length });
    return undefined;
  },
});

async function words(pending: readonly PendingDevice[]): Promise<string> {
  const { agoWords, endWords, table } = await import("./table.ts");
  const { shortFingerprint } = await import("../../client/approvals.ts");
  const now = new Date();
  return table([
    ["ID", "NAME", "FINGERPRINT", "ADDRESS", "SINCE", "ENDS"],
    ...pending.map((each) => [
      each.id,
      each.name,
      shortFingerprint(each.fingerprint),
      each.address,
      agoWords(each.since, now),
      endWords(each.expiresAt, now),
    ]),
  ]);
}
