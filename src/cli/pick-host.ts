/** Which host a person means who names none: one of those that were found, or known from before. */
import { select } from "@clack/prompts";
import { PfError } from "../base/errors.ts";
import type { HostTarget, ReachHooks } from "../client/control/reach.ts";
import { type FoundHost, findHosts } from "../client/discovery/browse.ts";
import { askDisplays } from "../client/displays.ts";
import { type KnownHost, readKnownHosts } from "../client/trust/known-hosts.ts";
import { readHostFingerprint } from "../host/trust/identity.ts";
import type { HostAddress } from "./arguments.ts";
import { placeOfHost, type TrustedHosts, trustMark } from "./hosts.ts";
import type { Output } from "./output.ts";
import { answerTo, type PromptOptions } from "./prompts.ts";

export interface PickedHost extends HostAddress {
  /** undefined = it is only known from before. */
  readonly found: FoundHost | undefined;
}

/** Hosts answer within a fraction of it, and a person waits. */
const searchMs = 2000;

/**
 * Asks for a host. Throws PF_USAGE where nobody can be asked, PF_HOST_UNKNOWN when there is none to
 * choose, PF_INTERRUPTED when the person chooses none.
 */
export async function pickHost(
  commandName: string,
  { output, signal }: { readonly output: Output; readonly signal: AbortSignal },
): Promise<PickedHost> {
  if (!output.canAsk) {
    throw new PfError("PF_USAGE", `punktfunk ${commandName} needs to know the HOST.`, {
      hint: `Write punktfunk ${commandName} HOST; punktfunk discover lists those in this network.`,
    });
  }
  for (;;) {
    output.live("Looking for hosts …");
    const onProblem = (problem: string) => output.warn(problem);
    const found = await findHosts(searchMs, { signal, onProblem });
    output.endLive();
    if (signal.aborted) throw declined();
    const trust = { known: await readKnownHosts(), own: await readHostFingerprint() };
    const choices = choicesOf(found, trust);
    if (choices.length === 0) {
      throw new PfError(
        "PF_HOST_UNKNOWN",
        "No host was found in this network, and none is known.",
        {
          hint: `Start punktfunk serve on a host, or write punktfunk ${commandName} ADDRESS.`,
        },
      );
    }
    const again = { value: -1, label: "Look again" };
    const options = [...choices.map(({ label, hint }, value) => ({ value, label, hint })), again];
    const message = `Which host? (${commandName})`;
    const answer = await answerTo((given) => select({ message, options, ...given }), signal);
    if (answer === undefined) throw declined();
    const choice = choices[answer];
    if (choice !== undefined) return choice.host;
  }
}

interface Choice {
  readonly label: string;
  readonly hint: string;
  readonly host: PickedHost;
}

/** Those that were found first, then those that are known and did not answer. */
export function choicesOf(found: readonly FoundHost[], trust: TrustedHosts): Choice[] {
  const answering = found.map((host) => ({
    label: host.name,
    hint: `${placeOfHost(host)}, pairing ${host.pair}, ${trustMark(host, trust)}`,
    host: { host: host.name, port: host.port, found: host },
  }));
  const silent = trust.known
    .filter(({ fingerprint }) => !found.some((host) => host.fingerprint === fingerprint))
    .toSorted((a, b) => (a.lastSeen < b.lastSeen ? 1 : -1));
  return [...answering, ...silent.map(choiceOfKnown)];
}

function choiceOfKnown({ host, lastSeen }: KnownHost): Choice {
  const at = host.lastIndexOf(":");
  const address = { host: host.slice(0, at), port: Number(host.slice(at + 1)) };
  const hint = `did not answer; last seen on ${lastSeen.slice(0, 10)}`;
  return { label: host, hint, host: { ...address, found: undefined } };
}

/**
 * Asks which of a host's desktops to stream; undefined: the host chooses. Throws PF_USAGE where
 * nobody can be asked.
 */
export async function pickDisplay(
  target: HostTarget,
  hooks: ReachHooks,
  output: Output,
): Promise<string | undefined> {
  if (!output.canAsk) {
    throw new PfError("PF_USAGE", "--compositor needs a name where nobody can be asked.", {
      hint: "connect --json shows those of the host in its welcome line.",
    });
  }
  const displays = await askDisplays(target, hooks);
  const options = [
    { value: -1, label: "The host chooses", hint: "what runs there, else a desktop of its own" },
    ...displays.map(({ kind, version }, value) => ({ value, label: kind, hint: version ?? "" })),
  ];
  const message = `Which desktop of ${target.host}?`;
  const ask = (given: PromptOptions) => select({ message, options, ...given });
  const answer = await answerTo(ask, hooks.interrupted);
  if (answer === undefined) throw declined();
  return displays[answer]?.kind;
}

const declined = () => new PfError("PF_INTERRUPTED", "Nothing was chosen: nothing was sent.");
