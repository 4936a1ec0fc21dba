/** Questions to the person at the terminal. */
import { confirm, isCancel } from "@clack/prompts";
import { PfError } from "../base/errors.ts";

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
