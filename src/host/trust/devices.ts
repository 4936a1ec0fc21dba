/**
 * The paired devices of a host, in `devices.json` of its data folder. The store owns the folder
 * while it is open (folder-lock.ts), so what it holds in memory is the truth; the file is replaced
 * as a whole and is on disk when a change's promise resolves. Changes are in force at once: a
 * revoked device is out even where the disk is full.
 */
import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { copyFile, readdir, readFile, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { assert, PfError } from "../../base/errors.ts";
import { readState, statePath, writeState } from "../../base/state.ts";
import { limit } from "../../wire/limits.ts";
import { deviceId } from "../../wire/pairing/device-id.ts";
import { type Level, levelNames } from "../../wire/pairing/level.ts";
import { type FolderLock, lockFolder } from "./folder-lock.ts";
import { cleanName } from "./name.ts";

/** Fields that a later version added are kept as they are. */
const deviceSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  /** Ed25519, 64 hex digits. */
  publicKey: z.string().regex(/^[0-9a-f]{64}$/),
  level: z.enum(levelNames),
  /** From when on the device is no longer let in; null = never. */
  expiresAt: z.iso.datetime().nullable(),
  addedAt: z.iso.datetime(),
  lastSeenAt: z.iso.datetime().nullable(),
});
const fileSchema = z.looseObject({
  version: z.literal(1),
  devices: z
    .array(deviceSchema)
    .refine((devices) => devices.every(({ id, publicKey }) => id === deviceId(keyOf(publicKey))))
    .refine((devices) => new Set(devices.map(({ id }) => id)).size === devices.length),
});
type DevicesFile = z.infer<typeof fileSchema>;

export type PairedDevice = Readonly<z.infer<typeof deviceSchema>>;

/** Where paired devices are kept. */
export const devicesPath = () => statePath("data", "devices.json");

/** What happened to a device; `device` is as it is now, of a revoked one as it was. */
export interface DeviceEvent {
  readonly type: "added" | "changed" | "seen" | "revoked";
  readonly device: PairedDevice;
}
export type DeviceListener = (event: DeviceEvent) => void;

export interface NewDevice {
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Cleaned by the store. */
  readonly name: string;
  readonly level: Level;
  readonly expiresAt?: Date | null;
}

/** Whether a device may come in. */
export type Verdict =
  | { readonly kind: "paired"; readonly device: PairedDevice }
  | { readonly kind: "expired"; readonly device: PairedDevice }
  | { readonly kind: "unknown" };

/** Whether a device's time is over. */
export function isExpired({ expiresAt }: PairedDevice, now: Date): boolean {
  return expiresAt !== null && now.getTime() >= Date.parse(expiresAt);
}

/** When a device was last seen may be lost in a crash, so it waits to be written with others. */
const seenDelayMs = 5000;

export class DeviceStore {
  readonly #path: string;
  readonly #lock: FolderLock;
  readonly #listeners = new Set<DeviceListener>();
  readonly #devices = new Map<string, PairedDevice>();
  /** The file's other fields. */
  readonly #rest: Readonly<Record<string, unknown>>;
  /** Of the file as this store last saw it. */
  #stamp: string;
  /** Counts changes in memory; `#written` is how many of them are on disk. */
  #revision = 0;
  #written = 0;
  #writing: Promise<void> = Promise.resolve();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  private constructor(
    path: string,
    lock: FolderLock,
    file: DevicesFile | undefined,
    stamp: string,
  ) {
    const { devices, ...rest } = file ?? { version: 1, devices: [] };
    for (const device of devices) this.#devices.set(device.id, device);
    this.#path = path;
    this.#lock = lock;
    this.#rest = rest;
    this.#stamp = stamp;
  }

  /**
   * Opens the store and takes its folder. Throws PF_STATE_INVALID when another host has the folder,
   * or the file is damaged or not ours: it stays as it is, and a copy of it is kept beside it.
   */
  static async open(path = devicesPath()): Promise<DeviceStore> {
    const lock = lockFolder(dirname(path));
    try {
      await removeLeftovers(path);
      const stamp = await stampOf(path);
      const file = await readState(path, fileSchema);
      return new DeviceStore(path, lock, file, stamp);
    } catch (error) {
      lock.release();
      throw await keptAside(path, error);
    }
  }

  /** All devices, expired ones too, in the order of pairing. */
  list(): readonly PairedDevice[] {
    return [...this.#devices.values()];
  }

  get(id: string): PairedDevice | undefined {
    return this.#devices.get(id);
  }

  /** Whether the device of this public key, which it must have proven, may come in now. */
  judge(publicKey: Uint8Array, now: Date): Verdict {
    const device = this.#devices.get(deviceId(publicKey));
    if (device === undefined || device.publicKey !== hexOf(publicKey)) return { kind: "unknown" };
    return { kind: isExpired(device, now) ? "expired" : "paired", device };
  }

  /** Listeners are called in the order of changes and must not throw. Returns how to stop it. */
  subscribe(listener: DeviceListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /**
   * Pairs a device; one that is paired already gets the new name, level and expiry. Resolves when
   * it is on disk; rejects with PF_STATE_INVALID, and the device is not paired, when it can't be.
   */
  async add(added: NewDevice, now: Date): Promise<PairedDevice> {
    const id = deviceId(added.publicKey);
    const old = this.#devices.get(id);
    if (old === undefined && this.#devices.size >= limit("devices_max")) throw tooMany();
    const device: PairedDevice = {
      ...(old ?? { addedAt: now.toISOString(), lastSeenAt: null }),
      id,
      name: cleanName(added.name),
      publicKey: hexOf(added.publicKey),
      level: added.level,
      expiresAt: added.expiresAt?.toISOString() ?? null,
    };
    this.#put(device, old === undefined ? "added" : "changed");
    try {
      await this.#save();
    } catch (error) {
      if (this.#devices.get(id) === device) this.#undo(device, old);
      throw error;
    }
    return device;
  }

  /** The following throw PF_USAGE for an id that is not paired. They resolve as `add` does. */
  async rename(id: string, name: string): Promise<PairedDevice> {
    return this.#change(id, { name: cleanName(name) });
  }

  async setLevel(id: string, level: Level): Promise<PairedDevice> {
    return this.#change(id, { level });
  }

  async setExpiry(id: string, expiresAt: Date | null): Promise<PairedDevice> {
    return this.#change(id, { expiresAt: expiresAt?.toISOString() ?? null });
  }

  /** In force at once; where this rejects, the device is paired again when the host restarts. */
  async revoke(id: string): Promise<PairedDevice> {
    const device = this.#require(id);
    this.#drop(device);
    await this.#save();
    return device;
  }

  /** Notes that a device is here; written with the next change, or within seconds. */
  touch(id: string, now: Date): void {
    const device = this.#devices.get(id);
    if (device === undefined || this.#isClosed) return;
    this.#put({ ...device, lastSeenAt: now.toISOString() }, "seen");
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      // What can't be written now is written with the next change, which says why it can't.
      this.#save().catch(() => undefined);
    }, seenDelayMs);
    this.#timer.unref();
  }

  /** Writes what is left to write and lets the folder go. May be called again. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    try {
      await this.#save();
    } finally {
      this.#isClosed = true;
      this.#lock.release();
    }
  }

  async #change(id: string, changes: Partial<PairedDevice>): Promise<PairedDevice> {
    const device: PairedDevice = { ...this.#require(id), ...changes };
    this.#put(device, "changed");
    await this.#save();
    return device;
  }

  #require(id: string): PairedDevice {
    const device = this.#devices.get(id);
    if (device !== undefined) return device;
    throw new PfError("PF_USAGE", `There is no paired device ${cleanName(id)}.`, {
      hint: "punktfunk host devices lists them with their ids.",
    });
  }

  #put(device: PairedDevice, type: DeviceEvent["type"]): void {
    this.#devices.set(device.id, device);
    this.#tell({ type, device });
  }

  #drop(device: PairedDevice): void {
    this.#devices.delete(device.id);
    this.#tell({ type: "revoked", device });
  }

  #undo(device: PairedDevice, old: PairedDevice | undefined): void {
    if (old === undefined) this.#drop(device);
    else this.#put(old, "changed");
  }

  #tell(event: DeviceEvent): void {
    this.#revision += 1;
    for (const listener of this.#listeners) listener(event);
  }

  /** Resolves when all that is in memory now is on disk. One write serves all that wait for it. */
  #save(): Promise<void> {
    const wanted = this.#revision;
    const write = async () => {
      if (this.#written >= wanted) return;
      const revision = this.#revision;
      await this.#write();
      this.#written = revision;
    };
    this.#writing = this.#writing.then(write, write);
    return this.#writing;
  }

  async #write(): Promise<void> {
    assert(!this.#isClosed, "a store that is closed no longer owns its folder");
    if ((await stampOf(this.#path)) !== this.#stamp) throw changedByOthers(this.#path);
    await writeState(this.#path, { ...this.#rest, devices: this.list() });
    this.#stamp = await stampOf(this.#path);
  }
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const keyOf = (digits: string) => Uint8Array.from(Buffer.from(digits, "hex"));

/** What changes whenever the file is written or replaced; "" where there is none. */
async function stampOf(path: string): Promise<string> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found === undefined ? "" : `${found.ino} ${found.size} ${found.mtimeNs}`;
}

/** Removes what a write that was cut off has left; the folder is ours, so nobody writes now. */
async function removeLeftovers(path: string): Promise<void> {
  const isLeftover = (name: string) =>
    name.startsWith(`${basename(path)}.`) && name.endsWith(".tmp");
  const names = await readdir(dirname(path));
  for (const name of names.filter(isLeftover)) await rm(join(dirname(path), name), { force: true });
}

/** The error, naming the copy of the file that is kept where the file itself could be read. */
async function keptAside(path: string, error: unknown): Promise<unknown> {
  const content = await readFile(path).catch(() => undefined);
  if (content === undefined || !(error instanceof PfError)) return error;
  const digest = createHash("sha256").update(content).digest("hex").slice(0, 8);
  const aside = `${path}.damaged-${digest}`;
  try {
    await copyFile(path, aside, constants.COPYFILE_EXCL);
  } catch (failure) {
    if ((failure as NodeJS.ErrnoException).code !== "EEXIST") return error;
  }
  return new PfError(error.code, `${error.message} A copy of it is kept as ${aside}.`, {
    hint: "Mend it, or move it away to begin without paired devices; the host does not change it.",
    cause: error,
  });
}

function changedByOthers(path: string): PfError {
  return new PfError("PF_STATE_INVALID", `${path} was changed by another program.`, {
    hint: "Nothing was written over it; restart the host, which then reads it.",
  });
}

function tooMany(): PfError {
  const text = `This host has ${limit("devices_max")} paired devices, the most it keeps.`;
  return new PfError("PF_STATE_INVALID", text, {
    hint: "Revoke one that is no longer used: punktfunk host devices lists them.",
  });
}
