/** Questions to the person at the terminal. */
import { confirm, isCancel, text } from "@clack/prompts";
import { PfError } from "../base/errors.ts";
import { limit } from "../wire/limits.ts";
import { parsePin } from "../wire/pairing/pin.ts";

export interface PromptOptions {
  readonly output: NodeJS.WriteStream;
  readonly signal: AbortSignal;
}

/**
 * What a person answers to a prompt of clack's; undefined: they cancelled it, or `signal` aborted.
 * A prompt can't be relied on for the latter: where the terminal is gone it never ends.
 */
export async function answerTo<Answer>(
  prompt: (options: PromptOptions) => Promise<Answer>,
  signal: AbortSignal,
): Promise<Exclude<Answer, symbol> | undefined> {
  const { promise: aborted, resolve } = Promise.withResolvers<undefined>();
  const onAbort = () => resolve(undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    const answer = await Promise.race([prompt({ output: process.stderr, signal }), aborted]);
    return isCancel(answer) ? undefined : (answer as Exclude<Answer, symbol>);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Trust on first use: asks whether a host that was never seen before is the right one. */
export async function confirmFingerprint(
  host: string,
  fingerprint: string,
  signal: AbortSignal,
): Promise<boolean> {
  const pairs = fingerprint.match(/.{4}/g)?.join(" ") ?? fingerprint;
  const message = `${host} was never seen before. Its fingerprint is\n   ${pairs}\nDoes the host show the same one?`;
  const ask = (options: PromptOptions) => confirm({ message, initialValue: false, ...options });
  const answer = await answerTo(ask, signal);
  if (answer === undefined) {
    throw new PfError("PF_INTERRUPTED", "The question was not answered: nothing was sent.");
  }
  return answer;
}

/** The PIN that a host shows. */
export async function askPin(host: string, signal: AbortSignal): Promise<string> {
  const message = `The PIN that ${host} shows (punktfunk host arm shows a new one there)`;
  const wrong = `A PIN has ${limit("pin_digits")} digits.`;
  const validate = (typed = "") => (parsePin(typed) === undefined ? wrong : undefined);
  const ask = (options: PromptOptions) =>
    text({ message, placeholder: "123 456", validate, ...options });
  const pin = parsePin((await answerTo(ask, signal)) ?? "");
  if (pin === undefined) {
    throw new PfError("PF_INTERRUPTED", "No PIN was given: the host was not asked.");
  }
  return pin;
}
