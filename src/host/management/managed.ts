/**
 * What the management API needs of a host, and all that it needs: the API decides who may ask and
 * how it is said, the host what happens.
 */
import type * as api from "../../wire/management.ts";
import type { Level } from "../../wire/pairing/level.ts";
import type { LiveSample } from "./live.ts";

/** What has changed, for those who watch. */
export type Topic = "sessions" | "devices" | "pending" | "pairing" | "settings";

/** One client that is connected. */
export interface ManagedSession {
  readonly id: number;
  readonly purpose: "stream" | "probe";
  readonly client: string;
  readonly address: string;
  readonly startedAt: Date;
  /** The paired device that it is; null for one that is not paired. */
  readonly device: { readonly id: string; readonly level: Level } | null;
  /** What it has done so far; null until it streams, and for a speed test. */
  sample(): LiveSample | null;
}

/** Of a speed test that was asked for here, as the client tells. */
export interface SpeedTestWatch {
  readonly progress: (progress: NonNullable<api.SpeedTest["progress"]>) => void;
}

export interface ManagedTrust {
  devices(): readonly api.Device[];
  /** undefined: no such device. Rejects with PF_STATE_INVALID when it can't be kept. */
  changeDevice(id: string, change: api.DeviceChange): Promise<api.Device | undefined>;
  revoke(id: string): Promise<boolean>;
  /** The device of a public key (32 bytes) and what it may do now; undefined: not, or no longer. */
  paired(publicKey: Uint8Array): { readonly id: string; readonly level: Level } | undefined;
  pending(): readonly api.PendingDevice[];
  approve(id: string, approval: api.Approval): Promise<api.Device | undefined>;
  deny(id: string): boolean;
  pairing(): api.Pairing;
  arm(arming: api.Arming): api.Pairing;
  disarm(): void;
}

export interface ManagedHost {
  readonly trust: ManagedTrust;
  status(): Omit<api.Status, "managementPort" | "sessions" | "devices" | "pending">;
  sessions(): readonly ManagedSession[];
  /** Ends a session; false: there is none. */
  kick(id: number): boolean;
  /** Kinds of desktops on this machine, as they are now. */
  displays(): Promise<readonly api.ManagedDisplay[]>;
  settings(): api.Settings;
  /** In force at once; resolves when it is kept for later starts. */
  changeSettings(change: api.SettingsChange): Promise<api.Settings>;
  /**
   * Has a client that streams test its path. Rejects when the client does not know how, goes away
   * or fails; aborting ends the test.
   */
  testSpeed(
    request: api.SpeedTestRequest,
    watch: SpeedTestWatch,
    signal: AbortSignal,
  ): Promise<NonNullable<api.SpeedTest["result"]>>;
  /** Returns how to stop listening. */
  subscribe(listener: (topic: Topic) => void): () => void;
}
