/**
 * What the management API speaks of: every body that it takes or answers, as JSON. Field names end
 * in their unit; times are ISO 8601 in UTC; a figure that was not measured is null, never 0. From
 * these schemas come the server's checks, the clients' types and docs/openapi.json.
 */

import { z } from "zod";
import { causes } from "../../base/bottleneck.ts";
import { byStage, type StageName, stageNames } from "../../base/stages.ts";
import { plainLine } from "../control.ts";
import { displayKinds, sourceNames } from "../displays.ts";
import { limit } from "../limits.ts";
import { codec } from "../media.ts";
import { levelNames } from "../pairing/level.ts";

const count = z.int().min(0);
const time = z.iso.datetime();
const word = z.string().max(64);
const line = z.string().max(1024);
const kbps = z.int().min(1);
const bytesOf = (text: string) => Buffer.byteLength(text);

/** A name that a person gives: one line of printable text. */
const givenName = z
  .string()
  .transform((text) => plainLine(text).trim())
  .refine((text) => text !== "", "it is empty")
  .refine(
    (text) => bytesOf(text) <= limit("device_name_bytes_max"),
    `it is longer than ${limit("device_name_bytes_max")} bytes`,
  );

/** A rate that the host's encoders take. */
const bitrate = z.int().min(limit("bitrate_kbps_min")).max(limit("bitrate_kbps_max"));

export const levelSchema = z.enum(levelNames).meta({
  id: "Level",
  description: "full: everything; play: picture, sound and input; view: picture and sound",
});

/** Who asks: the owner by the token, a manager by the password or as a paired device. */
export const roleSchema = z.enum(["owner", "manager"]).meta({ id: "Role" });
export type Role = z.output<typeof roleSchema>;

export const errorCodes = {
  invalid: [400, "the request is not as documented"],
  unauthenticated: [401, "there is no valid token, and nobody has signed in"],
  "wrong-password": [401, "the password, or the device's proof, is not right"],
  forbidden: [403, "the role does not allow it"],
  "cross-site": [403, "the request comes from another site's page"],
  "not-found": [404, "there is no such thing, or no longer"],
  "method-not-allowed": [405, "the resource does not know that method"],
  timeout: [408, "the request did not arrive in time"],
  conflict: [409, "the state of the host does not allow it now"],
  "password-unset": [409, "no password was set, so nobody can sign in by one"],
  "too-large": [413, "the body is too large"],
  "unsupported-type": [415, "the body is not application/json"],
  "locked-out": [429, "too many attempts to sign in; Retry-After tells when the next may come"],
  "too-many": [429, "the host serves as many of these as it can"],
  internal: [500, "an error inside the host; its log says more"],
  unavailable: [503, "the host can't do this, or it is ending"],
} as const satisfies Record<string, readonly [status: number, meaning: string]>;
export type ErrorCode = keyof typeof errorCodes;

export const errorSchema = z
  .object({
    error: z.object({
      code: z.enum(Object.keys(errorCodes) as [ErrorCode, ...ErrorCode[]]),
      message: line.describe("a sentence for a person: what happened and what to do"),
    }),
  })
  .meta({ id: "Error" });
export type ErrorBody = z.output<typeof errorSchema>;

export const statusSchema = z
  .object({
    name: line,
    version: word,
    hostId: word,
    fingerprint: z.string().length(64).describe("SHA-256 of the host's certificate, hex"),
    startedAt: time,
    controlPort: count,
    mediaPort: count,
    managementPort: count,
    pair: z.enum(["optional", "required"]).describe("whether devices have to be paired"),
    sessions: count.describe("sessions that run now"),
    sessionsTotal: count.describe("sessions since the start"),
    refusedTotal: count.describe("connections refused since the start"),
    devices: count.describe("paired devices"),
    pending: count.describe("devices that wait for approval"),
  })
  .meta({ id: "Status" });
export type Status = z.output<typeof statusSchema>;

const us = z.number().min(0);
const percentiles = z
  .object({ p50: us, p95: us, p99: us, max: us })
  .nullable()
  .meta({ id: "Percentiles", description: "microseconds" });

const stageTimes = z.object(byStage(() => percentiles) as Record<StageName, typeof percentiles>);

const clockSchema = z
  .object({
    skewCorrected: z.boolean().describe("the offset of both machines' clocks is known"),
    errorNs: z.number().min(0).nullable().describe("it is wrong by at most this"),
    suspect: z.boolean().describe("the clocks contradict each other: nothing across is measured"),
  })
  .meta({ id: "Clock", description: "what figures across machines are worth" });

export const figuresSchema = z
  .object({
    at: time,
    fps: z.object({
      captured: z.number().min(0),
      sent: z.number().min(0),
      decoded: z.number().min(0).nullable(),
      presented: z.number().min(0).nullable(),
    }),
    bitrateKbps: z.number().min(0).describe("media packets that left, headers and parity included"),
    lossPct: z.number().min(0).max(100).nullable().describe("of packets, as the client reports"),
    framesLost: count.nullable().describe("pictures that were given up in this interval"),
    framesRecovered: count.nullable().describe("pictures that parity saved in this interval"),
    packetsDropped: count.describe("packets that this machine dropped in this interval"),
    latencyUs: stageTimes.describe(
      "parts of a picture's way; from network on they are the client's. pace runs beside network",
    ),
    captureToPresentedUs: percentiles.describe("the whole way, as the client measures it"),
    clock: clockSchema.nullable().describe("as the client tells; null when it has not"),
  })
  .meta({ id: "Figures", description: "what a session did in its last whole second" });
export type Figures = z.output<typeof figuresSchema>;

export const sessionSchema = z
  .object({
    id: z.int().min(1),
    purpose: z.enum(["stream", "probe"]).describe("probe: the client only tests the speed"),
    client: line.describe("name that the client gave"),
    device: word.nullable().describe("id of the paired device; null for one that is not paired"),
    level: levelSchema.nullable(),
    address: word,
    startedAt: time,
    stream: z
      .object({
        mode: word.describe("as 1920x1080@60"),
        codec: z.enum(Object.keys(codec) as [keyof typeof codec]),
        encoder: word,
        source: word,
        sourceWhy: line,
        bitrateKbps: count.describe("of the encoder"),
        parityPermille: count,
        parityCause: word,
      })
      .nullable()
      .describe("null until the stream starts, and for a speed test"),
    figures: figuresSchema.nullable().describe("null in the first second"),
    framesSentTotal: count,
    packetsSentTotal: count,
    bytesSentTotal: count,
    packetsDroppedTotal: count,
  })
  .meta({ id: "Session" });
export type Session = z.output<typeof sessionSchema>;

export const whySchema = z
  .object({
    session: z.int().min(1),
    side: z.enum(["host", "client"]).describe("who measured"),
    peer: line.describe("name of the other end"),
    mode: word,
    seconds: z.number().min(0).describe("the time that this is about, up to now"),
    budgetUs: us.describe("the time between two frames"),
    slowest: z
      .object({
        stage: z.enum(stageNames as [StageName, ...StageName[]]),
        p95Us: us,
        budgetShare: z.number().min(0),
      })
      .nullable()
      .describe("the stage that takes most; null when none was measured"),
    findings: z
      .array(
        z.object({
          cause: z.enum(causes),
          detail: line,
          advice: line.describe("the setting that would help"),
          weight: z.number().min(0).max(1).describe("share of the frames that it costs"),
        }),
      )
      .describe("what is wrong, the worst first"),
    stagesUs: stageTimes,
    captureToPresentedUs: percentiles,
    clock: clockSchema.nullable(),
  })
  .meta({ id: "Why", description: "where a session's time and frames go" });
export type Why = z.output<typeof whySchema>;

export const deviceSchema = z
  .object({
    id: word,
    name: line,
    fingerprint: z.string().length(64).describe("SHA-256 of the device's public key, hex"),
    level: levelSchema,
    pairedAt: time,
    expiresAt: time.nullable().describe("null = it stays until it is revoked"),
    expired: z.boolean(),
    lastSeenAt: time.nullable(),
    connected: z.boolean(),
  })
  .meta({ id: "Device" });
export type Device = z.output<typeof deviceSchema>;

export const deviceChangeSchema = z
  .strictObject({
    name: givenName.optional(),
    level: levelSchema.optional(),
    expiresAt: time.nullable().optional().describe("null = no expiry"),
  })
  .refine((change) => Object.keys(change).length > 0, "it changes nothing")
  .meta({ id: "DeviceChange", description: "what is left out stays" });
export type DeviceChange = z.output<typeof deviceChangeSchema>;

export const pendingSchema = z
  .object({
    id: word,
    name: line,
    fingerprint: z.string().length(64),
    address: word,
    since: time,
    expiresAt: time,
  })
  .meta({ id: "PendingDevice" });
export type PendingDevice = z.output<typeof pendingSchema>;

export const approvalSchema = z
  .strictObject({
    level: levelSchema.default("full"),
    name: givenName.optional().describe("instead of the name that the device gave"),
    expiresAt: time.nullable().default(null),
  })
  .meta({ id: "Approval" });
export type Approval = z.output<typeof approvalSchema>;

export const pairingSchema = z
  .object({
    window: z
      .object({
        id: z.int().min(1),
        pin: z.string().length(limit("pin_digits")),
        level: levelSchema,
        armedAt: time,
        expiresAt: time,
        remainingMs: count.describe("when this was answered"),
      })
      .nullable()
      .describe("null while none is armed"),
    ended: z
      .enum(["burnt", "used", "expired", "disarmed"])
      .nullable()
      .describe("how the last window ended: burnt by a wrong guess, used by the right one"),
    uri: line.nullable().describe("for a QR code while a window is armed: punktfunk://pair?…"),
  })
  .meta({ id: "Pairing" });
export type Pairing = z.output<typeof pairingSchema>;

export const armingSchema = z
  .strictObject({
    level: levelSchema.default("full"),
    durationMs: z
      .int()
      .min(10_000)
      .max(limit("pair_window_ms"))
      .default(limit("pair_window_ms"))
      .describe("how long the PIN may be used"),
  })
  .meta({ id: "Arming" });
export type Arming = z.output<typeof armingSchema>;

export const compositors = ["auto", ...sourceNames] as const;

const settingsFields = {
  bitrateKbpsDefault: bitrate.describe("for clients that ask for none"),
  bitrateKbpsMax: bitrate.describe("the most that a client gets; sessions that run follow"),
  sessionsMax: z.int().min(1).max(64).describe("clients at once"),
  compositor: z.enum(compositors).describe("where the next session's pictures come from"),
};
export const settingsSchema = z.object(settingsFields).meta({ id: "Settings" });
export type Settings = z.output<typeof settingsSchema>;

export const settingsChangeSchema = z
  .strictObject(settingsFields)
  .partial()
  .refine((change) => Object.keys(change).length > 0, "it changes nothing")
  .meta({ id: "SettingsChange", description: "what is left out stays" });
export type SettingsChange = z.output<typeof settingsChangeSchema>;

export const speedTestRequestSchema = z
  .strictObject({
    session: z.int().min(1).describe("a session that streams; its picture stands still meanwhile"),
    rateKbps: z
      .int()
      .min(limit("probe_kbps_min"))
      .max(limit("probe_kbps_max"))
      .nullable()
      .default(null)
      .describe("null = find the rate that the path sustains"),
    durationMs: z
      .int()
      .min(limit("probe_duration_ms_min"))
      .max(limit("probe_duration_ms_max"))
      .nullable()
      .default(null)
      .describe("of the burst whose figures count; null = the usual one"),
  })
  .meta({ id: "SpeedTestRequest" });
export type SpeedTestRequest = z.output<typeof speedTestRequestSchema>;

/** What kept a speed test from going faster; `rate`: nothing, what was asked for came through. */
export const speedLimits = ["rate", "clamp", "host", "network", "client"] as const;

export const speedTestSchema = z
  .object({
    id: z.int().min(1),
    session: z.int().min(1),
    state: z.enum(["running", "done", "failed", "stopped"]),
    startedAt: time,
    progress: z
      .object({
        targetKbps: kbps,
        elapsedMs: count,
        throughputKbps: count,
        lossPct: z.number().min(0).nullable(),
        jitterUs: z.number().min(0).nullable(),
      })
      .nullable()
      .describe("of the burst that runs"),
    result: z
      .object({
        targetKbps: kbps,
        throughputKbps: count.nullable(),
        lossPct: z.number().min(0).nullable(),
        jitterUs: z.number().min(0).nullable(),
        recommendedKbps: count.nullable().describe("a bitrate for this path"),
        limitedBy: z.enum(speedLimits),
        bursts: count,
      })
      .nullable()
      .describe("null until it is done"),
    error: line.nullable(),
  })
  .meta({ id: "SpeedTest" });
export type SpeedTest = z.output<typeof speedTestSchema>;

export const logLineSchema = z
  .object({
    sequence: z.int().min(1),
    at: time,
    level: z.enum(["info", "success", "warn", "error"]),
    text: z.string(),
  })
  .meta({ id: "LogLine" });
export type LogLine = z.output<typeof logLineSchema>;

export const signedInSchema = z
  .object({
    role: roleSchema.nullable().describe("null: nobody is signed in"),
    by: z.enum(["token", "password", "device"]).nullable(),
    passwordSet: z.boolean(),
  })
  .meta({ id: "SignedIn" });
export type SignedIn = z.output<typeof signedInSchema>;

/** Longer ones cost argon2 time and help nobody. */
export const passwordCharsMax = 256;
/** Shorter ones are guessed in spite of the lock-out. */
export const passwordCharsMin = 8;

export const loginSchema = z
  .strictObject({ password: z.string().min(1).max(passwordCharsMax) })
  .meta({ id: "Login" });

export const passwordSchema = z
  .strictObject({ password: z.string().min(passwordCharsMin).max(passwordCharsMax) })
  .meta({ id: "Password" });

export const challengeSchema = z
  .object({ nonce: z.string().length(43), expiresAt: time })
  .meta({ id: "Challenge" });
export type Challenge = z.output<typeof challengeSchema>;

export const deviceLoginSchema = z
  .strictObject({
    nonce: z.string().length(43).describe("of a challenge; it counts once"),
    publicKey: z.string().length(43).describe("Ed25519, base64url"),
    signature: z
      .string()
      .length(86)
      .describe("base64url, of the statement that src/wire/management/device-login.ts describes"),
  })
  .meta({ id: "DeviceLogin" });

export const grantSchema = z
  .object({ token: z.string(), role: roleSchema, expiresAt: time })
  .meta({ id: "Grant", description: "a bearer token for a while" });
export type Grant = z.output<typeof grantSchema>;

export const displaySchema = z
  .object({
    kind: z.enum(displayKinds),
    ok: z.boolean().describe("it can be streamed now"),
    running: z.boolean().describe("a desktop that runs; else one that the host would start"),
    version: word.nullable(),
    why: line.describe("what it is, or what is missing and how to get it"),
  })
  .meta({ id: "Display", description: "a kind of desktop, as this machine has it now" });
export type ManagedDisplay = z.output<typeof displaySchema>;

export const listSchemas = {
  displays: z.object({ displays: z.array(displaySchema) }),
  sessions: z.object({ sessions: z.array(sessionSchema) }),
  devices: z.object({ devices: z.array(deviceSchema) }),
  pending: z.object({ pending: z.array(pendingSchema) }),
  logs: z.object({ lines: z.array(logLineSchema) }),
};

/**
 * What /events sends, by name: on opening one each of the first six, then whenever one changes;
 * `sessions` each second while there are any. Each is the whole state, so a lost one costs nothing.
 */
export const eventSchemas = {
  status: statusSchema,
  sessions: listSchemas.sessions,
  devices: listSchemas.devices,
  pending: listSchemas.pending,
  pairing: pairingSchema,
  settings: settingsSchema,
  speedTest: speedTestSchema,
  log: logLineSchema,
} as const;
export type EventName = keyof typeof eventSchemas;
export type EventOf<Name extends EventName> = z.output<(typeof eventSchemas)[Name]>;
