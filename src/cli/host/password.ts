/** A new password, from a person or from a script. */
import { isCancel, password } from "@clack/prompts";
import { PfError } from "../../base/errors.ts";
import { passwordCharsMin } from "../../wire/management.ts";

/** Asks twice, since nobody sees what is typed. Throws PF_INTERRUPTED. */
export async function askPassword(signal: AbortSignal): Promise<string> {
  const ask = async (
    message: string,
    validate: (typed: string | undefined) => string | undefined,
  ) => {
    const answer = await password({ message, validate, output: process.stderr, signal });
    if (!isCancel(answer)) return answer;
    throw new PfError("PF_INTERRUPTED", "No password was given: nothing was changed.");
  };
  const first = await ask("The new password of the web page", (typed = "") =>
    typed.length < passwordCharsMin ? `It needs ${passwordCharsMin} characters.` : undefined,
  );
  await ask("The same again", (typed) =>
    typed === first ? undefined : "That is not the same; Ctrl-C begins anew.",
  );
  return first;
}

/** More than a password has, and no more than that is read. */
const lineBytesMax = 4096;

/** The first line, without its end. */
export async function readPassword(input: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (chunk.includes(0x0a) || bytes > lineBytesMax) break;
  }
  const [line = ""] = Buffer.concat(chunks).toString("utf8").split("\n");
  return line.replace(/\r$/, "");
}
