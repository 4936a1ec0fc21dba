/** What the operator's terminal and scripts are told of trust; a PIN is none of it. */
import { limit } from "../wire/limits.ts";
import type { HostReport } from "./report.ts";
import type { Trust, TrustEvent } from "./trust/trust.ts";
import type { WindowEnd } from "./trust/window.ts";

const ends: Partial<Record<WindowEnd, string>> = {
  burnt: "The PIN was used up by a wrong guess. For a new one: punktfunk host arm.",
  expired: "The PIN's time is over. For a new one: punktfunk host arm.",
  disarmed: "Pairing was switched off.",
};

/** Reports what happens until the function that it returns is called. */
export function reportTrust(trust: Trust, onReport: (report: HostReport) => void): () => void {
  return trust.subscribe((event) => {
    const report = reportOf(trust, event);
    if (report !== undefined) onReport(report);
  });
}

function reportOf(trust: Trust, event: TrustEvent): HostReport | undefined {
  switch (event.topic) {
    case "device": {
      const { type, device } = event.event;
      if (type !== "added" && type !== "revoked") return undefined;
      const { id, name, level } = device;
      return { type: type === "added" ? "paired" : "revoked", id, name, level };
    }
    case "waiting": {
      const { type, request } = event.event;
      const { id, name, address, fingerprint } = request;
      if (type === "settled") return { type: "pending-settled", id, name, how: event.event.how };
      const expiresAt = new Date(Date.now() + trust.leftMsOf(request)).toISOString();
      return { type: "pending", id, name, address, fingerprint, expiresAt };
    }
    case "pairing": {
      const { event: pairing } = event;
      if (pairing.type === "armed") {
        const message = "Pairing is armed: the PIN is shown where that was done.";
        return { type: "note", level: "info", message };
      }
      const message = ends[pairing.how];
      if (message === undefined) return undefined;
      return { type: "note", level: pairing.how === "burnt" ? "warn" : "info", message };
    }
    case "connected":
      return undefined;
  }
}

/** Arms pairing for who started the host, and tells them the PIN. */
export function armForOperator(trust: Trust, onReport: (report: HostReport) => void): void {
  const { window } = trust.arm({ level: "full", durationMs: limit("pair_window_ms") });
  if (window === null) return;
  const { pin, level, expiresAt } = window;
  onReport({ type: "armed", pin, level, expiresAt });
}
