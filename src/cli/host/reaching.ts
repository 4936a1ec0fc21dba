/** The flags of every command that speaks to a host's management API, and getting there by them. */
import type { CommandContext } from "../command.ts";
import { jsonArgument } from "../command.ts";
import type { HostApi } from "./api.ts";

export const apiArguments = {
  at: {
    type: "string",
    description: "a host elsewhere that takes this device as a manager; usual: the one here",
    valueHint: "HOST[:PORT]",
  },
  fingerprint: {
    type: "string",
    description: "with --at: the host's certificate must have this SHA-256, in hex",
    valueHint: "HEX",
  },
  ...jsonArgument,
} as const;

type Reaching = Pick<CommandContext<typeof apiArguments>, "args" | "output" | "interrupted">;

/** The API that the flags name. `signal` ends every call instead of Ctrl-C. */
export async function reaching(
  { args, output, interrupted }: Reaching,
  signal: AbortSignal = interrupted,
): Promise<HostApi> {
  const { reachApi } = await import("./reach.ts");
  return reachApi({ at: args.at, fingerprint: args.fingerprint, output, signal });
}
