/** Finds hosts in the network by multicast DNS. What a network says is advice: the pin decides. */
import { setTimeout as sleep } from "node:timers/promises";
import { PfError } from "../../base/errors.ts";
import { MulticastGroup } from "../../transport/multicast.ts";
import { instanceLabel } from "../../wire/discovery.ts";
import { type FoundHost, HostCache } from "./host-cache.ts";

export type { FoundHost } from "./host-cache.ts";

export interface BrowseHooks {
  /** A host was found, or says something else of itself than before. */
  readonly onHost: (host: FoundHost) => void;
  /** A host has said goodbye, or was not heard of any more. */
  readonly onGone?: (host: FoundHost) => void;
  /** What keeps hosts from being found, as a sentence, once for each cause. */
  readonly onProblem?: (problem: string) => void;
  /** Somebody waits: hosts are asked to answer at once. */
  readonly isHurried?: boolean;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** RFC 6762 section 5.2: the first queries are a second apart, then ever rarer. */
const [queryMsMin, queryMsMax] = [1000, 10_000];
/** Records of one host that come in several packets make one report. */
const settleMs = 10;

/** Reports hosts as they come and go until `signal` aborts. Never rejects. */
export async function browse(hooks: BrowseHooks): Promise<void> {
  if (hooks.signal.aborted) return;
  const browser = new Browser(hooks);
  const ended = Promise.withResolvers<void>();
  hooks.signal.addEventListener("abort", () => ended.resolve(), { once: true });
  await ended.promise;
  await browser.close();
}

export type FindOptions = Partial<Pick<BrowseHooks, "onProblem" | "signal">>;

/** The hosts that are found within some milliseconds, by name. */
export async function findHosts(
  milliseconds: number,
  options: FindOptions = {},
): Promise<FoundHost[]> {
  const found = new Map<string, FoundHost>();
  await browse({
    ...options,
    onHost: (host) => found.set(host.id, host),
    onGone: ({ id }) => found.delete(id),
    signal: endOf(milliseconds, options.signal),
  });
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name));
}

/** Another host of the same name, if there is one, answers within this of the first. */
const namesakeMs = 150;

export interface FindByNameOptions extends FindOptions {
  /** Whether a host of the name is the one that is meant: then no other one is waited for. */
  readonly isMeant?: (host: FoundHost) => boolean;
}

/**
 * The host that advertises a name, in either case, with or without `.local`; undefined when none is
 * found in time. Throws PF_HOST_UNKNOWN, with all of them, when several have the name.
 */
export async function findByName(
  name: string,
  milliseconds: number,
  options: FindByNameOptions = {},
): Promise<FoundHost | undefined> {
  const found = new Map<string, FoundHost>();
  const enough = new AbortController();
  let meant: FoundHost | undefined;
  const isEnough = () => sleep(namesakeMs, undefined, { ref: false }).then(() => enough.abort());
  await browse({
    ...options,
    isHurried: true,
    onHost: (host) => {
      if (!hasName(host, name)) return;
      if (options.isMeant?.(host) === true) {
        meant ??= host;
        enough.abort();
      }
      if (found.size === 0) void isEnough();
      found.set(host.id, host);
    },
    onGone: ({ id }) => found.delete(id),
    signal: AbortSignal.any([enough.signal, endOf(milliseconds, options.signal)]),
  });
  if (meant !== undefined) return meant;
  const hosts = [...found.values()];
  if (hosts.length < 2) return hosts[0];
  const list = hosts.map(({ addresses, port }) => placeOf(addresses[0] ?? "", port)).join(", ");
  throw new PfError("PF_HOST_UNKNOWN", `${hosts.length} hosts have the name "${name}": ${list}.`, {
    hint: "Name the one that you mean by its address.",
  });
}

/** Whether a host is the one that a person means by a name. */
export function hasName(host: Pick<FoundHost, "name">, name: string): boolean {
  const bare = name
    .trim()
    .replace(/\.$/, "")
    .replace(/\.local$/i, "");
  return bare !== "" && instanceLabel(bare).toLowerCase() === host.name.toLowerCase();
}

/** An address with its port, as people write it. */
export const placeOf = (address: string, port: number) =>
  address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;

function endOf(milliseconds: number, signal: AbortSignal | undefined): AbortSignal {
  const end = AbortSignal.timeout(milliseconds);
  return signal === undefined ? end : AbortSignal.any([signal, end]);
}

class Browser {
  readonly #hooks: BrowseHooks;
  readonly #cache = new HostCache();
  readonly #group: MulticastGroup;
  /** As they were told, by id. */
  #told = new Map<string, FoundHost>();
  #settling: ReturnType<typeof setTimeout> | undefined;
  #expiring: ReturnType<typeof setTimeout> | undefined;
  #querying: ReturnType<typeof setTimeout> | undefined;
  #queryMs = queryMsMin;

  constructor(hooks: BrowseHooks) {
    this.#hooks = hooks;
    this.#group = new MulticastGroup({
      isHurried: hooks.isHurried === true,
      onLink: (link) => void this.#ask([link]),
      onLinkGone: () => {},
      onMessage: (message, link) => {
        this.#cache.add(message, link.network, performance.now());
        this.#settling ??= setTimeout(() => this.#settle(), settleMs);
      },
      onProblem: (problem) => hooks.onProblem?.(`Hosts may not be found: ${problem}.`),
    });
    this.#querying = setTimeout(() => this.#askAgain(), this.#queryMs);
  }

  async close(): Promise<void> {
    for (const timer of [this.#settling, this.#expiring, this.#querying]) clearTimeout(timer);
    if (this.#settling !== undefined) this.#settle();
    clearTimeout(this.#expiring);
    await this.#group.close();
  }

  #ask(links: MulticastGroup["links"]): void {
    const now = performance.now();
    const questions = this.#cache.questions(now);
    const answers = this.#cache.knownAnswers(now);
    for (const link of links) void this.#group.send(link, { type: "query", questions, answers });
  }

  #askAgain(): void {
    this.#ask(this.#group.links);
    this.#queryMs = Math.min(this.#queryMs * 2, queryMsMax);
    this.#querying = setTimeout(() => this.#askAgain(), this.#queryMs);
  }

  /** Tells what has changed since the last time. */
  #settle(): void {
    clearTimeout(this.#settling);
    clearTimeout(this.#expiring);
    this.#settling = undefined;
    const now = performance.now();
    const hosts = new Map(this.#cache.hosts(now).map((host) => [host.id, host]));
    const before = this.#told;
    this.#told = hosts;
    for (const [id, host] of before) if (!hosts.has(id)) this.#hooks.onGone?.(host);
    for (const [id, host] of hosts) {
      if (!Bun.deepEquals(before.get(id), host)) this.#hooks.onHost(host);
    }
    const next = this.#cache.nextExpiryMs();
    if (next !== undefined) this.#expiring = setTimeout(() => this.#settle(), next - now + 1);
  }
}
