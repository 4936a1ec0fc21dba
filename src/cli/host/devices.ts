import type { Device } from "../../wire/management.ts";
import { command } from "../command.ts";
import { apiArguments, reaching } from "./reaching.ts";

export default command({
  name: "host devices",
  description: "List the paired devices",
  args: apiArguments,
  examples: [
    ["punktfunk host devices", "name, level, expiry, and when each was here last"],
    ["punktfunk host devices --json", "one JSON line for each, for scripts"],
  ],
  async run(context) {
    const { output } = context;
    const api = await reaching(context);
    const { devices } = await api.call("devices");
    for (const device of devices) output.record({ type: "device", ...device });
    if (devices.length === 0) {
      output.info("No device is paired. Show a PIN for one: punktfunk host arm.");
    } else if (!output.json) output.print(await words(devices));
    output.record({ type: "summary", devices: devices.length });
    return undefined;
  },
});

async function words(devices: readonly Device[]): Promise<string> {
  const { agoWords, endWords, table } = await import("./table.ts");
  const { shortFingerprint } = await import("../../client/approvals.ts");
  const now = new Date();
  return table([
    ["ID", "NAME", "LEVEL", "FINGERPRINT", "SEEN", "EXPIRES"],
    ...devices.map((device) => [
      device.id,
      device.name,
      device.level,
      shortFingerprint(device.fingerprint),
      device.connected ? "here" : agoWords(device.lastSeenAt, now),
      device.expired ? "over" : endWords(device.expiresAt, now),
    ]),
  ]);
}
