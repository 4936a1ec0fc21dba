/** From what a person calls a host to where it is: an address, a name of DNS, or an advertised one. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { PfError } from "../../base/errors.ts";
import { settledWithin } from "../../base/time.ts";
import { usualPort } from "../../wire/ports.ts";
import { type FoundHost, findByName } from "./browse.ts";

export interface HostQuestion {
  /** Address, name of DNS, or name that a host advertises. */
  readonly host: string;
  /** undefined = the one that the host advertises, or else the usual one. */
  readonly port: number | undefined;
  /** Gives it up. */
  readonly signal?: AbortSignal;
}

export interface ResolvedHost {
  /** At least one, in the order in which they are worth trying. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** What the host advertises, where it was asked for. */
  readonly advert: FoundHost | undefined;
}

/** A host answers within a tenth of a second; one packet of two may be lost. */
const searchMs = 2000;
/** What the answer that is worth more may take longer than the other one. */
const graceMs = 300;

/**
 * Asks DNS and the network at once. What DNS knows is believed, as other programs do; an
 * advertisement then tells only which port, if it is of the same address. Throws PF_USAGE, PF_HOST_UNKNOWN,
 * PF_HOST_UNREACHABLE for a link-local address, PF_INTERRUPTED.
 */
export async function resolveTarget(question: HostQuestion): Promise<ResolvedHost> {
  const { host, port = usualPort, signal } = question;
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new PfError("PF_USAGE", `${port} is not a port: ports go from 1 to 65535.`);
  }
  const literal = literalOf(host);
  if (literal !== undefined) return { addresses: [literal], port, advert: undefined };
  const enough = new AbortController();
  const ends = signal === undefined ? [enough.signal] : [enough.signal, signal];
  const lookingUp = lookUp(host);
  const known: string[] = [];
  void lookingUp.then((addresses) => known.push(...addresses));
  const searching = findByName(host, searchMs, {
    signal: AbortSignal.any(ends),
    isMeant: (advert) => isSameMachine(advert, known),
  });
  searching.catch(() => {});
  try {
    const isKnown = (await Promise.race([lookingUp, patience(searching, lookingUp)])).length > 0;
    if (isKnown) {
      const advert = await portAdvice(question, searching);
      if (advert === undefined || !isSameMachine(advert, known)) {
        return { addresses: known, port, advert: undefined };
      }
      return { addresses: known, port: question.port ?? advert.port, advert };
    }
    const advert = await searching;
    if (advert !== undefined) {
      return { addresses: advert.addresses, port: question.port ?? advert.port, advert };
    }
  } finally {
    enough.abort();
  }
  if (signal?.aborted === true) throw new PfError("PF_INTERRUPTED", "The search was given up.");
  throw new PfError("PF_HOST_UNKNOWN", `There is no host of the name "${host}".`, {
    hint: "Check the spelling, see punktfunk discover, or give the host's IP address.",
  });
}

/** What DNS says of a host that has an answer in the network: nothing, if it takes long. */
async function patience(
  searching: Promise<FoundHost | undefined>,
  lookingUp: Promise<string[]>,
): Promise<string[]> {
  const isFound = await searching.then(
    (advert) => advert !== undefined,
    () => true,
  );
  if (!isFound) return lookingUp;
  return (await settledWithin(lookingUp, graceMs)) ? lookingUp : [];
}

/** The advertisement of a host whose address is known; names of other networks have none. */
async function portAdvice(
  { host, port }: HostQuestion,
  searching: Promise<FoundHost | undefined>,
): Promise<FoundHost | undefined> {
  if (port !== undefined || host === "localhost" || /\.(?!local\.?$)/i.test(host)) return undefined;
  if (!(await settledWithin(searching, graceMs))) return undefined;
  return searching.catch(() => undefined);
}

/** A machine often knows its own name by an address that only it can use. */
function isSameMachine({ addresses }: FoundHost, known: readonly string[]): boolean {
  if (addresses.some((address) => known.includes(address))) return true;
  if (!known.some((address) => /^127\.|^::1$/.test(address))) return false;
  const own = Object.values(networkInterfaces()).flat();
  return own.some((each) => each !== undefined && addresses.includes(each.address));
}

/** A sentence when a host shows another certificate than is advertised; the pin decides. */
export function doubtAbout(host: ResolvedHost, fingerprint: string): string | undefined {
  const { advert } = host;
  if (advert === undefined || advert.fingerprint === fingerprint) return undefined;
  return (
    `${advert.name} shows the fingerprint ${fingerprint}, but in the network ` +
    `${advert.fingerprint} is advertised for it: another machine may pretend to be this host.`
  );
}

/** An address as it is dialed; undefined for a name. */
function literalOf(host: string): string | undefined {
  const literal = host.replace(/^\[(.*)\]$/, "$1");
  if (literal.includes("%")) {
    throw new PfError("PF_HOST_UNREACHABLE", `${host} names a network interface.`, {
      hint: "QUIC is not spoken to link-local addresses here: give another address of the host.",
    });
  }
  return isIP(literal) !== 0 ? literal : undefined;
}

/** All addresses that DNS has for a name; none when it does not know it. */
async function lookUp(name: string): Promise<string[]> {
  if (!/^[\w.-]+$/.test(name)) return [];
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address);
  } catch {
    return [];
  }
}
