/** The host program: its ports, its identity, whom it trusts, and the clients that connect. */
import { hostname, networkInterfaces } from "node:os";
import type { Kbps, PerMille } from "../base/units.ts";
import { EventQueue } from "../ffi/core/core.ts";
import { UdpPort } from "../ffi/media/port.ts";
import type { SourcePattern } from "../ffi/source/source.ts";
import { ControlListener } from "./control/listener.ts";
import { type Advertisement, type AdvertiseOptions, advertise } from "./discovery/advertise.ts";
import { isReachable } from "./discovery/listening.ts";
import { endKeptSessions } from "./displays/gamescope.ts";
import { resolveSource, type SourceWish } from "./displays/prepare.ts";
import { checkLayout, type LayoutSetting } from "./inject/layout.ts";
import { RunningHost } from "./managed-host.ts";
import { LogRing } from "./management/log-ring.ts";
import type { ManagedHost } from "./management/managed.ts";
import { type ManagementOptions, startManagement } from "./management/server.ts";
import { encoderCandidates } from "./policy/codec.ts";
import { dropsOf, type HostReport, logLineOf, sumOfDrops } from "./report.ts";
import { Server } from "./server.ts";
import { HostSettings } from "./settings.ts";
import type { SoundPolicy } from "./sound/policy.ts";
import { DeviceStore } from "./trust/devices.ts";
import { loadHostIdentity } from "./trust/identity.ts";
import { Trust, type TrustMode } from "./trust/trust.ts";
import { armForOperator, reportTrust } from "./trust-reports.ts";

export interface HostOptions {
  /** Address to listen at; undefined = all. */
  readonly address?: string | undefined;
  /** UDP ports; 0 = any free one. */
  readonly port: number;
  readonly mediaPort: number;
  /** The name that clients see. */
  readonly name: string;
  /** Whether clients in the network can find the host by its name. */
  readonly advertise: boolean;
  /** Whether devices have to be paired. */
  readonly trust: TrustMode;
  /** Arms pairing at the start and reports the PIN; without a paired device it does so anyway. */
  readonly arm: boolean;
  /** undefined = as the settings say. */
  readonly source: SourceWish | undefined;
  /** What runs in a desktop of the host's own; undefined = a terminal. */
  readonly app: string | undefined;
  readonly pattern: SourcePattern;
  /** By which layout a desktop reads keys, where it takes one; undefined = each client's own. */
  readonly keyboardLayout?: LayoutSetting | undefined;
  /** Sound and microphone; default: neither. */
  readonly sound?: SoundPolicy;
  /** auto, a family (nvenc, vaapi, software) or one of libavcodec's names. */
  readonly encoder: string;
  /** What a session starts with. */
  readonly parityPermille: PerMille;
  /** The share stays; else it adapts to what clients report. */
  readonly isParityPinned: boolean;
  /** The fastest burst of a speed test. */
  readonly probeRateMax: Kbps;
  /** Clients at once; undefined = as the settings say. */
  readonly sessionsMax: number | undefined;
  /** Files of the state; undefined = the user's. A host has its devices' folder to itself. */
  readonly state?: { readonly devices: string; readonly settings: string } | undefined;
  /** The management API; null = there is none. */
  readonly management: {
    /** undefined = loopback only. */
    readonly address: string | undefined;
    /** TCP port; 0 = any free one. */
    readonly port: number;
    /** Files of the operator's page; undefined = no page. */
    readonly assets: ManagementOptions["assets"];
  } | null;
  readonly onReport: (report: HostReport) => void;
}

export interface Host {
  readonly port: number;
  readonly mediaPort: number;
  readonly fingerprint: string;
  /** What the management API manages. */
  readonly managed: ManagedHost;
  /** TCP port of the management API; null = there is none. */
  readonly mgmtPort: number | null;
  /** The media port's counters, by name. */
  counters(): Record<string, number>;
  /** Says goodbye to every client and closes everything. */
  stop(reason: "interrupted" | "shutting-down"): Promise<void>;
  /** Resolves when everything is closed. */
  readonly closed: Promise<void>;
}

/**
 * Opens the ports and serves until `stop`. Throws PF_PORT_TAKEN, PF_ENCODER_MISSING, PF_STATE_INVALID
 * (also where another host has the state's folder) and others.
 */
export async function startHost(options: HostOptions): Promise<Host> {
  const closers: (() => void | Promise<void>)[] = [];
  const closeAll = async () => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    return await openHost(options, closers, closeAll);
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function openHost(
  given: HostOptions,
  closers: (() => void | Promise<void>)[],
  closeAll: () => Promise<void>,
): Promise<Host> {
  const logs = new LogRing();
  const onReport = (report: HostReport) => {
    const { level, text } = logLineOf(report);
    logs.push(level, text);
    given.onReport(report);
  };
  const options = { ...given, onReport };
  const { name, app, pattern } = options;
  // What can't work is better known now than when the first client comes.
  encoderCandidates(["h264", "hevc", "av1"], options.encoder);
  checkLayout(options.keyboardLayout);
  const settings = await HostSettings.open(
    { compositor: options.source, sessionsMax: options.sessionsMax },
    options.state?.settings,
  );
  await resolveSource({ wish: settings.current.compositor });
  const devices = await DeviceStore.open(options.state?.devices);
  closers.push(async () => {
    await devices.close().catch((error: Error) => {
      onReport({ type: "note", level: "warn", message: error.message });
    });
  });
  const { hostId, fingerprint, certificatePem, privateKey } = await loadHostIdentity();
  let port = options.port;
  const trust = new Trust({
    mode: options.trust,
    devices,
    fingerprint,
    reachedAt: () => ({ host: options.address ?? ownAddress(), port }),
  });
  closers.push(() => trust.close());
  closers.push(endKeptSessions);
  const events = new EventQueue();
  const listening = events.listen((event) => {
    if (event.kind === "note") onReport({ type: "note", level: "warn", message: event.text });
  });
  closers.push(async () => {
    await events.close();
    await listening;
  });
  const address = options.address ?? "::";
  const media = new UdpPort({ address, port: options.mediaPort, events, stage: 0 });
  closers.push(() => media.close());
  media.start();
  const server = new Server({ host: options, hostId, port: media, settings, trust });
  const listener = await ControlListener.open({
    address: options.address,
    port: options.port,
    certificatePem,
    privateKey,
    onConnection: (connection, hello) => server.serve(connection, hello),
  });
  closers.push(() => listener.close());
  port = listener.port;
  const managed = new RunningHost({
    server,
    settings,
    trust,
    source: { app, pattern },
    facts: { name, hostId, fingerprint, controlPort: port, mediaPort: media.port },
  });
  const { management } = options;
  const identity = { certificatePem, privateKey, fingerprint };
  const api =
    management === null
      ? undefined
      : await startManagement({ ...management, ...identity, host: managed, logs });
  closers.push(() => api?.close());
  const mgmtPort = api?.port ?? null;
  const pair = trust.mode === "open" ? "optional" : "required";
  const ready = { port, mediaPort: media.port, fingerprint };
  const startedAt = performance.now();
  const isFindable = options.advertise && isReachable(options.address);
  const advertisement = isFindable
    ? advertiseHost(options, {
        hostId,
        fingerprint,
        port,
        pair,
        // On loopback it is for nobody in the network.
        mgmtPort: isReachable(management?.address ?? "127.0.0.1") ? mgmtPort : null,
      })
    : undefined;
  closers.push(() => advertisement?.close());
  onReport({ type: "ready", name, ...ready, mgmtPort, pair });
  if (trust.mode === "open") onReport(openWarning(port));
  if (options.arm || (trust.mode === "required" && devices.list().length === 0)) {
    armForOperator(trust, onReport);
  }
  closers.push(reportTrust(trust, onReport));
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  let isStopping = false;
  return {
    ...ready,
    managed,
    closed,
    mgmtPort,
    counters: () => media.counters.snapshot(),
    stop: async (reason) => {
      if (isStopping) return closed;
      isStopping = true;
      await Promise.all([advertisement?.close(), server.stop(reason)]);
      const dropped = sumOfDrops(dropsOf(media.counters.snapshot()), server.dropped);
      await closeAll();
      onReport({
        type: "summary",
        sessions: server.sessionCount,
        refused: server.refusedCount,
        durationMs: Math.round(performance.now() - startedAt),
        dropped,
      });
      resolve();
    },
  };
}

/** Makes the host known to the network; streaming goes on whatever becomes of it. */
function advertiseHost(
  { name, address, onReport }: HostOptions,
  host: Pick<AdvertiseOptions, "hostId" | "fingerprint" | "port" | "pair" | "mgmtPort">,
): Advertisement {
  return advertise({
    ...host,
    name,
    address,
    onName: (taken) => {
      const message = `Another host has the name "${name}": clients find this one as "${taken}".`;
      onReport({ type: "note", level: "warn", message });
    },
    onProblem: (message) => onReport({ type: "note", level: "warn", message }),
  });
}

function openWarning(port: number): HostReport {
  const message =
    `PAIRING IS OFF: whoever reaches UDP port ${port} sees this desktop and controls it. ` +
    "Start without --open to serve paired devices only.";
  return { type: "note", level: "warn", message };
}

/** Where other machines reach this one: its first address outside of itself, or its name. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outer = all.find(({ internal, family }) => !internal && family === "IPv4");
  return outer?.address ?? hostname();
}
