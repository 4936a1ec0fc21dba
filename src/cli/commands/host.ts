import { group } from "../command.ts";

export default group({
  name: "host",
  description: "Manage a host that runs: its devices, sessions, settings",
  commands: {
    status: async () => (await import("../host/status.ts")).default,
    arm: async () => (await import("../host/arm.ts")).default,
    disarm: async () => (await import("../host/disarm.ts")).default,
    pending: async () => (await import("../host/pending.ts")).default,
    approve: async () => (await import("../host/approve.ts")).default,
    deny: async () => (await import("../host/deny.ts")).default,
    devices: async () => (await import("../host/devices.ts")).default,
    rename: async () => (await import("../host/change-device.ts")).rename,
    level: async () => (await import("../host/change-device.ts")).level,
    expire: async () => (await import("../host/change-device.ts")).expire,
    revoke: async () => (await import("../host/change-device.ts")).revoke,
    sessions: async () => (await import("../host/sessions.ts")).default,
    kick: async () => (await import("../host/kick.ts")).default,
    token: async () => (await import("../host/access.ts")).token,
    password: async () => (await import("../host/access.ts")).password,
    settings: async () => (await import("../host/settings.ts")).default,
    logs: async () => (await import("../host/logs.ts")).default,
  },
  examples: [
    ["punktfunk host arm", "show a PIN for punktfunk pair"],
    ["punktfunk host pending", "see who waits; then punktfunk host approve ID"],
    ["punktfunk host status --at gamingbox", "manage a host elsewhere, from a paired device"],
  ],
});
