import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PfError } from "../../base/errors.ts";
import { SeededRandom } from "../../base/random.ts";
import { limit } from "../../wire/limits.ts";
import { deviceId } from "../../wire/pairing/device-id.ts";
import { type DeviceEvent, DeviceStore } from "./devices.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "punktfunk-devices-"));
});
afterAll(() => rm(folder, { recursive: true }));

let count = 0;
/** The path of a devices file in a folder of its own. */
async function newPath(): Promise<string> {
  const own = join(folder, String(count++));
  await mkdir(own);
  return join(own, "devices.json");
}
const keyOf = (number: number) => {
  const key = new Uint8Array(32);
  new DataView(key.buffer).setUint32(0, number);
  return key;
};
const now = new Date("2026-11-23T12:00:00.000Z");
const later = new Date("2026-11-24T12:00:00.000Z");
const tv = { publicKey: keyOf(1), name: "Living-room TV", level: "play" } as const;

async function errorOf(promise: Promise<unknown>): Promise<PfError> {
  const thrown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(PfError);
  return thrown as PfError;
}

test("a device that is paired is known again by another host process", async () => {
  const path = await newPath();
  const store = await DeviceStore.open(path);
  expect(store.judge(tv.publicKey, now)).toEqual({ kind: "unknown" });
  const device = await store.add(tv, now);
  expect(device).toEqual({
    id: deviceId(tv.publicKey),
    name: "Living-room TV",
    publicKey: Buffer.from(tv.publicKey).toString("hex"),
    level: "play",
    expiresAt: null,
    addedAt: now.toISOString(),
    lastSeenAt: null,
  });
  await store.close();
  const again = await DeviceStore.open(path);
  expect(again.list()).toEqual([device]);
  expect(again.judge(tv.publicKey, now)).toEqual({ kind: "paired", device });
  expect(again.judge(keyOf(2), now)).toEqual({ kind: "unknown" });
  await again.close();
  expect(((await stat(path)).mode & 0o777).toString(8)).toBe("600");
});

test("name, level and expiry change, each with its event, and a revoked device is gone", async () => {
  const path = await newPath();
  const store = await DeviceStore.open(path);
  const events: DeviceEvent[] = [];
  const stop = store.subscribe((event) => events.push(event));
  const { id } = await store.add(tv, now);
  await store.rename(id, "Bed\u0007room \u202eTV");
  await store.setLevel(id, "view");
  await store.setExpiry(id, later);
  store.touch(id, later);
  expect(store.judge(tv.publicKey, now).kind).toBe("paired");
  expect(store.judge(tv.publicKey, later).kind).toBe("expired");
  await store.setExpiry(id, null);
  expect(store.judge(tv.publicKey, later).kind).toBe("paired");
  expect(store.get(id)).toMatchObject({ name: "Bedroom TV", level: "view" });
  await store.revoke(id);
  expect(store.judge(tv.publicKey, now)).toEqual({ kind: "unknown" });
  stop();
  await store.add(tv, now);
  expect(events.map(({ type }) => type)).toEqual([
    "added",
    "changed",
    "changed",
    "changed",
    "seen",
    "changed",
    "revoked",
  ]);
  expect(events.at(-1)?.device.id).toBe(id);
  await store.close();
});

test("pairing again changes the name and the level, and keeps what else is known", async () => {
  const store = await DeviceStore.open(await newPath());
  const { id } = await store.add(tv, now);
  store.touch(id, now);
  await store.add({ ...tv, name: "TV", level: "full", expiresAt: later }, later);
  expect(store.list()).toEqual([
    {
      ...(store.get(id) as never as object),
      name: "TV",
      level: "full",
      expiresAt: later.toISOString(),
      addedAt: now.toISOString(),
      lastSeenAt: now.toISOString(),
    } as never,
  ]);
  await store.close();
});

test("what is not paired can't be changed, and the sentence says where to look", async () => {
  const store = await DeviceStore.open(await newPath());
  for (const promise of [store.rename("x", "y"), store.setLevel("x", "full"), store.revoke("x")]) {
    const error = await errorOf(promise);
    expect(error.code).toBe("PF_USAGE");
    expect(error.hint).toContain("punktfunk host devices");
  }
  store.touch("x", now);
  await store.close();
});

test("when a device was last seen is written at the end, if not before", async () => {
  const path = await newPath();
  const store = await DeviceStore.open(path);
  const { id } = await store.add(tv, now);
  store.touch(id, later);
  await store.close();
  await store.close();
  const again = await DeviceStore.open(path);
  expect(again.get(id)?.lastSeenAt).toBe(later.toISOString());
  await again.close();
});

test("fields of a later version survive a rewrite", async () => {
  const path = await newPath();
  const first = await DeviceStore.open(path);
  const { id } = await first.add(tv, now);
  await first.close();
  const file = JSON.parse(await readFile(path, "utf8"));
  file.sync = { cloud: false };
  file.devices[0].icon = "tv.png";
  await writeFile(path, JSON.stringify(file));
  const second = await DeviceStore.open(path);
  await second.rename(id, "TV");
  await second.add({ ...tv, level: "view" }, now);
  await second.close();
  const rewritten = JSON.parse(await readFile(path, "utf8"));
  expect(rewritten.sync).toEqual({ cloud: false });
  expect(rewritten.devices).toMatchObject([{ id, icon: "tv.png", level: "view" }]);
});

const sample = {
  id: deviceId(tv.publicKey),
  name: "tv",
  publicKey: Buffer.from(tv.publicKey).toString("hex"),
  level: "full",
  expiresAt: null,
  addedAt: now.toISOString(),
  lastSeenAt: null,
};
const fileWith = (...devices: unknown[]) => JSON.stringify({ version: 1, devices });
test.each([
  "",
  "{",
  "\u0000\u0001binary",
  "[]",
  '{"version":2,"devices":[]}',
  fileWith({ ...sample, level: "root" }),
  fileWith({ ...sample, id: "0000000000000000" }),
  fileWith({ ...sample, publicKey: "12" }),
  fileWith({ ...sample, expiresAt: "soon" }),
  fileWith(sample, sample),
])("a file that is not ours (%#) stays as it is, with a copy kept beside it", async (text) => {
  const path = await newPath();
  await writeFile(path, text);
  for (let i = 0; i < 2; i++) {
    const error = await errorOf(DeviceStore.open(path));
    expect(error.code).toBe("PF_STATE_INVALID");
    expect(error.message).toContain(path);
    const copy = /kept as (\S+)\.$/.exec(error.message)?.[1] as string;
    expect(await readFile(copy, "utf8")).toBe(text);
    expect(await readFile(path, "utf8")).toBe(text);
  }
  const names = await readdir(join(path, ".."));
  expect(names.length).toBe(3);
  // Moved away, as the error says, it no longer stands in the way.
  await rm(path);
  const store = await DeviceStore.open(path);
  expect(store.list()).toEqual([]);
  await store.close();
});

test("a file that changes under the open store is not overwritten", async () => {
  const path = await newPath();
  const store = await DeviceStore.open(path);
  const { id } = await store.add(tv, now);
  await writeFile(path, "mine now");
  const error = await errorOf(store.add({ ...tv, publicKey: keyOf(2) }, now));
  expect(error.message).toContain("changed by another program");
  expect(store.judge(keyOf(2), now).kind).toBe("unknown");
  // A revocation holds even though it could not be written.
  await errorOf(store.revoke(id));
  expect(store.judge(tv.publicKey, now).kind).toBe("unknown");
  await errorOf(store.close());
  expect(await readFile(path, "utf8")).toBe("mine now");
  await rm(path);
  await (await DeviceStore.open(path)).close();
});

test("a second host on the same folder is refused until the first one ends", async () => {
  const path = await newPath();
  const first = await DeviceStore.open(path);
  await first.add(tv, now);
  const error = await errorOf(DeviceStore.open(path));
  expect(error.code).toBe("PF_STATE_INVALID");
  expect(error.message).toContain(`(process ${process.pid})`);
  expect(error.hint).toContain("PUNKTFUNK_HOME");
  await first.close();
  const second = await DeviceStore.open(path);
  expect(second.list().length).toBe(1);
  await second.close();
});

test("a host's children do not hold its folder", async () => {
  const path = await newPath();
  const store = await DeviceStore.open(path);
  const child = Bun.spawn(["cat"], { stdin: "pipe", stdout: "ignore" });
  await store.close();
  await (await DeviceStore.open(path)).close();
  child.stdin.end();
  await child.exited;
});

test("changes at once are all kept, in few writes", async () => {
  const path = await newPath();
  const store = await DeviceStore.open(path);
  const numbers = Array.from({ length: 50 }, (_, index) => index);
  await Promise.all(numbers.map((number) => store.add({ ...tv, publicKey: keyOf(number) }, now)));
  await store.close();
  const again = await DeviceStore.open(path);
  expect(again.list().map(({ id }) => id)).toEqual(numbers.map((each) => deviceId(keyOf(each))));
  await again.close();
});

test("a host keeps so many devices and no more", async () => {
  const store = await DeviceStore.open(await newPath());
  const numbers = Array.from({ length: limit("devices_max") }, (_, index) => index);
  await Promise.all(numbers.map((number) => store.add({ ...tv, publicKey: keyOf(number) }, now)));
  const error = await errorOf(store.add({ ...tv, publicKey: keyOf(1_000_000) }, now));
  expect(error.hint).toContain("Revoke");
  await store.add({ ...tv, publicKey: keyOf(7), level: "view" }, now);
  await store.close();
});

test("a host killed at random points of 200 writes loses no device and leaves no damage", async () => {
  const path = await newPath();
  const random = new SeededRandom(200);
  const writer = join(import.meta.dir, "devices.writer.ts");
  /** Devices that a writer has said are paired. */
  let paired = 0;
  while (paired < 200) {
    const child = Bun.spawn([process.execPath, writer, path, String(paired)], {
      stdout: "pipe",
      stderr: "inherit",
    });
    // By what fraction of a write the kill comes after a device was paired.
    const pauseUntil = paired + 1 + random.below(16);
    const pauseMs = random.unit() * 3;
    let said = "";
    let isKilled = false;
    const decoder = new TextDecoder();
    for await (const bytes of child.stdout) {
      said += decoder.decode(bytes, { stream: true });
      const last = said.trimEnd().split("\n").at(-1);
      if (isKilled || Number(last) < pauseUntil) continue;
      isKilled = true;
      const until = performance.now() + pauseMs;
      while (performance.now() < until);
      child.kill("SIGKILL");
    }
    expect(await child.exited).not.toBe(0);
    const lines = said.split("\n").slice(0, -1);
    expect(lines.length).toBeGreaterThan(0);
    const acknowledged = Number(lines.at(-1)) + 1;
    const store = await DeviceStore.open(path);
    const ids = store.list().map(({ id }) => id);
    await store.close();
    expect(ids.length).toBeGreaterThanOrEqual(acknowledged);
    const expected = Array.from(ids, (_, number) => deviceId(keyOf(number)));
    expect(ids).toEqual(expected);
    const names = await readdir(join(path, ".."));
    expect(names.sort()).toEqual(["devices.json", "host.lock"]);
    paired = ids.length;
  }
});
