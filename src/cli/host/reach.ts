/**
 * How a command gets to the API: of the host that this user runs, by the token in its folder; of
 * one elsewhere, by this device's key, if the device is paired and may manage.
 */
import { PfError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { resolveTarget } from "../../client/discovery/resolve.ts";
import { loadDeviceKey } from "../../client/trust/device.ts";
import {
  declinedError,
  hostKey,
  judgeHost,
  type KnownHost,
  readKnownHosts,
  rememberHost,
} from "../../client/trust/known-hosts.ts";
import { readPlace } from "../../host/management/server.ts";
import { readToken, tokenPath } from "../../host/management/token.ts";
import { readHostFingerprint } from "../../host/trust/identity.ts";
import { managementPortDefault } from "../../wire/management.ts";
import { type HostAddress, parseHost, shellWord } from "../arguments.ts";
import type { Output } from "../output.ts";
import { HostApi } from "./api.ts";
import {
  lookAtCertificate,
  NobodyThere,
  type Place,
  pinnedFetch,
  type ShownCertificate,
} from "./pinned.ts";

export interface ReachOptions {
  /** `HOST[:PORT]`; undefined = the host that this user runs on this machine. */
  readonly at: string | undefined;
  /** From --fingerprint. */
  readonly fingerprint: string | undefined;
  readonly output: Output;
  readonly signal: AbortSignal;
}

/** Throws PF_HOST_UNREACHABLE, PF_FINGERPRINT_*, PF_HOST_REFUSED. */
export async function reachApi(options: ReachOptions): Promise<HostApi> {
  return options.at === undefined
    ? reachOwn(options)
    : reachRemote({ ...options, target: parseHost(options.at) });
}

async function reachOwn({ fingerprint, signal }: ReachOptions): Promise<HostApi> {
  if (fingerprint !== undefined) {
    throw new PfError("PF_USAGE", "--fingerprint belongs to --at.", {
      hint: "The certificate of your own host is known.",
    });
  }
  const place = await readPlace();
  const own = await readHostFingerprint();
  const token = await readToken();
  if (place === undefined || own === undefined || token === undefined) throw noHost();
  const shown = await lookAtCertificate(place, signal).catch((error: unknown) => {
    throw error instanceof NobodyThere ? noHost(error) : error;
  });
  if (shown.fingerprint !== own) {
    throw new PfError(
      "PF_FINGERPRINT_MISMATCH",
      `Another program answers at ${place.address}:${place.port}: its certificate's fingerprint ` +
        `is ${shown.fingerprint}, that of your host ${own}.`,
      { hint: "The token was not sent. Start your host anew: punktfunk serve." },
    );
  }
  return new HostApi({
    request: pinnedFetch(place, shown),
    token,
    signal,
    unauthenticatedHint: `The token is read from ${tokenPath()}: start punktfunk serve anew if that file was changed.`,
  });
}

const noHost = (cause?: unknown) =>
  new PfError("PF_HOST_UNREACHABLE", "No host runs here.", {
    hint: "Start it: punktfunk serve. For a host elsewhere: --at HOST.",
    cause,
  });

async function reachRemote(
  options: ReachOptions & { readonly target: HostAddress },
): Promise<HostApi> {
  const { target, signal } = options;
  const { place, shown } = await findRemote(target, signal);
  await trustRemote(options, place.port, shown);
  const request = pinnedFetch(place, shown);
  const common = { request, signal, unauthenticatedHint: pairFirst(target.host) };
  const anyone = new HostApi({ ...common, token: undefined });
  const key = await loadDeviceKey();
  const { nonce } = await anyone.call("challenge");
  const proof = key.proveManagement({ fingerprint: shown.fingerprint, nonce });
  const { token } = await anyone.call("deviceLogin", { body: proof }).catch((error: unknown) => {
    if (!(error instanceof PfError) || error.code !== "PF_HOST_REFUSED") throw error;
    throw new PfError("PF_PAIRING_REQUIRED", error.message, { hint: pairFirst(target.host) });
  });
  return new HostApi({ ...common, token: new Secret(token) });
}

const pairFirst = (host: string) =>
  `Only a paired device of the level full manages ${host}: punktfunk pair ${shellWord(host)}, or ` +
  `on ${host} punktfunk host level ID full.`;

async function findRemote(
  { host, port }: HostAddress,
  signal: AbortSignal,
): Promise<{ place: Place; shown: ShownCertificate }> {
  const { addresses, advert } = await resolveTarget({ host, port: undefined, signal });
  const tcpPort = port ?? advert?.mgmtPort ?? managementPortDefault;
  for (const address of addresses) {
    const place = { address, port: tcpPort };
    try {
      return { place, shown: await lookAtCertificate(place, signal) };
    } catch (error) {
      if (!(error instanceof NobodyThere)) throw error;
    }
  }
  throw new PfError("PF_HOST_UNREACHABLE", `${host} does not answer at TCP port ${tcpPort}.`, {
    hint: "Only a host that was started with --mgmt-bind ADDRESS is managed from elsewhere.",
  });
}

async function trustRemote(
  { target, fingerprint: pinned, output, signal }: ReachOptions & { readonly target: HostAddress },
  port: number,
  { fingerprint }: ShownCertificate,
): Promise<void> {
  const { host } = target;
  const answer = judgeHost({
    host,
    port,
    fingerprint,
    pinned,
    known: atPort(await readKnownHosts(), { host, port, fingerprint }),
    own: await readHostFingerprint(),
    canAsk: output.canAsk,
  });
  if (answer.kind === "refused") throw answer.error;
  if (answer.kind === "trusted" && !answer.remember) return;
  if (answer.kind === "ask") {
    const { confirmFingerprint } = await import("../prompts.ts");
    const isRight = await output.question(() => confirmFingerprint(host, fingerprint, signal));
    if (!isRight) throw declinedError({ host, port });
  }
  await rememberHost({ host, port, fingerprint, now: new Date() });
}

/**
 * A host shows the same certificate for its streams and for its management: what is known of the
 * name at any port counts at this one.
 */
function atPort(
  known: readonly KnownHost[],
  shown: { readonly host: string; readonly port: number; readonly fingerprint: string },
): readonly KnownHost[] {
  const key = hostKey(shown.host, shown.port);
  const name = key.slice(0, key.lastIndexOf(":"));
  const ofName = known.filter(({ host }) => host.slice(0, host.lastIndexOf(":")) === name);
  const best =
    ofName.find(({ host }) => host === key) ??
    ofName.find(({ fingerprint }) => fingerprint === shown.fingerprint) ??
    ofName[0];
  return best === undefined ? [] : [{ ...best, host: key }];
}
