/** Questions to the person at the terminal. */
import { confirm, isCancel, select, text } from "@clack/prompts";
import { PfError } from "../base/errors.ts";
import { approvalQuestion, type PendingRequest, type Verdict } from "../client/approvals.ts";
import { limit } from "../wire/limits.ts";
import { parsePin } from "../wire/pairing/pin.ts";

/** Trust on first use: asks whether a host that was never seen before is the right one. */
export async function confirmFingerprint(host: string, fingerprint: string): Promise<boolean> {
  const pairs = fingerprint.match(/.{4}/g)?.join(" ") ?? fingerprint;
  const answer = await confirm({
    message: `${host} was never seen before. Its fingerprint is\n   ${pairs}\nDoes the host show the same one?`,
    initialValue: false,
    output: process.stderr,
  });
  if (isCancel(answer)) {
    throw new PfError("PF_INTERRUPTED", "The question was not answered: nothing was sent.");
  }
  return answer;
}

/** The PIN that a host shows. */
export async function askPin(host: string, signal: AbortSignal): Promise<string> {
  const digits = limit("pin_digits");
  const answer = await text({
    message: `The PIN that ${host} shows (punktfunk host arm shows a new one there)`,
    placeholder: "123 456",
    validate: (typed) =>
      parsePin(typed ?? "") === undefined ? `A PIN has ${digits} digits.` : undefined,
    output: process.stderr,
    signal,
  });
  if (isCancel(answer)) {
    throw new PfError("PF_INTERRUPTED", "No PIN was given: the host was not asked.");
  }
  return parsePin(answer) as string;
}

/** Whether a device may pair with the host; undefined: no answer, and others may give one. */
export async function askApproval(
  request: PendingRequest,
  hostName: string,
  signal: AbortSignal,
): Promise<Verdict | undefined> {
  const answer = await select<Verdict | "later">({
    message: approvalQuestion(request, hostName),
    options: [
      { value: null, label: "Deny", hint: "send it away" },
      { value: "view", label: "Only to view", hint: "picture and sound" },
      { value: "play", label: "To play", hint: "picture, sound and input" },
      { value: "full", label: "Everything", hint: "and to manage the host" },
      { value: "later", label: "Not now" },
    ],
    initialValue: null,
    output: process.stderr,
    signal,
  });
  if (!isCancel(answer)) return answer === "later" ? undefined : answer;
  // The prompt has taken Ctrl-C, which was meant for the program.
  if (!signal.aborted) process.kill(process.pid, "SIGINT");
  return undefined;
}
