import type { Status } from "../../wire/management.ts";
import { command } from "../command.ts";
import { apiArguments, reaching } from "./reaching.ts";

export default command({
  name: "host status",
  description: "The host at a glance: what it serves, who is there, who waits",
  args: apiArguments,
  examples: [
    ["punktfunk host status", "of the host on this machine"],
    ["punktfunk host status --at gamingbox", "of one elsewhere that this device may manage"],
    ["punktfunk host status --json", "for scripts"],
  ],
  async run(context) {
    const { output } = context;
    const api = await reaching(context);
    const status = await api.call("status");
    output.record({ type: "status", ...status });
    if (!output.json) output.print(await words(status));
    const { sessions, devices, pending } = status;
    output.record({ type: "summary", sessions, devices, pending });
    return undefined;
  },
});

async function words(status: Status): Promise<string> {
  const { durationWords, facts } = await import("./table.ts");
  const upMs = Date.now() - Date.parse(status.startedAt);
  const waiting = status.pending === 0 ? "none" : `${status.pending}: punktfunk host pending`;
  return facts([
    ["name", `${status.name}, punktfunk ${status.version}, up for ${durationWords(upMs)}`],
    ["fingerprint", status.fingerprint],
    ["pairing", status.pair === "required" ? "required" : "OPEN: whoever reaches it controls it"],
    ["ports", `UDP ${status.controlPort} and ${status.mediaPort}, TCP ${status.managementPort}`],
    ["sessions", `${status.sessions} now, ${status.sessionsTotal} since the start`],
    ["refused", `${status.refusedTotal} since the start`],
    ["devices", `${status.devices} paired`],
    ["waiting", waiting],
  ]);
}
