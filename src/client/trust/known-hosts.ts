/**
 * The hosts that this client has trusted, by the name and port that the person used. The first use
 * of a name pins the host's certificate; afterwards only that certificate is good.
 */
import { z } from "zod";
import { PfError } from "../../base/errors.ts";
import { readState, statePath, updateState } from "../../base/state.ts";
import { parseFingerprint } from "../../wire/fingerprint.ts";

const hostSchema = z.object({
  /** As the person wrote it: `name:port`, lower case. */
  host: z.string(),
  fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
  firstSeen: z.iso.datetime(),
  lastSeen: z.iso.datetime(),
});
const fileSchema = z.object({ version: z.literal(1), hosts: z.array(hostSchema) });

export type KnownHost = z.infer<typeof hostSchema>;

/** Where known hosts are kept. */
export const knownHostsPath = () => statePath("data", "known-hosts.json");

/** How a host is looked up: name and port. */
export const hostKey = (host: string, port: number) => `${host.toLowerCase()}:${port}`;

/** All known hosts. Throws PF_STATE_INVALID. */
export async function readKnownHosts(path = knownHostsPath()): Promise<readonly KnownHost[]> {
  return (await readState(path, fileSchema))?.hosts ?? [];
}

export interface SeenHost {
  readonly host: string;
  readonly port: number;
  readonly fingerprint: string;
  readonly now: Date;
}

/** Remembers a trusted host, or that it was seen again; one entry a name and port. */
export async function rememberHost(seen: SeenHost, path = knownHostsPath()): Promise<void> {
  await updateState(path, fileSchema, (current) => ({
    version: 1 as const,
    hosts: withHost(current?.hosts ?? [], seen),
  }));
}

function withHost(hosts: readonly KnownHost[], seen: SeenHost): KnownHost[] {
  const host = hostKey(seen.host, seen.port);
  const lastSeen = seen.now.toISOString();
  const old = hosts.find((each) => each.host === host);
  const isSame = old?.fingerprint === seen.fingerprint;
  const firstSeen = isSame ? old.firstSeen : lastSeen;
  const others = hosts.filter((each) => each.host !== host);
  return [...others, { host, fingerprint: seen.fingerprint, firstSeen, lastSeen }];
}

export interface TrustQuestion {
  readonly host: string;
  readonly port: number;
  /** What the host showed. */
  readonly fingerprint: string;
  /** From --fingerprint, as the person wrote it. */
  readonly pinned: string | undefined;
  readonly known: readonly KnownHost[];
  /**
   * Fingerprint of this very user's own host, if there is one. Only who can read this user's files
   * can show its certificate, so there is nothing to ask.
   */
  readonly own: string | undefined;
  /** Whether a person can be asked. */
  readonly canAsk: boolean;
}

export type TrustAnswer =
  /** `remember`: it is to be written to the known hosts. */
  | { readonly kind: "trusted"; readonly remember: boolean }
  | { readonly kind: "ask" }
  | { readonly kind: "refused"; readonly error: PfError };

/** Whether a host may be connected to. Pure. */
export function judgeHost(question: TrustQuestion): TrustAnswer {
  const { host, port, fingerprint, pinned, known, own, canAsk } = question;
  if (pinned !== undefined) {
    const expected = parseFingerprint(pinned);
    if (expected === undefined) return { kind: "refused", error: malformedPin(pinned) };
    if (expected === fingerprint) return { kind: "trusted", remember: true };
    return { kind: "refused", error: mismatch(question, expected, "--fingerprint names") };
  }
  if (fingerprint === own) return { kind: "trusted", remember: false };
  const entry = known.find((each) => each.host === hostKey(host, port));
  if (entry?.fingerprint === fingerprint) return { kind: "trusted", remember: true };
  if (entry !== undefined) {
    const since = `was known by since ${entry.firstSeen.slice(0, 10)}`;
    return { kind: "refused", error: mismatch(question, entry.fingerprint, `it ${since}`) };
  }
  if (canAsk) return { kind: "ask" };
  const error = new PfError(
    "PF_FINGERPRINT_UNKNOWN",
    `${host}:${port} is not known yet. Its fingerprint is ${fingerprint}.`,
    {
      hint:
        "Compare it with what punktfunk serve shows on the host, then connect with " +
        `--fingerprint ${fingerprint}`,
    },
  );
  return { kind: "refused", error };
}

/** When the person said no to the question. */
export function declinedError({ host, port }: Pick<TrustQuestion, "host" | "port">): PfError {
  return new PfError("PF_FINGERPRINT_UNKNOWN", `${host}:${port} was not trusted.`, {
    hint: "Compare the fingerprint with what punktfunk serve shows on the host.",
  });
}

function malformedPin(pinned: string): PfError {
  return new PfError("PF_USAGE", `"${pinned}" is not a fingerprint.`, {
    hint: "A fingerprint has 64 hex digits: punktfunk serve shows it on the host.",
  });
}

function mismatch(question: TrustQuestion, expected: string, where: string): PfError {
  const { host, port, fingerprint } = question;
  return new PfError(
    "PF_FINGERPRINT_MISMATCH",
    `${host}:${port} shows the fingerprint ${fingerprint}, but ${where} ${expected}.`,
    {
      hint:
        "Either its state was made anew (compare with what punktfunk serve shows on the host, then " +
        `connect with --fingerprint ${fingerprint}), or another machine answers in its place.`,
    },
  );
}
