/**
 * Whom the host trusts: paired devices, pairing by PIN and approval by a person, as the sessions,
 * the management API and the operator's terminal need them.
 */
import { randomBytes, randomInt } from "node:crypto";
import { PfError } from "../../base/errors.ts";
import type { ControlConnection } from "../../transport/connection.ts";
import type { MessageOf } from "../../wire/control.ts";
import { limit } from "../../wire/limits.ts";
import type * as api from "../../wire/management.ts";
import { deviceFingerprint } from "../../wire/pairing/device-id.ts";
import type { Level } from "../../wire/pairing/level.ts";
import type { PairMessage } from "../../wire/pairing/messages.ts";
import type { ManagedTrust } from "../management/managed.ts";
import {
  type DeviceEvent,
  type DeviceStore,
  isExpired,
  type PairedDevice,
  type Verdict,
} from "./devices.ts";
import { PairingDesk, type PairingEvent, type PairingPeer, type PairingResult } from "./pairing.ts";
import type { PendingRefusal, PendingRequest } from "./pending.ts";
import { Standing } from "./standing.ts";
import { type Settlement, type WaitingEvent, WaitingRoom } from "./waiting-room.ts";
import type { ArmedWindow } from "./window.ts";

/** `required`: paired devices only; `open`: everybody, who then may do all but manage. */
export type TrustMode = "required" | "open";

export interface TrustOptions {
  readonly mode: TrustMode;
  /** The caller's to close, after this. */
  readonly devices: DeviceStore;
  /** Of the host's certificate, 64 hex digits. */
  readonly fingerprint: string;
  /** Where clients reach this host, for the pairing link. */
  readonly reachedAt: () => { readonly host: string; readonly port: number };
  /** Milliseconds of a clock that never goes back. */
  readonly nowMs?: () => number;
}

export type TrustEvent =
  | { readonly topic: "device"; readonly event: DeviceEvent }
  /** A client of a device has come or gone. */
  | { readonly topic: "connected" }
  | { readonly topic: "waiting"; readonly event: WaitingEvent }
  | { readonly topic: "pairing"; readonly event: PairingEvent };

/** What became of a device that wanted to wait. */
export type Approval =
  | { readonly kind: "settled"; readonly how: Settlement }
  | { readonly kind: "refused"; readonly why: PendingRefusal };

export class Trust implements ManagedTrust {
  readonly mode: TrustMode;
  readonly #options: TrustOptions;
  readonly #nowMs: () => number;
  readonly #devices: DeviceStore;
  readonly #desk: PairingDesk;
  readonly #room: WaitingRoom;
  readonly #standings = new Set<Standing>();
  readonly #listeners = new Set<(event: TrustEvent) => void>();
  readonly #stopListening: (() => void)[];

  constructor(options: TrustOptions) {
    const { mode, devices, fingerprint, nowMs = () => performance.now() } = options;
    this.mode = mode;
    this.#options = options;
    this.#nowMs = nowMs;
    this.#devices = devices;
    this.#desk = new PairingDesk({ fingerprint, devices, randomInt, randomBytes, nowMs });
    this.#room = new WaitingRoom(nowMs, (event) => this.#tell({ topic: "waiting", event }));
    this.#stopListening = [
      devices.subscribe((event) => this.#onDevice(event)),
      this.#desk.subscribe((event) => this.#tell({ topic: "pairing", event })),
    ];
  }

  /** What is known of the device of this key, which it must have proven. */
  judge(publicKey: Uint8Array): Verdict {
    return this.#devices.judge(publicKey, new Date());
  }

  /**
   * The standing of a client, until it `leave`s; undefined: the host does not serve its device.
   * The same device may come in as often as it likes.
   */
  enter(publicKey: Uint8Array): Standing | undefined {
    const judged = this.#serves(publicKey);
    if (judged === undefined) return undefined;
    const standing: Standing = new Standing(publicKey, judged, {
      judge: () => this.#serves(publicKey),
      left: () => {
        if (this.#standings.delete(standing)) this.#tell({ topic: "connected" });
      },
    });
    this.#standings.add(standing);
    if (judged !== null) this.#devices.touch(judged.id, new Date());
    this.#tell({ topic: "connected" });
    return standing;
  }

  /**
   * Lets a client wait until a person has answered, its time is over, it leaves, or `signal` aborts
   * (as withdrawn). Never rejects. The client is told that it waits; what comes of it, the caller
   * tells.
   */
  async approval(
    connection: Pick<ControlConnection, "peer" | "send" | "closed">,
    hello: Pick<MessageOf<"hello">, "name" | "device">,
    signal: AbortSignal,
  ): Promise<Approval> {
    const { name, device } = hello;
    const { address } = connection.peer;
    const asked = this.#room.ask({ name, publicKey: device.publicKey, address });
    if (asked.kind === "refused") return asked;
    const { request, settled } = asked;
    const withdraw = () => this.#room.withdraw(request);
    signal.addEventListener("abort", withdraw, { once: true });
    if (signal.aborted) withdraw();
    void connection.closed.then(withdraw);
    connection.send({
      type: "approvalAwaited",
      id: request.id,
      fingerprint: request.fingerprint,
      timeoutMs: this.#leftMs(request.expiresMs),
    });
    const how = await settled;
    signal.removeEventListener("abort", withdraw);
    return { kind: "settled", how };
  }

  /** The PIN ceremony of a connection: call what it returns for each pairing message in turn. */
  ceremony(peer: PairingPeer): (message: PairMessage) => Promise<PairingResult> {
    return this.#desk.begin(peer);
  }

  /** Listeners must not throw. Returns how to stop it. */
  subscribe(listener: (event: TrustEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  devices(): readonly api.Device[] {
    const connected = new Set([...this.#standings].map(({ device }) => device?.id));
    return this.#devices.list().map((device) => shown(device, connected.has(device.id)));
  }

  async changeDevice(id: string, change: api.DeviceChange): Promise<api.Device | undefined> {
    if (this.#devices.get(id) === undefined) return undefined;
    // Begun together, they are one write.
    const changes: Promise<PairedDevice>[] = [];
    if (change.name !== undefined) changes.push(this.#devices.rename(id, change.name));
    if (change.level !== undefined) changes.push(this.#devices.setLevel(id, change.level));
    if (change.expiresAt !== undefined) {
      changes.push(this.#devices.setExpiry(id, dateOf(change.expiresAt)));
    }
    await Promise.all(changes);
    return this.devices().find((device) => device.id === id);
  }

  async revoke(id: string): Promise<boolean> {
    if (this.#devices.get(id) === undefined) return false;
    await this.#devices.revoke(id);
    return true;
  }

  paired(publicKey: Uint8Array): { readonly id: string; readonly level: Level } | undefined {
    const verdict = this.judge(publicKey);
    if (verdict.kind !== "paired") return undefined;
    return { id: verdict.device.id, level: verdict.device.level };
  }

  /** The requests that wait, as the list holds them. */
  requests(): readonly PendingRequest[] {
    return this.#room.list();
  }

  pending(): readonly api.PendingDevice[] {
    return this.requests().map(({ id, name, fingerprint, address, sinceMs, expiresMs }) => ({
      id,
      name,
      fingerprint,
      address,
      since: this.#dateAt(sinceMs),
      expiresAt: this.#dateAt(expiresMs),
    }));
  }

  /** For how long a request waits yet, in whole milliseconds. */
  leftMsOf(request: PendingRequest): number {
    return this.#leftMs(request.expiresMs);
  }

  async approve(id: string, approval: api.Approval): Promise<api.Device | undefined> {
    const expiresAt = dateOf(approval.expiresAt);
    if (expiresAt !== null && expiresAt.getTime() <= Date.now()) {
      throw new PfError("PF_USAGE", "A device can't be let in until a time that is over.", {
        hint: "Give a later time, or none.",
      });
    }
    const { level } = approval;
    const device = await this.#room.approve(id, level, ({ publicKey, name }) =>
      this.#devices.add({ publicKey, name: approval.name ?? name, level, expiresAt }, new Date()),
    );
    return device && this.devices().find((each) => each.id === device.id);
  }

  deny(id: string): boolean {
    return this.#room.deny(id);
  }

  /** The window that is armed now. */
  get armed(): ArmedWindow | undefined {
    return this.#desk.armed;
  }

  pairing(): api.Pairing {
    const window = this.#desk.armed;
    if (window === undefined) {
      return { window: null, ended: this.#desk.ended ?? null, uri: null };
    }
    const pin = window.pin.reveal();
    const { host, port } = this.#options.reachedAt();
    const fp = this.#options.fingerprint;
    const uri = `punktfunk://pair?${new URLSearchParams({ host, port: `${port}`, fp, pin })}`;
    const { id, level, armedMs, expiresMs } = window;
    return {
      window: {
        id,
        pin,
        level,
        armedAt: this.#dateAt(armedMs),
        expiresAt: this.#dateAt(expiresMs),
        remainingMs: this.#leftMs(expiresMs),
      },
      ended: null,
      uri,
    };
  }

  arm(arming: api.Arming = { level: "full", durationMs: limit("pair_window_ms") }): api.Pairing {
    this.#desk.arm(arming);
    return this.pairing();
  }

  disarm(): void {
    this.#desk.disarm();
  }

  /** Sends all away that wait. */
  close(): void {
    for (const stop of this.#stopListening) stop();
    this.#desk.disarm();
    this.#room.close();
  }

  /** The paired device, null for a stranger who is served, undefined for one who is not. */
  #serves(publicKey: Uint8Array): PairedDevice | null | undefined {
    const verdict = this.judge(publicKey);
    if (verdict.kind === "paired") return verdict.device;
    return this.mode === "open" ? null : undefined;
  }

  #onDevice(event: DeviceEvent): void {
    const { device } = event;
    if (event.type !== "seen") {
      for (const standing of this.#standings) {
        if (hexOf(standing.publicKey) === device.publicKey) standing.review();
      }
    }
    // It may wait on another connection than the one by which it was paired.
    const isLetIn = event.type === "added" || event.type === "changed";
    if (isLetIn && !isExpired(device, new Date())) {
      void this.#room.approve(device.id, device.level, () => device);
    }
    this.#tell({ topic: "device", event });
  }

  #tell(event: TrustEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #leftMs(expiresMs: number): number {
    return Math.max(0, Math.round(expiresMs - this.#nowMs()));
  }

  /** The time of day at a moment of the clock that never goes back. */
  #dateAt(ms: number): string {
    return new Date(Date.now() + ms - this.#nowMs()).toISOString();
  }
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const dateOf = (time: string | null) => (time === null ? null : new Date(time));

function shown(device: PairedDevice, connected: boolean): api.Device {
  const { id, name, level, publicKey, addedAt, expiresAt, lastSeenAt } = device;
  return {
    id,
    name,
    fingerprint: deviceFingerprint(Uint8Array.from(Buffer.from(publicKey, "hex"))),
    level,
    pairedAt: addedAt,
    expiresAt,
    expired: isExpired(device, new Date()),
    lastSeenAt,
    connected,
  };
}
