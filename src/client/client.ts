/**
 * One connection of a client, from the address to the summary: reaches the host, decides whether to
 * trust it, says hello, streams, and closes everything again.
 */
import { hostname } from "node:os";
import { type PfError, toPfError } from "../base/errors.ts";
import type { Kbps, Millis } from "../base/units.ts";
import { EventQueue } from "../ffi/core/core.ts";
import type { Sink } from "../ffi/library.ts";
import type { Presenter } from "../ffi/present/presenter.ts";
import { recordFormatFor } from "../ffi/record/record.ts";
import type { ControlConnection } from "../transport/connection.ts";
import type { MessageOf } from "../wire/control.ts";
import { limit } from "../wire/limits.ts";
import type { CodecName } from "../wire/media.ts";
import type { Mode } from "../wire/mode.ts";
import { reasonError } from "../wire/reasons.ts";
import { connectControl } from "./control/connect.ts";
import type { Interval, Summary } from "./figures.ts";
import { stageNumber } from "./pipeline.ts";
import type { PresenterKind, PresentRequest } from "./present/choose.ts";
import { openPresenter } from "./present/open.ts";
import { overlayLine } from "./present/overlay.ts";
import { ClientSession } from "./session.ts";
import { loadDeviceKey } from "./trust/device.ts";
import { declinedError, judgeHost, readKnownHosts, rememberHost } from "./trust/known-hosts.ts";

export interface ClientOptions {
  readonly host: string;
  readonly port: number;
  /** The host's certificate must have this SHA-256. */
  readonly fingerprint: string | undefined;
  /** Fingerprint of this user's own host, if there is one: it needs no question. */
  readonly ownFingerprint?: string | undefined;
  readonly mode: Mode;
  /** Best first. */
  readonly codecs: readonly CodecName[];
  readonly bitrateKbps: Kbps | null;
  /** auto, software, or a hardware type of libavcodec. */
  readonly decoder: string;
  readonly present: PresentRequest;
  readonly record: string | undefined;
  /** Counted from the first picture; undefined = until somebody ends it. */
  readonly durationMs: Millis | undefined;
  readonly typeText: string | undefined;
  /** Where media goes instead of the host's media port: a relay of the harness. */
  readonly mediaPeer?: { readonly address: string; readonly port: number };
  /** Takes the decoded pictures when nothing presents them. */
  readonly pictureSink?: Sink;
}

export interface ClientHooks {
  readonly interrupted: AbortSignal;
  /** Asks a person whether an unknown host is the right one; undefined = nobody can be asked. */
  readonly confirmFingerprint:
    | ((host: string, fingerprint: string) => Promise<boolean>)
    | undefined;
  readonly info: (text: string) => void;
  readonly warn: (text: string) => void;
  readonly record: (record: { readonly type: string } & Record<string, unknown>) => void;
  readonly interval: (figures: Interval, shownBy: PresenterKind) => void;
  /** The session runs; for tests that look into it. */
  readonly started?: (session: ClientSession) => void;
}

export interface ClientResult {
  /** undefined when no stream was started. */
  readonly summary: Summary | undefined;
  readonly error: PfError | undefined;
}

/** Preparing a desktop and its encoder may take the host this long. */
const welcomeMsMax = 30_000;

/** Streams until the end. Never rejects: what went wrong is in the result. */
export async function runClient(options: ClientOptions, hooks: ClientHooks): Promise<ClientResult> {
  let connection: ControlConnection | undefined;
  try {
    if (options.record !== undefined) recordFormatFor(options.record, options.codecs[0] ?? "h264");
    connection = await reach(options, hooks);
    const opened = connection;
    const interrupt = () => void opened.close("interrupted");
    hooks.interrupted.addEventListener("abort", interrupt, { once: true });
    if (hooks.interrupted.aborted) interrupt();
    const welcome = await greet(connection, options);
    hooks.info(
      `${welcome.hostName} streams ${welcome.source}: ${welcome.codec} by ${welcome.encoder} ` +
        `at ${welcome.bitrateKbps / 1000} Mbps.`,
    );
    hooks.record({ ...welcome, type: "welcome" });
    hooks.interrupted.removeEventListener("abort", interrupt);
    const { summary, error } = await stream(connection, welcome, options, hooks);
    return { summary, error: error ?? undefined };
  } catch (thrown) {
    await connection?.close("done");
    return { summary: undefined, error: toPfError(thrown) };
  }
}

async function reach(options: ClientOptions, hooks: ClientHooks): Promise<ControlConnection> {
  const { host, port } = options;
  return connectControl({
    host,
    port,
    signal: hooks.interrupted,
    verify: async (fingerprint) => {
      const answer = judgeHost({
        host,
        port,
        fingerprint,
        pinned: options.fingerprint,
        known: await readKnownHosts(),
        own: options.ownFingerprint,
        canAsk: hooks.confirmFingerprint !== undefined,
      });
      if (answer.kind === "refused") throw answer.error;
      if (answer.kind === "ask" && !(await hooks.confirmFingerprint?.(host, fingerprint))) {
        throw declinedError({ host, port });
      }
      if (answer.kind === "ask" || answer.remember) {
        await rememberHost({ host, port, fingerprint, now: new Date() });
      }
    },
  });
}

/** Hello, and the host's answer. Throws the host's refusal as an error of ours. */
async function greet(
  connection: ControlConnection,
  options: ClientOptions,
): Promise<MessageOf<"welcome">> {
  const device = await loadDeviceKey();
  connection.send({
    type: "hello",
    version: limit("protocol_version"),
    name: hostname(),
    device: device.prove(connection.exporter),
    mode: options.mode,
    codecs: [...options.codecs],
    bitrateKbps: options.bitrateKbps,
    fecPermille: null,
    features: [],
    purpose: null,
  });
  const answer = await connection.receive(["welcome", "refuse"], welcomeMsMax);
  if (answer.type === "welcome") return answer;
  throw reasonError(answer) ?? new Error(`a refusal for the reason ${answer.reason}`);
}

async function stream(
  connection: ControlConnection,
  welcome: MessageOf<"welcome">,
  options: ClientOptions,
  hooks: ClientHooks,
) {
  const events = new EventQueue();
  let presenter: Presenter | null = null;
  let kind: PresenterKind = "none";
  try {
    const shown = openPresenter({
      requested: options.present,
      title: `${welcome.hostName} – punktfunk`,
      width: welcome.mode.width,
      height: welcome.mode.height,
      events,
      stage: stageNumber.present,
    });
    presenter = shown.presenter;
    kind = shown.kind;
    hooks.info(shown.why);
    const session = new ClientSession({
      connection,
      welcome,
      requestedKbps: options.bitrateKbps,
      mediaPeer: options.mediaPeer ?? {
        address: connection.peer.address,
        port: welcome.mediaPort,
      },
      events,
      presenter,
      ...(options.pictureSink === undefined ? {} : { pictureSink: options.pictureSink }),
      decoder: options.decoder,
      record:
        options.record === undefined
          ? null
          : { path: options.record, format: recordFormatFor(options.record, welcome.codec) },
      durationMs: options.durationMs,
      typeText: options.typeText,
      warn: hooks.warn,
      onRecovered: (frame, afterMs) => hooks.record({ type: "recovered", frame, afterMs }),
      onInterval: (figures) => {
        presenter?.setOverlay(overlayLine(figures, welcome));
        hooks.interval(figures, kind);
      },
    });
    const interrupt = () => void session.end("interrupted");
    hooks.interrupted.addEventListener("abort", interrupt, { once: true });
    if (hooks.interrupted.aborted) interrupt();
    hooks.started?.(session);
    return await session.run();
  } finally {
    presenter?.close();
    await events.close();
  }
}
