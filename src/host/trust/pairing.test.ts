import { expect, test } from "bun:test";
import { createHmac, randomBytes, randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Exporter } from "../../wire/exporter.ts";
import { limit } from "../../wire/limits.ts";
import {
  type ClientCeremony,
  pairingBinding,
  pairingIdentities,
  startPairing,
  stepClient,
} from "../../wire/pairing/ceremony.ts";
import type { PairMessage } from "../../wire/pairing/messages.ts";
import { pinScalar } from "../../wire/pairing/pin.ts";
import { DeviceStore, type NewDevice, type PairedDevice } from "./devices.ts";
import { PairingDesk, type PairingEvent, type PairingResult } from "./pairing.ts";

const fingerprint = "5a".repeat(32);
const keyOf = (number: number) => new Uint8Array(32).fill(number);
const exporterOf =
  (connection: string): Exporter =>
  (label, _, bytes) =>
    Uint8Array.from(createHmac("sha512", connection).update(label).digest().subarray(0, bytes));

/** A desk with a clock that stands still, and what it stored and told. */
function openDesk() {
  const stored: NewDevice[] = [];
  const events: string[] = [];
  const clock = { nowMs: 0 };
  const add = async (device: NewDevice) => {
    stored.push(device);
    return device as unknown as PairedDevice;
  };
  const desk = new PairingDesk({
    fingerprint,
    devices: { add },
    randomInt,
    randomBytes,
    nowMs: () => clock.nowMs,
  });
  desk.subscribe((event: PairingEvent) =>
    events.push(event.type === "ended" ? event.how : event.type),
  );
  return { desk, stored, events, clock };
}

interface Guest {
  readonly pin: string;
  readonly key?: number;
  readonly address?: string;
  readonly connection?: string;
  /** What the client takes for the host's fingerprint. */
  readonly fingerprint?: string;
}

/** Brings a client and the desk to where the client's confirmation is due. */
async function approach(desk: PairingDesk, guest: Guest) {
  const { key = 1, address = "192.0.2.1", connection = "c1" } = guest;
  const publicKey = keyOf(key);
  const identities = pairingIdentities(publicKey, guest.fingerprint ?? fingerprint);
  const exporter = exporterOf(connection);
  const w = await pinScalar(guest.pin, identities);
  const client = startPairing({ identities, w, randomBytes, binding: pairingBinding(exporter) });
  const receive = desk.begin({ address, publicKey, name: "tv", exporter });
  const share = await receive(client.send);
  if (share.kind !== "continue") return { receive, share, confirm: undefined, state: client.state };
  const { state, send } = stepClient(client.state, share.send);
  return { receive, share, confirm: send as PairMessage, state };
}

async function pair(desk: PairingDesk, guest: Guest) {
  const { receive, share, confirm, state } = await approach(desk, guest);
  if (confirm === undefined) return { result: share, state };
  const result = await receive(confirm);
  const last: ClientCeremony = "send" in result ? stepClient(state, result.send).state : state;
  return { result, state: last };
}

const whyOf = (result: PairingResult) => (result.kind === "refused" ? result.why : result.kind);
const otherPin = (pin: string) => `${(Number(pin[0]) + 1) % 10}${pin.slice(1)}`;

test("a client with the PIN is paired and stored with the window's level", async () => {
  const { desk, stored, events } = openDesk();
  const window = desk.arm({ level: "play" });
  const { result, state } = await pair(desk, { pin: window.pin.reveal() });
  expect(result.kind).toBe("paired");
  expect(state.kind).toBe("paired");
  expect(stored).toEqual([{ publicKey: keyOf(1), name: "tv", level: "play" }]);
  expect(events).toEqual(["armed", "used"]);
});

test("one wrong guess burns the PIN, also for who has the right one under way", async () => {
  const { desk, stored, events } = openDesk();
  const pin = desk.arm({ level: "full" }).pin.reveal();
  const honest = await approach(desk, { pin });
  const wrong = await pair(desk, { pin: otherPin(pin), key: 2, address: "192.0.2.2" });
  expect(wrong.result).toMatchObject({ kind: "refused", why: "mismatch" });
  expect(wrong.state.kind).toBe("confirming");
  expect(whyOf(await honest.receive(honest.confirm as PairMessage))).toBe("burnt");
  expect(whyOf((await pair(desk, { pin })).result)).toBe("burnt");
  expect(stored).toEqual([]);
  expect(events).toEqual(["armed", "burnt"]);
});

test("of two clients with the right PIN at the same time one is paired", async () => {
  const { desk, stored } = openDesk();
  const pin = desk.arm({ level: "full" }).pin.reveal();
  const [one, two] = await Promise.all([
    approach(desk, { pin }),
    approach(desk, { pin, key: 2, address: "192.0.2.2", connection: "c2" }),
  ]);
  const results = await Promise.all([
    one.receive(one.confirm as PairMessage),
    two.receive(two.confirm as PairMessage),
  ]);
  expect(results.map(whyOf)).toEqual(["paired", "used"]);
  expect(stored.length).toBe(1);
});

test("a PIN works once", async () => {
  const { desk, stored } = openDesk();
  const pin = desk.arm({ level: "full" }).pin.reveal();
  await pair(desk, { pin });
  const { result } = await pair(desk, { pin, key: 2 });
  expect(result).toMatchObject({ kind: "refused", why: "used" });
  expect((result as { message: string }).message).toContain("punktfunk host arm");
  expect(stored.length).toBe(1);
});

test("a client that stalls blocks nobody, and its own guess comes too late", async () => {
  const { desk, clock } = openDesk();
  const pin = desk.arm({ level: "full" }).pin.reveal();
  const stalling = await approach(desk, { pin, key: 2, address: "192.0.2.2" });
  expect((await pair(desk, { pin })).result.kind).toBe("paired");
  clock.nowMs = limit("pair_window_ms");
  expect(whyOf(await stalling.receive(stalling.confirm as PairMessage))).toBe("used");
});

test("a PIN's time counts at the guess, not at the start", async () => {
  const { desk, clock, stored, events } = openDesk();
  const pin = desk.arm({ level: "full" }).pin.reveal();
  const { receive, confirm } = await approach(desk, { pin });
  clock.nowMs = limit("pair_window_ms");
  expect(whyOf(await receive(confirm as PairMessage))).toBe("expired");
  expect(desk.armed).toBeUndefined();
  expect(desk.ended).toBe("expired");
  expect(stored).toEqual([]);
  expect(events).toEqual(["armed", "expired"]);
});

test("the right PIN for another host's certificate burns the window and pairs nobody", async () => {
  const { desk, stored } = openDesk();
  const pin = desk.arm({ level: "full" }).pin.reveal();
  const { result } = await pair(desk, { pin, fingerprint: "5b".repeat(32) });
  expect(whyOf(result)).toBe("mismatch");
  expect(desk.ended).toBe("burnt");
  expect(stored).toEqual([]);
});

test("a confirmation sent twice, or before its turn, pairs nobody again", async () => {
  const { desk, stored } = openDesk();
  const pin = desk.arm({ level: "full" }).pin.reveal();
  const { receive, confirm } = await approach(desk, { pin });
  const both = await Promise.all([
    receive(confirm as PairMessage),
    receive(confirm as PairMessage),
  ]);
  expect(both.map(whyOf)).toEqual(["paired", "unexpected"]);
  expect(whyOf(await receive(confirm as PairMessage))).toBe("unexpected");
  expect(stored.length).toBe(1);
  desk.arm({ level: "full" });
  const early = desk.begin({
    address: "a",
    publicKey: keyOf(3),
    name: "tv",
    exporter: exporterOf("c3"),
  });
  expect(whyOf(await early(confirm as PairMessage))).toBe("unexpected");
  expect(desk.armed).toBeDefined();
});

test("a share that is no point, or none at all, costs no guess", async () => {
  const { desk } = openDesk();
  desk.arm({ level: "full" });
  const receive = desk.begin({
    address: "a",
    publicKey: keyOf(1),
    name: "tv",
    exporter: exporterOf("c1"),
  });
  const result = await receive({ type: "pairStart", share: new Uint8Array(65).fill(4) });
  expect(whyOf(result)).toBe("malformed");
  expect(desk.armed).toBeDefined();
});

test("a host that is not armed refuses at once, and one address soon has to wait", async () => {
  const { desk } = openDesk();
  expect(whyOf((await pair(desk, { pin: "000000" })).result)).toBe("closed");
  const pin = desk.arm({ level: "full" }).pin.reveal();
  for (let i = 0; i < limit("pair_attempts_per_address_max"); i++) {
    expect((await approach(desk, { pin })).share.kind).toBe("continue");
  }
  expect(whyOf((await pair(desk, { pin })).result)).toBe("limited");
  expect((await pair(desk, { pin, address: "192.0.2.9" })).result.kind).toBe("paired");
});

test("a window that runs out tells its listeners by itself", async () => {
  const { promise, resolve } = Promise.withResolvers<PairingEvent>();
  const desk = new PairingDesk({
    fingerprint,
    devices: { add: () => Promise.reject(new Error("none is added")) },
    randomInt,
    randomBytes,
    nowMs: () => performance.now(),
  });
  desk.arm({ level: "full", durationMs: 5 });
  desk.subscribe(resolve);
  // The desk's own timer does not keep a program alive; a test has to.
  const alive = setInterval(() => undefined, 1000);
  expect(await promise).toEqual({ type: "ended", how: "expired" });
  clearInterval(alive);
});

test("a device is on disk before it is told that it is paired", async () => {
  const folder = await mkdtemp(join(tmpdir(), "punktfunk-pairing-"));
  const path = join(folder, "devices.json");
  const devices = await DeviceStore.open(path);
  const now = () => performance.now();
  const desk = new PairingDesk({ fingerprint, devices, randomInt, randomBytes, nowMs: now });
  const pin = desk.arm({ level: "view" }).pin.reveal();
  const { result } = await pair(desk, { pin });
  expect(result.kind).toBe("paired");
  expect((await Bun.file(path).json()).devices).toMatchObject([{ name: "tv", level: "view" }]);
  await devices.close();
  await rm(folder, { recursive: true });
});
