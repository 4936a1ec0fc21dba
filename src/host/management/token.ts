/** The owner's token: who can read the file of the host's user may do everything. */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { Secret } from "../../base/secret.ts";
import { createState, readState, statePath } from "../../base/state.ts";

const fileSchema = z.object({ version: z.literal(1), token: z.string().length(43) });

/** Where the token is kept, readable by the host's user alone. */
export const tokenPath = () => statePath("data", "management-token.json");

/** 32 random bytes, base64url: what every token here is made of. */
export const makeToken = () => randomBytes(32).toString("base64url");

/** What a token is kept and compared by. */
export const digestOf = (token: string) => createHash("sha256").update(token).digest();

export const isSameDigest = (one: Buffer, other: Buffer) => timingSafeEqual(one, other);

/** The token, made when there is none. Throws PF_STATE_INVALID. */
export async function loadToken(path = tokenPath()): Promise<Secret<string>> {
  const found = await readState(path, fileSchema);
  if (found !== undefined) return new Secret(found.token);
  const made = { version: 1 as const, token: makeToken() };
  if (await createState(path, made)) return new Secret(made.token);
  return loadToken(path);
}

/** The token, if a host has made one. */
export async function readToken(path = tokenPath()): Promise<Secret<string> | undefined> {
  const found = await readState(path, fileSchema);
  return found === undefined ? undefined : new Secret(found.token);
}
