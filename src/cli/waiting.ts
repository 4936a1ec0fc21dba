/** What a person sees while their device waits at a host: for approval, or for a place. */
import { shortFingerprint } from "../client/approvals.ts";
import type { ApprovalHook, PlaceHook } from "../client/control/reach.ts";
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
  return countdown(output, timeoutMs, `Waiting for approval on ${host}`);
}

/** Shows how many are before this client, until the returned function is called. */
export function showPlace(
  output: Output,
  host: string,
  { ahead, clients, timeoutMs }: Parameters<PlaceHook>[0],
): () => void {
  output.record({ type: "place-awaited", ahead, clients, timeoutMs });
  const before = ahead === 0 ? "This one is next" : `${ahead} more wait before this one`;
  output.info(`${host} serves ${clients} clients already. ${before}. Ctrl-C gives up.`);
  return countdown(output, timeoutMs, `Waiting for a place on ${host}`);
}

function countdown(output: Output, timeoutMs: number, what: string): () => void {
  const endsMs = performance.now() + timeoutMs;
  let count = 0;
  const timer = setInterval(() => {
    const seconds = Math.max(0, Math.ceil((endsMs - performance.now()) / 1000));
    const left = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
    output.live(`${frames[count++ % frames.length]} ${what}, ${left} left`);
  }, frameMs);
  return () => {
    clearInterval(timer);
    output.endLive();
  };
}
