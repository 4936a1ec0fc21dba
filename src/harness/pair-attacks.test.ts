/** Pairing as a client against hosts that do not know the PIN, or are not who they seem to be. */

import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { PfError } from "../base/errors.ts";
import { pairWithHost } from "../client/pair.ts";
import { readKnownHosts } from "../client/trust/known-hosts.ts";
import { loadHostIdentity } from "../host/trust/identity.ts";
import type { ControlConnection } from "../transport/connection.ts";
import type { Message, MessageOf } from "../wire/control.ts";
import {
  awaitPairing,
  pairingBinding,
  pairingIdentities,
  stepHost,
} from "../wire/pairing/ceremony.ts";
import type { PairConfirm, PairMessage, PairShare } from "../wire/pairing/messages.ts";
import { pinScalar } from "../wire/pairing/pin.ts";
import { confirmationBytes, shareBytes } from "../wire/pairing/spake2.ts";
import { errorOf, TestHost, welcome } from "./control-ends.ts";
import { withState } from "./loopback.ts";
import { TestDevice, withTrustHost } from "./trust-ends.ts";

const pin = "482913";
const answeredMs = 5000;

interface Pairing {
  readonly port: number;
  readonly typed?: string;
  readonly interrupted?: AbortSignal;
}

/** This user's device, which has the PIN typed. */
function pair({ port, typed = pin, interrupted }: Pairing) {
  return pairWithHost(
    {
      ...{ host: "127.0.0.1", port, fingerprint: undefined },
      deviceName: "Living-room TV",
    },
    {
      interrupted: interrupted ?? new AbortController().signal,
      warn: () => {},
      askPin: async () => {
        expect(await readKnownHosts()).toEqual([]);
        return typed;
      },
    },
  );
}

/** A host that shows a certificate of its own and says what the test has it say. */
async function withHost(body: (host: TestHost, fingerprint: string) => Promise<void>) {
  await withState(async (folder) => {
    const identity = await loadHostIdentity(join(folder, "other", "host.json"));
    await using host = new TestHost();
    await host.open(identity, 0);
    await body(host, identity.fingerprint);
    expect(host.rejected).toEqual([]);
  });
}

type Spoken = { readonly share: PairShare; readonly confirm: PairConfirm };

/** The host's side as the protocol has it, for the PIN that it shows; what it said. */
async function pairAsHost(
  { connection, hello }: Awaited<ReturnType<TestHost["next"]>>,
  fingerprint: string,
): Promise<Spoken> {
  const identities = pairingIdentities(hello.device.publicKey, fingerprint);
  const binding = pairingBinding(connection.exporter);
  const w = await pinScalar(pin, identities);
  const waiting = awaitPairing({ identities, binding, w, randomBytes });
  const start = await connection.receive(["pairStart"], answeredMs);
  const shared = stepHost(waiting, start as PairMessage);
  connection.send(shared.send as Message);
  const confirm = await connection.receive(["pairConfirm"], answeredMs);
  const confirmed = stepHost(shared.state, confirm as PairMessage);
  connection.send(confirmed.send as Message);
  return { share: shared.send as PairShare, confirm: confirmed.send as PairConfirm };
}

test("a host that knows the PIN is paired with, and only then known", () =>
  withHost(async (host, fingerprint) => {
    const paired = pair({ port: host.port });
    const greeted = await host.next();
    expect(greeted.hello).toMatchObject({ purpose: "pair", name: "Living-room TV" });
    await pairAsHost(greeted, fingerprint);
    expect(await paired).toMatchObject({ host: "127.0.0.1", port: host.port, fingerprint });
    expect(await readKnownHosts()).toMatchObject([{ host: `127.0.0.1:${host.port}`, fingerprint }]);
  }));

type Attack = (connection: ControlConnection, hello: MessageOf<"hello">) => Promise<void>;
const startOf = (connection: ControlConnection) => connection.receive(["pairStart"], answeredMs);
const confirmOf = (connection: ControlConnection) =>
  connection.receive(["pairConfirm"], answeredMs);
const zeros = (count: number) => new Uint8Array(count);
/** x = y = 1 is not on the curve. */
const offCurve = Uint8Array.from({ length: shareBytes }, (_, i) =>
  i === 0 ? 4 : i === shareBytes - 1 || i === (shareBytes - 1) / 2 ? 1 : 0,
);
const infinity = zeros(shareBytes);

const says =
  (...messages: readonly unknown[]): Attack =>
  async (connection) => {
    await startOf(connection);
    for (const message of messages) connection.send(message as Message);
  };
const share = (bytes: Uint8Array) => ({ type: "pairShare", share: bytes });
const confirmation = (bytes: Uint8Array) => ({ type: "pairConfirm", confirmation: bytes });

const attacks: Record<string, readonly [Attack, code: string]> = {
  "sends the client's own share and confirmation back": [
    async (connection) => {
      const start = await startOf(connection);
      connection.send({ type: "pairShare", share: start.share as Uint8Array });
      connection.send(await confirmOf(connection));
    },
    "PF_PAIRING_FAILED",
  ],
  "guesses a confirmation": [
    async (connection, hello) => {
      const identities = pairingIdentities(hello.device.publicKey, "00".repeat(32));
      const w = await pinScalar("000000", identities);
      const binding = pairingBinding(connection.exporter);
      const state = awaitPairing({ identities, binding, w, randomBytes });
      const shared = stepHost(state, (await startOf(connection)) as PairMessage);
      connection.send(shared.send as Message);
      await confirmOf(connection);
      connection.send({ type: "pairConfirm", confirmation: randomBytes(confirmationBytes) });
    },
    "PF_PAIRING_FAILED",
  ],
  "sends a share off the curve": [says(share(offCurve)), "PF_PAIRING_FAILED"],
  "sends the point at infinity": [says(share(infinity)), "PF_PAIRING_FAILED"],
  "sends a compressed point": [
    says(share(Uint8Array.of(2, ...zeros(shareBytes - 1)))),
    "PF_PAIRING_FAILED",
  ],
  "confirms without a share": [
    says(confirmation(zeros(confirmationBytes))),
    "PF_PROTOCOL_VIOLATION",
  ],
  "sends a truncated share": [says(share(zeros(shareBytes - 1))), "PF_PROTOCOL_VIOLATION"],
  "sends an oversized share": [says(share(zeros(10_000))), "PF_PROTOCOL_VIOLATION"],
  "sends a share of another type": [
    says({ type: "pairShare", share: "x".repeat(shareBytes) }),
    "PF_PROTOCOL_VIOLATION",
  ],
  "welcomes without proving anything": [says(welcome), "PF_PAIRING_FAILED"],
  refuses: [
    says({ type: "refuse", reason: "pairing-failed", message: "No.", detail: null }),
    "PF_PAIRING_FAILED",
  ],
  "refuses with no reason": [
    says({ type: "refuse", reason: "done", message: "", detail: null }),
    "PF_PAIRING_FAILED",
  ],
  leaves: [
    async (connection) => {
      await startOf(connection);
      await connection.close("done");
    },
    "PF_PEER_LOST",
  ],
};

test.each(Object.keys(attacks))("a host that %s is not paired with, and stays unknown", (name) =>
  withHost(async (host) => {
    const [attack, code] = attacks[name] as (typeof attacks)[string];
    const failed = errorOf(pair({ port: host.port }));
    const { connection, hello } = await host.next();
    // What the client ends, it ends.
    await attack(connection, hello).catch(() => {});
    const error = await failed;
    expect(error.code).toBe(code as PfError["code"]);
    expect(await readKnownHosts()).toEqual([]);
    await connection.close("done");
  }),
);

test("what a host said in a pairing that was right proves nothing in the next one", () =>
  withHost(async (host, fingerprint) => {
    const first = pair({ port: host.port });
    const spoken = await pairAsHost(await host.next(), fingerprint);
    await first;
    await Bun.file(join(process.env["PUNKTFUNK_HOME"] as string, "data/known-hosts.json")).delete();
    const failed = errorOf(pair({ port: host.port }));
    const { connection } = await host.next();
    await startOf(connection);
    connection.send(spoken.share);
    await confirmOf(connection);
    connection.send(spoken.confirm);
    expect((await failed).code).toBe("PF_PAIRING_FAILED");
    expect(await readKnownHosts()).toEqual([]);
    await connection.close("done");
  }));

test("a pairing that is interrupted ends at once, and nothing is known", () =>
  withHost(async (host) => {
    const end = new AbortController();
    const failed = errorOf(pair({ port: host.port, interrupted: end.signal }));
    const { connection } = await host.next();
    await startOf(connection);
    const startedMs = performance.now();
    end.abort();
    await failed;
    expect(performance.now() - startedMs).toBeLessThan(1000);
    expect(await readKnownHosts()).toEqual([]);
    await connection.close("done");
  }));

/**
 * Somebody in the middle: ends the client's connection with a certificate of their own, and hands
 * the ceremony on to the real host as a device of their own.
 */
async function relay(middle: TestHost, real: { readonly port: number }, attacker: TestDevice) {
  const { connection: client } = await middle.next();
  const host = await attacker.greet(real, { purpose: "pair" });
  const heard: string[] = [];
  client.onMessage((message) => {
    heard.push(message.type);
    if (message.type !== "bye") host.send(message);
  });
  host.onMessage((message) => {
    heard.push(message.type);
    // The host's refusal gives it away; a confirmation that is made up is the best that is left.
    if (message.type === "pairShare") client.send(message);
    else client.send({ type: "pairConfirm", confirmation: randomBytes(confirmationBytes) });
  });
  await Promise.all([client.closed, host.closed]);
  return heard;
}

test("in the middle of a pairing nobody gets paired, and the PIN is burnt", () =>
  withTrustHost((real) =>
    withHost(async (middle) => {
      const { window } = real.managed.trust.arm({ level: "full", durationMs: 60_000 });
      const typed = window?.pin as string;
      const attacker = new TestDevice();
      const failed = errorOf(pair({ port: middle.port, typed }));
      const heard = await relay(middle, real, attacker);
      expect(heard.slice(0, 4)).toEqual(["pairStart", "pairShare", "pairConfirm", "refuse"]);
      const error = await failed;
      expect(error.code).toBe("PF_PAIRING_FAILED");
      expect(error.message).toContain("something may stand between");
      expect(await readKnownHosts()).toEqual([]);
      expect(real.managed.trust.devices()).toEqual([]);
      expect(real.managed.trust.pairing()).toMatchObject({ window: null, ended: "burnt" });
      expect((await attacker.ask(real)).answer).toMatchObject({ reason: "pairing-required" });
    }),
  ));

test("a hello that is handed on proves nothing on the other connection", () =>
  withTrustHost((real) =>
    withHost(async (middle) => {
      const failed = errorOf(pair({ port: middle.port }));
      const { connection: client, hello } = await middle.next();
      const { connection } = await new TestDevice().ask(real, { ...hello });
      expect(await connection.closed).toMatchObject({ reason: "device-signature" });
      await client.close("done");
      await failed;
      expect(real.managed.trust.pairing().window).not.toBeNull();
      expect(real.managed.trust.devices()).toEqual([]);
    }),
  ));
