/**
 * The way to a host, as a client would go it: its name, its control port, its trust, the clock, and
 * media both ways by a short burst as a speed test sends it. Nothing is remembered and nobody asked.
 */
import { isIPv6 } from "node:net";
import { Examination, type ExaminationHooks, wordsOf } from "../../base/diagnosis.ts";
import { PfError, toPfError } from "../../base/errors.ts";
import { thisManager } from "../../base/install.ts";
import { kbps, millis } from "../../base/units.ts";
import { EventQueue, nowNs } from "../../ffi/core/core.ts";
import { MediaSession, UdpPort } from "../../ffi/media/port.ts";
import type { ControlConnection } from "../../transport/connection.ts";
import type { MessageOf } from "../../wire/control.ts";
import { mediaKeys } from "../../wire/exporter.ts";
import { parseMode } from "../../wire/mode.ts";
import { ClockSync, isLoopback } from "../control/clock.ts";
import { connectControl } from "../control/connect.ts";
import { greetHost } from "../control/reach.ts";
import { type ResolvedHost, resolveTarget } from "../discovery/resolve.ts";
import { stageNumber } from "../pipeline.ts";
import { ClientProbe } from "../probe.ts";
import { judgeHost, readKnownHosts } from "../trust/known-hosts.ts";
import { checkBuffers, checkRoute } from "./local.ts";

export interface NetTarget {
  readonly host: string;
  readonly port: number | undefined;
  /** The host's certificate must have this SHA-256. */
  readonly fingerprint: string | undefined;
  /** Fingerprint of this user's own host, if there is one. */
  readonly ownFingerprint: string | undefined;
}

/** A burst that no path has trouble with; long enough for packets to come late. */
const burst = { rate: kbps(4000), duration: millis(300) };
const lossPctWorth = 1;

/** Tells a check for each step; later ones are not tried where an earlier one failed. */
export async function examineNet(target: NetTarget, hooks: ExaminationHooks): Promise<void> {
  const look = new Examination("net", hooks);
  const resolved = await resolve(look, target);
  checkBuffers(look);
  if (resolved === undefined) return;
  await checkRoute(look, resolved.addresses[0] as string);
  const connection = await reach(look, target, resolved);
  if (connection === undefined) return;
  try {
    const welcome = await enter(look, target, connection);
    if (welcome !== undefined) await checkMedia(look, target, connection, welcome);
  } finally {
    await connection.close("done");
  }
}

async function resolve(look: Examination, { host, port }: NetTarget) {
  look.progress(`Looking for ${host} …`);
  try {
    const resolved = await resolveTarget({ host, port, signal: look.signal });
    const where = `${resolved.addresses.join(", ")}, port ${resolved.port}`;
    const how = resolved.advert === undefined ? "" : ", as it advertises itself";
    look.ok("resolve", `${host} is at ${where}${how}.`);
    return resolved;
  } catch (thrown) {
    look.signal.throwIfAborted();
    look.fail("resolve", wordsOf(thrown), "punktfunk discover");
    return undefined;
  }
}

async function reach(
  look: Examination,
  { host, fingerprint: pinned, ownFingerprint: own }: NetTarget,
  resolved: ResolvedHost,
): Promise<ControlConnection | undefined> {
  look.progress(`Connecting to ${host} …`);
  const beganAt = performance.now();
  const { port } = resolved;
  let answered = false;
  try {
    return await connectControl({
      host,
      resolved,
      signal: look.signal,
      verify: async (fingerprint) => {
        answered = true;
        const ms = (performance.now() - beganAt).toFixed(0);
        look.ok("control", `UDP port ${port} answers: a QUIC handshake took ${ms} ms.`);
        const known = await readKnownHosts();
        const question = { host, port, fingerprint, pinned, known, own, canAsk: true };
        const answer = judgeHost(question);
        if (answer.kind === "refused") throw answer.error;
        if (answer.kind === "ask") throw unknownHost(host, fingerprint);
        look.ok("trust", `Its certificate is the one that is known, ${fingerprint}.`);
      },
    });
  } catch (thrown) {
    look.signal.throwIfAborted();
    const error = toPfError(thrown);
    const refused = error.code === "PF_FINGERPRINT_MISMATCH";
    if (!answered)
      look.fail("control", error.message, openPorts(resolved.addresses[0] ?? "", port));
    else look.fail("trust", error.message, refused ? `punktfunk discover` : pairLine(host));
    return undefined;
  }
}

const unknownHost = (host: string, fingerprint: string) =>
  new PfError(
    "PF_FINGERPRINT_UNKNOWN",
    `This device has not met ${host} yet, whose certificate has the fingerprint ${fingerprint}.`,
  );

/** A name may hold blanks. */
const word = (text: string) => (/^[\w.:[\]-]+$/.test(text) ? text : `'${text}'`);
const pairLine = (host: string) => `punktfunk pair ${word(host)}`;

/** What lets clients in, to be typed on the host. */
function openPorts(address: string, port: number): string {
  if (isLoopback(address)) return `punktfunk serve --port ${port}`;
  const range = (sign: string) => `${port}${sign}${port + 1}`;
  const line =
    thisManager() === "apt"
      ? `sudo ufw allow ${range(":")}/udp`
      : `sudo firewall-cmd --permanent --add-port=${range("-")}/udp && sudo firewall-cmd --reload`;
  return `${line} # on the host, where punktfunk serve has to run`;
}

/** Hello, as a speed test says it. */
async function enter(
  look: Examination,
  { host }: NetTarget,
  connection: ControlConnection,
): Promise<MessageOf<"welcome"> | undefined> {
  look.progress(`Asking ${host} to let this device in …`);
  try {
    const welcome = await greetHost(connection, {
      mode: parseMode("640x360@30"),
      codecs: ["h264", "hevc", "av1"],
      bitrateKbps: null,
      fecPermille: null,
      purpose: "probe",
      waits: false,
    });
    look.ok("pairing", `${welcome.hostName} lets this device in.`);
    return welcome;
  } catch (thrown) {
    look.signal.throwIfAborted();
    const error = toPfError(thrown);
    if (error.code === "PF_HOST_BUSY") {
      look.warn("pairing", error.message, "punktfunk serve --max-sessions 8 # on the host");
    } else if (error.code === "PF_PAIRING_REQUIRED") {
      look.fail("pairing", error.message, pairLine(host));
    } else {
      look.fail("pairing", error.message, "punktfunk doctor # on the host");
    }
    return undefined;
  }
}

async function checkMedia(
  look: Examination,
  { host }: NetTarget,
  connection: ControlConnection,
  welcome: MessageOf<"welcome">,
): Promise<void> {
  const opened: { close(): void | Promise<void> }[] = [];
  const keep = <Part extends { close(): void | Promise<void> }>(part: Part): Part => {
    opened.push(part);
    return part;
  };
  try {
    const { peer } = connection;
    const events = keep(new EventQueue());
    const keys = mediaKeys(connection.exporter, welcome.session);
    const address = isIPv6(peer.address) ? "::" : "0.0.0.0";
    const port = keep(new UdpPort({ address, port: 0, events, stage: stageNumber.port }));
    const session = keep(
      new MediaSession({
        port,
        tag: welcome.session,
        role: "client",
        send: keys.clientToHost,
        receive: keys.hostToClient,
        peer: { address: peer.address, port: welcome.mediaPort },
      }),
    );
    const probe = keep(new ClientProbe({ connection, welcome, port, session }));
    keep({ close: () => port.stop() });
    const clock = new ClockSync({
      send: (message) => void connection.send(message),
      nowNs,
      isSameMachine: isLoopback(peer.address),
    });
    connection.onMessage((message) => {
      if (message.type === "clockEcho") clock.take(message);
      else probe.take(message);
    });
    port.start();
    connection.send({ type: "start" });
    look.progress("Comparing clocks …");
    await checkClock(look, clock);
    look.progress("Sending media both ways …");
    await checkBurst(look, { host, address: peer.address }, probe, welcome);
  } finally {
    for (const part of opened.reverse()) await part.close();
  }
}

async function checkClock(look: Examination, clock: ClockSync): Promise<void> {
  const estimate = await clock.synchronise();
  if (estimate === null) {
    look.warn("clock", "The host answered no round of the clock: latency can't be told.", null);
    return;
  }
  const ms = (ns: bigint) => (Number(ns) / 1e6).toFixed(3);
  const words = `Round trip ${ms(estimate.rttNs)} ms; the clocks are known to ±${ms(estimate.errorNs)} ms`;
  if (estimate.isSuspect) look.warn("clock", `${words}, but rounds contradict each other.`, null);
  else look.ok("clock", `${words}.`);
}

async function checkBurst(
  look: Examination,
  { host, address }: { readonly host: string; readonly address: string },
  probe: ClientProbe,
  welcome: MessageOf<"welcome">,
): Promise<void> {
  const { mediaPort, shardBytesMax } = welcome;
  try {
    const { packets, lossPct, jitterUs } = await probe.burst(burst);
    const words =
      `${packets.sent - packets.lost} of ${packets.sent} packets of up to ${shardBytesMax} bytes ` +
      `came from UDP port ${mediaPort}, with ${jitterUs ?? "unknown"} µs of jitter`;
    const test = `punktfunk speed-test ${word(host)}`;
    if (packets.sent === packets.lost)
      look.fail("media", `${words}.`, openPorts(address, mediaPort - 1));
    else if ((lossPct ?? 0) > lossPctWorth) look.warn("media", `${words}: ${lossPct}% lost.`, test);
    else look.ok("media", `${words}.`);
  } catch (thrown) {
    look.signal.throwIfAborted();
    look.fail("media", wordsOf(thrown), openPorts(address, mediaPort - 1));
  }
}
