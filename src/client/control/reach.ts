/** From a host's name to its Welcome: the connection, the trust, the hello. */
import { hostname } from "node:os";
import { PfError } from "../../base/errors.ts";
import type { Kbps, PerMille } from "../../base/units.ts";
import type { ControlConnection } from "../../transport/connection.ts";
import type { MessageOf } from "../../wire/control.ts";
import { limit } from "../../wire/limits.ts";
import type { CodecName } from "../../wire/media.ts";
import { type Mode, parseMode } from "../../wire/mode.ts";
import { reasonError } from "../../wire/reasons.ts";
import type { FoundHost } from "../discovery/browse.ts";
import { doubtAbout, resolveTarget } from "../discovery/resolve.ts";
import { type DeviceKey, loadDeviceKey } from "../trust/device.ts";
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

export interface Reached {
  readonly connection: ControlConnection;
  /** Where the host was found. */
  readonly port: number;
}

/**
 * Connects to a host. `verify` resolves when its certificate is good, and throws when not; it may
 * ask a person. Nothing is said before.
 */
export async function reach(
  target: HostTarget,
  hooks: Pick<ReachHooks, "interrupted" | "warn">,
  verify: (fingerprint: string, port: number) => Promise<void>,
): Promise<Reached> {
  const { host, found } = target;
  const signal = hooks.interrupted;
  const resolved =
    found === undefined
      ? await resolveTarget({ host, port: target.port, signal })
      : { addresses: found.addresses, port: found.port, advert: found };
  const { port } = resolved;
  const connection = await connectControl({
    host,
    resolved,
    signal,
    verify: async (fingerprint) => {
      const doubt = doubtAbout(resolved, fingerprint);
      if (doubt !== undefined) hooks.warn?.(doubt);
      await verify(fingerprint, port);
    },
  });
  return { connection, port };
}

/** Connects to a host that is trusted, or that a person trusts when asked. */
export async function reachHost(target: HostTarget, hooks: ReachHooks): Promise<ControlConnection> {
  const { host } = target;
  let unknown: PfError | undefined;
  const { connection } = await reach(target, hooks, async (fingerprint, port) => {
    const answer = judgeHost({
      host,
      port,
      fingerprint,
      pinned: target.fingerprint,
      known: await readKnownHosts(),
      own: target.ownFingerprint,
      canAsk: hooks.confirmFingerprint !== undefined,
    });
    if (answer.kind === "refused" && answer.error.code === "PF_FINGERPRINT_UNKNOWN") {
      unknown = answer.error;
      return;
    }
    if (answer.kind === "refused") throw answer.error;
    if (answer.kind === "ask" && !(await hooks.confirmFingerprint?.(host, fingerprint))) {
      throw declinedError({ host, port });
    }
    if (answer.kind === "ask" || answer.remember) {
      await rememberHost({ host, port, fingerprint, now: new Date() });
    }
  });
  if (unknown !== undefined) throw await betterAdvice(connection, unknown);
  return connection;
}

/**
 * Where nobody can say whether an unknown host is the right one: if it serves paired devices only,
 * pairing is the way in, and pins its certificate as well. Nothing but that answer is believed.
 */
async function betterAdvice(connection: ControlConnection, unknown: PfError): Promise<PfError> {
  const nothing = { mode: parseMode("1280x720"), codecs: [], bitrateKbps: null, fecPermille: null };
  try {
    await greetHost(connection, { ...nothing, purpose: "probe", waits: false });
  } catch (thrown) {
    if (thrown instanceof PfError && thrown.code === "PF_PAIRING_REQUIRED") return thrown;
  } finally {
    await connection.close("not-trusted", "");
  }
  return unknown;
}

export interface Wish {
  readonly mode: Mode;
  /** Best first. */
  readonly codecs: readonly CodecName[];
  readonly bitrateKbps: Kbps | null;
  /** Share of parity that stays; null = the host decides and adapts. */
  readonly fecPermille: PerMille | null;
  /** null = a stream. */
  readonly purpose: "probe" | "pair" | null;
  /** Waits for a person's approval where the host wants pairing. */
  readonly waits: boolean;
  /** XKB name of this keyboard's layout; undefined = not known. */
  readonly keyboardLayout?: string | undefined;
  /** Which of the host's desktops is wanted; default: the host chooses. */
  readonly compositor?: string | undefined;
  /** Channels of sound that are wanted; default: none. */
  readonly audio?: number | null;
  /** Whether this machine's microphone is to be heard; default: no. */
  readonly microphone?: boolean;
}

/** The hello of this device on a connection. */
export function helloOf(
  connection: ControlConnection,
  key: DeviceKey,
  wish: Wish & { readonly name: string },
): MessageOf<"hello"> {
  return {
    type: "hello",
    version: limit("protocol_version"),
    name: wish.name,
    device: key.prove(connection.exporter),
    mode: wish.mode,
    codecs: [...wish.codecs],
    bitrateKbps: wish.bitrateKbps,
    fecPermille: wish.fecPermille,
    features: [],
    purpose: wish.purpose,
    compositor: wish.compositor ?? null,
    waits: wish.waits,
    keyboardLayout: wish.keyboardLayout ?? null,
    audio: wish.audio ?? null,
    microphone: wish.microphone ?? null,
  };
}

/** A person at the host has to let this device in. Returns what to call when that is settled. */
export type ApprovalHook = (
  awaited: MessageOf<"approvalAwaited"> & { readonly name: string },
) => () => void;

/** All places are taken. Returns what to call when that is over. */
export type PlaceHook = (awaited: MessageOf<"placeAwaited">) => () => void;

export interface GreetHooks {
  readonly approvalAwaited?: ApprovalHook | undefined;
  readonly placeAwaited?: PlaceHook | undefined;
}

/**
 * Hello, and the host's answer; before it the client may have to wait for a person, then for a
 * place. Throws the host's refusal as an error of ours.
 */
export async function greetHost(
  connection: ControlConnection,
  wish: Wish,
  { approvalAwaited, placeAwaited }: GreetHooks = {},
): Promise<MessageOf<"welcome">> {
  const name = hostname();
  connection.send(helloOf(connection, await loadDeviceKey(), { ...wish, name }));
  const answers = ["welcome", "refuse", "approvalAwaited", "placeAwaited"] as const;
  let patienceMs = welcomeMsMax;
  let over: (() => void) | undefined;
  try {
    for (;;) {
      const answer = await connection.receive(answers, patienceMs);
      over?.();
      over = undefined;
      if (answer.type === "approvalAwaited") {
        over = approvalAwaited?.({ ...answer, name });
        patienceMs = Math.min(answer.timeoutMs, 2 * limit("pending_ms")) + welcomeMsMax;
      } else if (answer.type === "placeAwaited") {
        over = placeAwaited?.(answer);
        patienceMs = Math.min(answer.timeoutMs, limit("place_ms")) + welcomeMsMax;
      } else return welcomeOf(answer);
    }
  } finally {
    over?.();
  }
}

function welcomeOf(answer: MessageOf<"welcome" | "refuse">): MessageOf<"welcome"> {
  if (answer.type === "welcome") return answer;
  throw reasonError(answer) ?? new Error(`a refusal for the reason ${answer.reason}`);
}
