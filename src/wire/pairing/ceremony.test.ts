import { expect, test } from "bun:test";
import { inspect } from "node:util";
import { p256 } from "@noble/curves/nist.js";
import { SeededRandom } from "../../base/random.ts";
import { Secret } from "../../base/secret.ts";
import {
  awaitPairing,
  type CeremonyOptions,
  type HostCeremony,
  pairingBinding,
  pairingIdentities,
  startPairing,
  stepClient,
  stepHost,
} from "./ceremony.ts";
import { type PairConfirm, type PairMessage, type PairShare, pairingMessages } from "./messages.ts";
import { pinScalar } from "./pin.ts";
import { agree, shareOf } from "./spake2.ts";

const pin = "042137";
const fingerprint = "ab".repeat(32);
const identities = pairingIdentities(new Uint8Array(32).fill(1), fingerprint);
const w = await pinScalar(pin, identities);
const wrong = await pinScalar("042138", identities);
const binding = new Uint8Array(32).fill(7);

let seed = 1;
const randomOf = (number: number) => {
  const random = new SeededRandom(number);
  return (count: number) => random.bytes(count);
};
const optionsWith = (changes: Partial<CeremonyOptions> = {}): CeremonyOptions => ({
  identities,
  binding,
  w,
  randomBytes: randomOf(seed++),
  ...changes,
});

/** A ceremony in which nobody interferes: where both ends stand, and what has passed. */
function ceremony(client: Partial<CeremonyOptions> = {}, host: Partial<CeremonyOptions> = {}) {
  const started = startPairing(optionsWith(client));
  const shared = stepHost(awaitPairing(optionsWith(host)), started.send);
  const confirming = stepClient(started.state, shared.send as PairMessage);
  const judged = stepHost(shared.state, confirming.send as PairMessage);
  const last = judged.send === undefined ? confirming : stepClient(confirming.state, judged.send);
  const transcript = [started.send, shared.send, confirming.send, judged.send];
  return { client: last.state, host: judged.state, transcript, confirming, shared };
}

test("the right PIN pairs both ends", () => {
  const { client, host, transcript } = ceremony();
  expect(client).toEqual({ kind: "paired" });
  expect(host).toEqual({ kind: "paired" });
  expect(transcript.map((message) => message?.type)).toEqual([
    "pairStart",
    "pairShare",
    "pairConfirm",
    "pairConfirm",
  ]);
});

test("a message has exactly the fields of its row of the table", () => {
  for (const message of ceremony().transcript as PairMessage[]) {
    const { type, ...fields } = message;
    const row = pairingMessages[type];
    expect(Object.keys(fields)).toEqual(Object.keys(row.fields));
    for (const [name, { schema }] of Object.entries(row.fields)) {
      const value = (fields as Record<string, Uint8Array>)[name] as Uint8Array;
      expect(schema.safeParse(value).success).toBe(true);
      for (const bad of [value.subarray(1), [...value], "x", null, new Uint8Array(70_000)]) {
        expect(schema.safeParse(bad).success).toBe(false);
      }
    }
  }
});

test("a wrong PIN fails on the host, which then sends nothing", () => {
  const { host, transcript } = ceremony({ w: wrong });
  expect(host).toEqual({ kind: "failed", why: "mismatch" });
  expect(transcript[3]).toBeUndefined();
});

test("a host that does not know the PIN fails on the client", () => {
  const started = startPairing(optionsWith());
  const shared = stepHost(awaitPairing(optionsWith({ w: wrong })), started.send);
  const confirming = stepClient(started.state, shared.send as PairMessage);
  for (const confirmation of [new Uint8Array(32), new Uint8Array(31), new Uint8Array(0)]) {
    const { state } = stepClient(confirming.state, { type: "pairConfirm", confirmation });
    expect(state).toEqual({ kind: "failed", why: "mismatch" });
  }
});

const elsewhere: Record<string, Partial<CeremonyOptions>> = {
  "another host's certificate": {
    identities: pairingIdentities(identities.device, "cd".repeat(32)),
  },
  "another device": { identities: pairingIdentities(new Uint8Array(32).fill(2), fingerprint) },
  "another connection": { binding: new Uint8Array(32).fill(8) },
};
test.each(Object.entries(elsewhere))("the right PIN with %s does not pair", (_, changes) => {
  expect(ceremony(changes).host).toEqual({ kind: "failed", why: "mismatch" });
  const { confirming, shared } = ceremony({}, changes);
  expect(shared.send).toBeDefined();
  expect(confirming.state.kind).toBe("confirming");
});

test("someone in the middle of two connections pairs with neither end by relaying", () => {
  // The middle shows its own certificate to the client and its own device to the host, or copies
  // of the real ones; in every case there are two TLS connections.
  const toHost: Partial<CeremonyOptions>[] = [
    { binding: new Uint8Array(32).fill(9) },
    { binding: new Uint8Array(32).fill(9), ...elsewhere["another device"] },
  ];
  const toClient = [{}, elsewhere["another host's certificate"] as Partial<CeremonyOptions>];
  for (const hostChanges of toHost) {
    for (const clientChanges of toClient) {
      const { host, client, transcript } = ceremony(clientChanges, hostChanges);
      expect(host).toEqual({ kind: "failed", why: "mismatch" });
      expect(client.kind).toBe("confirming");
      expect(transcript[3]).toBeUndefined();
    }
  }
});

test("someone in the middle who swaps in own shares pairs with neither end", () => {
  const client = startPairing(optionsWith());
  const middleToHost = startPairing(optionsWith({ w: wrong }));
  const middleToClient = stepHost(awaitPairing(optionsWith({ w: wrong })), client.send);
  const host = stepHost(awaitPairing(optionsWith()), middleToHost.send);
  const fromClient = stepClient(client.state, middleToClient.send as PairMessage);
  const relayed = stepHost(host.state, fromClient.send as PairMessage);
  expect(relayed.state).toEqual({ kind: "failed", why: "mismatch" });
  const own = stepClient(middleToHost.state, host.send as PairMessage);
  expect(stepHost(host.state, own.send as PairMessage).state.kind).toBe("failed");
});

test("what was said in one ceremony is worth nothing in another", () => {
  const first = ceremony();
  const [start, share, confirm, hostConfirm] = first.transcript as PairMessage[];
  const host = stepHost(awaitPairing(optionsWith()), start as PairMessage);
  expect(host.state.kind).toBe("confirming");
  expect(stepHost(host.state, confirm as PairMessage).state.kind).toBe("failed");
  const client = startPairing(optionsWith());
  const confirming = stepClient(client.state, share as PairMessage);
  expect(confirming.state.kind).toBe("confirming");
  expect(stepClient(confirming.state, hostConfirm as PairMessage).state.kind).toBe("failed");
});

test("a client's own messages, sent back to it, do not pair it", () => {
  const client = startPairing(optionsWith());
  const reflected: PairShare = { type: "pairShare", share: client.send.share };
  const confirming = stepClient(client.state, reflected);
  expect(confirming.send?.type).toBe("pairConfirm");
  const { state } = stepClient(confirming.state, confirming.send as PairMessage);
  expect(state).toEqual({ kind: "failed", why: "mismatch" });
});

test("a host's share, sent back to it as a client's, does not pair it", () => {
  const options = optionsWith();
  const first = stepHost(awaitPairing(optionsWith()), startPairing(options).send);
  const share = (first.send as PairShare).share;
  const reflected = stepHost(awaitPairing(optionsWith()), { type: "pairStart", share });
  const guess: PairConfirm = { type: "pairConfirm", confirmation: new Uint8Array(32) };
  expect(stepHost(reflected.state, guess).state.kind).toBe("failed");
});

test("a message that is not due ends the ceremony, and a settled one stays as it is", () => {
  const { transcript } = ceremony();
  const all = transcript as PairMessage[];
  const client = startPairing(optionsWith());
  const host = awaitPairing(optionsWith());
  for (const message of all) {
    if (message.type !== "pairShare") {
      expect(stepClient(client.state, message).state).toEqual({
        kind: "failed",
        why: "unexpected",
      });
    }
    if (message.type !== "pairStart") {
      expect(stepHost(host, message).state).toEqual({ kind: "failed", why: "unexpected" });
    }
  }
  const again = stepHost(stepHost(host, client.send).state, client.send);
  expect(again.state).toEqual({ kind: "failed", why: "unexpected" });
  for (const settled of [{ kind: "paired" }, again.state] as HostCeremony[]) {
    for (const message of all) expect(stepHost(settled, message)).toEqual({ state: settled });
  }
});

const badShares = [
  new Uint8Array(0),
  new Uint8Array(65),
  new Uint8Array(65).fill(4),
  new Uint8Array(64).fill(4),
  new Uint8Array(66).fill(4),
  new Uint8Array(65_536),
  p256.Point.BASE.toBytes(true),
];
test.each(badShares)(
  "a share that is no point is refused before the PIN is touched (%#)",
  (share) => {
    const host = stepHost(awaitPairing(optionsWith()), { type: "pairStart", share });
    expect(host).toEqual({ state: { kind: "failed", why: "malformed" } });
    const client = stepClient(startPairing(optionsWith()).state, { type: "pairShare", share });
    expect(client).toEqual({ state: { kind: "failed", why: "malformed" } });
  },
);

/** w·M or w·N: the share of someone who guesses w and has no scalar. */
function bareBlind(party: "A" | "B", guess: bigint): Uint8Array {
  const share = p256.Point.fromBytes(shareOf({ party, w: guess, scalar: 1n }));
  return share.subtract(p256.Point.BASE).toBytes(false);
}

test("a share without a scalar tells the guesser nothing until it costs the guess", () => {
  // It leads to the neutral element under the right PIN alone: a host that said so at once would
  // let PINs be tried for free.
  const outcomes = [w, wrong].map((guess) => {
    const share = bareBlind("A", guess.reveal());
    return stepHost(awaitPairing(optionsWith({ randomBytes: randomOf(77) })), {
      type: "pairStart",
      share,
    });
  });
  expect(outcomes[0]?.send).toEqual(outcomes[1]?.send as PairMessage);
  for (const { state } of outcomes) {
    expect(state.kind).toBe("confirming");
    const guess: PairConfirm = { type: "pairConfirm", confirmation: new Uint8Array(32) };
    expect(stepHost(state, guess)).toEqual({ state: { kind: "failed", why: "mismatch" } });
  }
  const share = bareBlind("B", w.reveal());
  const client = stepClient(startPairing(optionsWith()).state, { type: "pairShare", share });
  expect(client).toEqual({ state: { kind: "failed", why: "mismatch" } });
});

test("an eavesdropper's transcript fits every PIN alike and is confirmed by none", async () => {
  const [start, share, confirm, hostConfirm] = ceremony().transcript as [
    PairMessage & { share: Uint8Array },
    PairShare,
    PairConfirm,
    PairConfirm,
  ];
  const { Point } = p256;
  const candidates = [pin, "042138", "000000", "999999", "123456", "420137"];
  for (const candidate of candidates) {
    const guess = (await pinScalar(candidate, identities)).reveal();
    const blind = (party: "A" | "B") => Point.fromBytes(bareBlind(party, guess));
    // What the two would have sent without a PIN: some X and Y for each candidate.
    const x = Point.fromBytes(start.share).subtract(blind("A"));
    const y = Point.fromBytes(share.share).subtract(blind("B"));
    expect(x.is0() || y.is0()).toBe(false);
    // Without a logarithm of either, the shared point is out of reach: nothing made of X and Y
    // confirms the candidate, not even where it is the PIN. A party's secret scalar is tried as
    // each number that is easy to guess.
    const shares = { A: start.share, B: share.share };
    const additional = Buffer.concat([Buffer.from("punktfunk/1 pairing\0"), binding]);
    for (const scalar of [1n, 2n, 3n, Point.Fn.ORDER - 1n, guess]) {
      for (const party of ["A", "B"] as const) {
        const peer = party === "A" ? "B" : "A";
        const secrets = { party, w: guess, scalar };
        const run = { ...secrets, ownShare: shares[party], peerShare: shares[peer] };
        const ids = { A: identities.device, B: identities.host };
        const agreed = agree({ ...run, identities: ids, additional });
        expect(agreed).toBeDefined();
        expect(agreed?.confirmations.A).not.toEqual(confirm.confirmation);
        expect(agreed?.confirmations.B).not.toEqual(hostConfirm.confirmation);
      }
    }
  }
});

test("with the secret scalar the same search does find the PIN", () => {
  // Shows that the search above looks at the right values: it fails only for want of the scalar.
  const scalar = 41n;
  const clientShare = shareOf({ party: "A", w: w.reveal(), scalar });
  const host = awaitPairing(optionsWith());
  const shared = stepHost(host, { type: "pairStart", share: clientShare });
  const agreed = agree({
    party: "A",
    w: w.reveal(),
    scalar,
    ownShare: clientShare,
    peerShare: (shared.send as PairShare).share,
    identities: { A: identities.device, B: identities.host },
    additional: Buffer.concat([Buffer.from("punktfunk/1 pairing\0"), binding]),
  });
  const confirmation = agreed?.confirmations.A as Uint8Array;
  expect(stepHost(shared.state, { type: "pairConfirm", confirmation }).state.kind).toBe("paired");
});

test("no state shows a PIN's scalar or a secret one when it is printed", () => {
  const options = optionsWith({ w: new Secret(123_456_789n) });
  const started = startPairing(options);
  const host = awaitPairing(options);
  const shared = stepHost(host, started.send);
  for (const state of [started.state, host, shared.state]) {
    const shown = `${inspect(state, { depth: 9, showHidden: true })}${JSON.stringify(state)}`;
    expect(shown).toContain("[secret]");
    expect(shown).not.toContain("123456789");
    expect(shown).not.toContain("scalar");
  }
});

test("a ceremony's binding is the connection's, and not the one that a device signs", () => {
  const asked: string[] = [];
  const exporter = (label: string, _: Uint8Array, bytes: number) => {
    asked.push(label);
    return new Uint8Array(bytes);
  };
  expect(pairingBinding(exporter).length).toBe(32);
  expect(asked).toEqual(["EXPORTER-punktfunk/1 pairing"]);
});
