/** From a host's name to its Welcome: the connection, the trust, the hello. */
import { hostname } from "node:os";
import type { Kbps, PerMille } from "../../base/units.ts";
import type { ControlConnection } from "../../transport/connection.ts";
import type { MessageOf } from "../../wire/control.ts";
import { limit } from "../../wire/limits.ts";
import type { CodecName } from "../../wire/media.ts";
import type { Mode } from "../../wire/mode.ts";
import { reasonError } from "../../wire/reasons.ts";
import type { FoundHost } from "../discovery/browse.ts";
import { doubtAbout, resolveTarget } from "../discovery/resolve.ts";
import { loadDeviceKey } from "../trust/device.ts";
import { declinedError, judgeHost, readKnownHosts, rememberHost } from "../trust/known-hosts.ts";
import { connectControl } from "./connect.ts";

export interface HostTarget {
  readonly host: string;
  /** undefined = the one that the host advertises, or else the usual one. */
  readonly port: number | undefined;
  /** The host as it was found in the network, when it was picked there. */
  readonly found?: FoundHost | undefined;
  /** The host's certificate must have this SHA-256. */
  readonly fingerprint: string | undefined;
  /** Fingerprint of this user's own host, if there is one: it needs no question. */
  readonly ownFingerprint?: string | undefined;
}

export interface ReachHooks {
  readonly interrupted: AbortSignal;
  /** Asks a person whether an unknown host is the right one; undefined = nobody can be asked. */
  readonly confirmFingerprint:
    | ((host: string, fingerprint: string) => Promise<boolean>)
    | undefined;
  readonly warn?: (text: string) => void;
}

/** Preparing a desktop and its encoder may take the host this long. */
const welcomeMsMax = 30_000;

/** Connects to a host that is trusted, or that a person trusts when asked. */
export async function reachHost(target: HostTarget, hooks: ReachHooks): Promise<ControlConnection> {
  const { host, found } = target;
  const signal = hooks.interrupted;
  const resolved =
    found === undefined
      ? await resolveTarget({ host, port: target.port, signal })
      : { addresses: found.addresses, port: found.port, advert: found };
  const { port } = resolved;
  return connectControl({
    host,
    resolved,
    signal,
    verify: async (fingerprint) => {
      const doubt = doubtAbout(resolved, fingerprint);
      if (doubt !== undefined) hooks.warn?.(doubt);
      const answer = judgeHost({
        host,
        port,
        fingerprint,
        pinned: target.fingerprint,
        known: await readKnownHosts(),
        own: target.ownFingerprint,
        canAsk: hooks.confirmFingerprint !== undefined,
      });
      if (answer.kind === "refused") throw answer.error;
      if (answer.kind === "ask" && !(await hooks.confirmFingerprint?.(host, fingerprint))) {
        throw declinedError({ host, port });
      }
      if (answer.kind === "ask" || answer.remember) {
        await rememberHost({ host, port, fingerprint, now: new Date() });
      }
    },
  });
}

export interface Wish {
  readonly mode: Mode;
  /** Best first. */
  readonly codecs: readonly CodecName[];
  readonly bitrateKbps: Kbps | null;
  /** Share of parity that stays; null = the host decides and adapts. */
  readonly fecPermille: PerMille | null;
  /** null = a stream. */
  readonly purpose: "probe" | null;
}

/** Hello, and the host's answer. Throws the host's refusal as an error of ours. */
export async function greetHost(
  connection: ControlConnection,
  wish: Wish,
): Promise<MessageOf<"welcome">> {
  const device = await loadDeviceKey();
  connection.send({
    type: "hello",
    version: limit("protocol_version"),
    name: hostname(),
    device: device.prove(connection.exporter),
    mode: wish.mode,
    codecs: [...wish.codecs],
    bitrateKbps: wish.bitrateKbps,
    fecPermille: wish.fecPermille,
    features: [],
    purpose: wish.purpose,
    waits: null,
  });
  const answer = await connection.receive(["welcome", "refuse"], welcomeMsMax);
  if (answer.type === "welcome") return answer;
  throw reasonError(answer) ?? new Error(`a refusal for the reason ${answer.reason}`);
}
