/** What a person sees while their device waits for approval at a host. */
import { shortFingerprint } from "../client/approvals.ts";
import type { ApprovalHook } from "../client/control/reach.ts";
import type { Output } from "./output.ts";

const frames = ["◐", "◓", "◑", "◒"];
const frameMs = 120;

/** Shows it until the returned function is called. */
export function showWaiting(
  output: Output,
  host: string,
  awaited: Parameters<ApprovalHook>[0],
): () => void {
  const { id, name, fingerprint, timeoutMs } = awaited;
  output.record({ type: "approval-awaited", id, name, fingerprint, timeoutMs });
  output.info(
    `${host} has to let this device in: "${name}", fingerprint ${shortFingerprint(fingerprint)}. ` +
      `There: punktfunk host approve ${id}, or the web page. Ctrl-C gives up.`,
  );
  const endsMs = performance.now() + timeoutMs;
  let count = 0;
  const timer = setInterval(() => {
    const seconds = Math.max(0, Math.ceil((endsMs - performance.now()) / 1000));
    const left = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    output.live(`${frames[count++ % frames.length]} Waiting for approval on ${host}, ${left} left`);
  }, frameMs);
  return () => {
    clearInterval(timer);
    output.endLive();
  };
}
