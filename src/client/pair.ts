/** Pairing with a host by the PIN that it shows: afterwards it serves this device, and is known. */
import { randomBytes } from "node:crypto";
import { PfError } from "../base/errors.ts";
import { millis } from "../base/units.ts";
import type { ControlConnection } from "../transport/connection.ts";
import type { Message, MessageOf } from "../wire/control.ts";
import { parseMode } from "../wire/mode.ts";
import {
  type ClientCeremony,
  pairingBinding,
  pairingIdentities,
  startPairing,
  stepClient,
} from "../wire/pairing/ceremony.ts";
import { deviceFingerprint, deviceId } from "../wire/pairing/device-id.ts";
import { pinScalar } from "../wire/pairing/pin.ts";
import { reasonError } from "../wire/reasons.ts";
import { type HostTarget, helloOf, reach } from "./control/reach.ts";
import { type DeviceKey, loadDeviceKey } from "./trust/device.ts";
import { judgeHost, readKnownHosts, rememberHost } from "./trust/known-hosts.ts";

export interface PairTarget extends HostTarget {
  /** What the host calls this device from now on. */
  readonly deviceName: string;
}

export interface PairHooks {
  readonly interrupted: AbortSignal;
  readonly warn: (text: string) => void;
  /**
   * The digits of the PIN. Called when the host has answered; may take as long as a person takes,
   * and may throw.
   */
  readonly askPin: (host: { readonly fingerprint: string }) => Promise<string>;
}

export interface Paired {
  readonly host: string;
  readonly port: number;
  /** Of the host's certificate, 64 hex digits: pinned from now on. */
  readonly fingerprint: string;
  readonly device: { readonly id: string; readonly name: string; readonly fingerprint: string };
}

/** The host works on a guess for a fraction of a second. */
const answerTimeout = millis(15_000);

/**
 * Pairs this device with a host. Nobody is asked about the host's certificate: that the host knows
 * the PIN proves it, and only then it is pinned. One guess: it is never repeated by itself. Throws
 * PF_PAIRING_FAILED, PF_FINGERPRINT_MISMATCH for a host that is known by another certificate, and
 * what connecting throws.
 */
export async function pairWithHost(target: PairTarget, hooks: PairHooks): Promise<Paired> {
  const key = await loadDeviceKey();
  const given: { pin?: string } = {};
  const { connection, port } = await reach(target, hooks, async (fingerprint, atPort) => {
    await refuseOther(target, atPort, fingerprint);
    given.pin = await hooks.askPin({ fingerprint });
  });
  const interrupt = () => void connection.close("interrupted");
  hooks.interrupted.addEventListener("abort", interrupt, { once: true });
  if (hooks.interrupted.aborted) interrupt();
  try {
    await prove(connection, key, { pin: given.pin as string, name: target.deviceName });
    const { host } = target;
    const fingerprint = connection.peerFingerprint as string;
    await rememberHost({ host, port, fingerprint, now: new Date() });
    const { publicKey } = key;
    const device = { id: deviceId(publicKey), name: target.deviceName };
    return {
      host,
      port,
      fingerprint,
      device: { ...device, fingerprint: deviceFingerprint(publicKey) },
    };
  } finally {
    hooks.interrupted.removeEventListener("abort", interrupt);
    await connection.close("done");
  }
}

/** A PIN is no reason to trust a host that shows another certificate than it did before. */
async function refuseOther(target: PairTarget, port: number, fingerprint: string): Promise<void> {
  const answer = judgeHost({
    host: target.host,
    port,
    fingerprint,
    pinned: target.fingerprint,
    known: await readKnownHosts(),
    own: target.ownFingerprint,
    canAsk: true,
  });
  if (answer.kind === "refused") throw answer.error;
}

/** The ceremony on an open connection, of which nothing was said yet. Throws when it fails. */
async function prove(
  connection: ControlConnection,
  key: DeviceKey,
  { pin, name }: { readonly pin: string; readonly name: string },
): Promise<void> {
  const identities = pairingIdentities(key.publicKey, connection.peerFingerprint as string);
  const w = await pinScalar(pin, identities);
  const binding = pairingBinding(connection.exporter);
  connection.send(
    helloOf(connection, key, {
      name,
      // No picture is wanted; a host that does not know the purpose prepares this one.
      mode: parseMode("640x360@30"),
      codecs: ["h264", "hevc", "av1"],
      bitrateKbps: null,
      fecPermille: null,
      purpose: "pair",
      waits: false,
    }),
  );
  const begun = startPairing({ identities, w, binding, randomBytes });
  connection.send(begun.send);
  const shared = step(begun.state, await answerOf(connection, "pairShare"));
  if (shared.send !== undefined) connection.send(shared.send);
  step(shared.state, await answerOf(connection, "pairConfirm"));
}

async function answerOf<Type extends "pairShare" | "pairConfirm">(
  connection: ControlConnection,
  type: Type,
): Promise<MessageOf<Type>> {
  const answer: Message = await connection.receive([type, "refuse", "welcome"], answerTimeout);
  if (answer.type === type) return answer as MessageOf<Type>;
  if (answer.type === "refuse") {
    throw reasonError(answer) ?? new PfError("PF_PAIRING_FAILED", "The host ended the pairing.");
  }
  throw new PfError("PF_PAIRING_FAILED", "The host does not know how to pair.", {
    hint: "Install the same version of punktfunk on both machines.",
  });
}

function step(state: ClientCeremony, message: Parameters<typeof stepClient>[1]) {
  const next = stepClient(state, message);
  if (next.state.kind !== "failed") return next;
  throw new PfError(
    "PF_PAIRING_FAILED",
    "The host could not prove that it knows the PIN: something may stand between the two machines.",
    {
      hint: "Compare the fingerprints, arm the host again (punktfunk host arm) and try once more.",
    },
  );
}
