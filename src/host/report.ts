/** What a host tells about itself: records for machines, sentences for people. */
import type { CodecName } from "../wire/media.ts";
import { formatMode, type Mode } from "../wire/mode.ts";
import type { Level } from "../wire/pairing/level.ts";
import { showPin } from "../wire/pairing/pin.ts";

/** Refused datagrams by reason. */
export type Drops = Readonly<Record<string, number>>;

/** The drops among counters. */
export const dropsOf = (counters: Readonly<Record<string, number>>): Drops =>
  Object.fromEntries(
    Object.entries(counters)
      .filter(([name]) => name.startsWith("dropped_"))
      .map(([name, value]) => [name.slice("dropped_".length), value]),
  );

export const sumOfDrops = (one: Drops, other: Drops): Drops =>
  Object.fromEntries(
    [...new Set([...Object.keys(one), ...Object.keys(other)])].map((reason) => [
      reason,
      (one[reason] ?? 0) + (other[reason] ?? 0),
    ]),
  );

export interface ReadyReport {
  readonly type: "ready";
  readonly name: string;
  readonly port: number;
  readonly mediaPort: number;
  /** The management API's port; null while there is none. */
  readonly mgmtPort: number | null;
  /** SHA-256 of the host's certificate, hex. */
  readonly fingerprint: string;
  readonly pair: "optional" | "required";
}

export interface SessionStartedReport {
  readonly type: "session-started";
  readonly session: number;
  readonly client: string;
  readonly address: string;
  readonly mode: Mode;
  readonly codec: CodecName;
  readonly encoder: string;
  readonly bitrateKbps: number;
  readonly source: string;
  /** Why this source was chosen. */
  readonly sourceWhy: string;
}

export interface SessionEndedReport {
  readonly type: "session-ended";
  readonly session: number;
  readonly client: string;
  readonly reason: string;
  readonly message: string;
  readonly framesSent: number;
  readonly packetsSent: number;
  /** Of the packets sent. */
  readonly parityPackets: number;
  readonly packetsDropped: number;
  /** The client's datagrams that were refused, by reason. */
  readonly dropped: Drops;
}

export interface SpeedTestedReport {
  readonly type: "speed-tested";
  readonly session: number;
  readonly client: string;
  readonly address: string;
  readonly bursts: number;
  /** The highest rate that was sent, in kilobits a second. */
  readonly rateKbps: number;
  readonly packetsSent: number;
  readonly packetsDropped: number;
}

export interface RefusedReport {
  readonly type: "refused";
  readonly address: string;
  readonly reason: string;
  readonly message: string;
}

/** A PIN for who started the host; never told of one that was armed elsewhere. */
export interface ArmedReport {
  readonly type: "armed";
  readonly pin: string;
  readonly level: Level;
  readonly expiresAt: string;
}

export interface PendingReport {
  readonly type: "pending";
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly fingerprint: string;
  readonly expiresAt: string;
}

export interface PendingSettledReport {
  readonly type: "pending-settled";
  readonly id: string;
  readonly name: string;
  readonly how: "approved" | "denied" | "expired" | "withdrawn" | "failed";
}

/** A device is paired, or no longer. */
export interface DeviceReport {
  readonly type: "paired" | "revoked";
  readonly id: string;
  readonly name: string;
  readonly level: Level;
}

export interface NoteReport {
  readonly type: "note";
  readonly level: "info" | "warn";
  readonly message: string;
}

export interface HostSummaryReport {
  readonly type: "summary";
  readonly sessions: number;
  readonly refused: number;
  readonly durationMs: number;
  /** Datagrams that the media port and its sessions refused, by reason. */
  readonly dropped: Drops;
}

export type HostReport =
  | ReadyReport
  | SessionStartedReport
  | SessionEndedReport
  | SpeedTestedReport
  | RefusedReport
  | ArmedReport
  | PendingReport
  | PendingSettledReport
  | DeviceReport
  | NoteReport
  | HostSummaryReport;

/** A report as a sentence and the weight that it has for a person. */
export function sentenceOf(report: HostReport): {
  readonly level: "info" | "warn" | "success";
  readonly text: string;
} {
  switch (report.type) {
    case "ready":
      return {
        level: "success",
        text:
          `${report.name} is ready on UDP ports ${report.port} and ${report.mediaPort}.\n` +
          `  Fingerprint ${report.fingerprint}\n` +
          `  Connect with: punktfunk connect ${shellWord(report.name)}${portSuffix(report.port)}`,
      };
    case "session-started":
      return {
        level: "info",
        text:
          `${report.client} (${report.address}) watches ${formatMode(report.mode)} from ` +
          `${report.source}, ${report.codec} by ${report.encoder} at ` +
          `${report.bitrateKbps / 1000} Mbps. ${report.sourceWhy}`,
      };
    case "session-ended":
      return {
        level: "info",
        text: `${report.client} left: ${report.message} ${report.framesSent} frames were sent.`,
      };
    case "speed-tested":
      return {
        level: "info",
        text:
          `${report.client} (${report.address}) tested the speed up to ` +
          `${report.rateKbps / 1000} Mbps: ${report.packetsSent} packets were sent.`,
      };
    case "refused":
      return { level: "warn", text: `${report.address} was refused: ${report.message}` };
    case "armed":
      return {
        level: "success",
        text:
          `PIN ${showPin(report.pin)}: pair a device by punktfunk pair ` +
          `HOST until ${timeOfDay(report.expiresAt)}. It is good for one try.`,
      };
    case "pending":
      return {
        level: "info",
        text:
          `${report.name} (${report.address}) waits for approval.\n` +
          `  Fingerprint ${report.fingerprint}\n` +
          `  Let it in: punktfunk host approve ${report.id}; send it away: punktfunk host deny ` +
          report.id,
      };
    case "pending-settled":
      return { level: "info", text: `${report.name} ${settled[report.how]}.` };
    case "paired":
      return {
        level: "success",
        text: `${report.name} is paired; its level is ${report.level} (id ${report.id}).`,
      };
    case "revoked":
      return { level: "info", text: `${report.name} is no longer paired (id ${report.id}).` };
    case "note":
      return { level: report.level, text: report.message };
    case "summary":
      return {
        level: "info",
        text: `Served ${report.sessions} sessions in ${Math.round(report.durationMs / 1000)} s.`,
      };
  }
}

/** The same for a log that others than who started the host read: without the PIN. */
export function logLineOf(report: HostReport): ReturnType<typeof sentenceOf> {
  if (report.type !== "armed") return sentenceOf(report);
  const text = `Pairing is armed until ${timeOfDay(report.expiresAt)}; the terminal shows the PIN.`;
  return { level: "info", text };
}

const settled: Record<PendingSettledReport["how"], string> = {
  approved: "was let in",
  denied: "was sent away",
  expired: "waited for approval until its time was over",
  withdrawn: "waits for approval no longer",
  failed: "could not be let in: its pairing could not be kept",
};

/** As a clock on the wall shows it here. */
const timeOfDay = (time: string) => new Date(time).toTimeString().slice(0, 8);
/** A name as it is typed in a shell. */
const shellWord = (name: string) =>
  /^[\w.-]+$/.test(name) ? name : `'${name.replaceAll("'", "'\\''")}'`;
const portSuffix = (port: number) => (port === 9777 ? "" : `:${port}`);
