/**
 * One connection of a client, from the address to the summary: reaches the host, decides whether to
 * trust it, says hello, streams, and closes everything again.
 */
import { type PfError, toPfError } from "../base/errors.ts";
import type { Kbps, Millis, PerMille } from "../base/units.ts";
import { EventQueue } from "../ffi/core/core.ts";
import type { Sink } from "../ffi/library.ts";
import type { Presenter } from "../ffi/present/presenter.ts";
import { recordFormatFor } from "../ffi/record/record.ts";
import type { ControlConnection } from "../transport/connection.ts";
import type { MessageOf } from "../wire/control.ts";
import type { CodecName } from "../wire/media.ts";
import type { Mode } from "../wire/mode.ts";
import { greetHost, type HostTarget, type ReachHooks, reachHost } from "./control/reach.ts";
import type { Interval, Summary } from "./figures.ts";
import { stageNumber } from "./pipeline.ts";
import type { PresenterKind, PresentRequest } from "./present/choose.ts";
import { openPresenter } from "./present/open.ts";
import { overlayLine } from "./present/overlay.ts";
import { ClientSession } from "./session.ts";

export interface ClientOptions extends HostTarget {
  readonly mode: Mode;
  /** Best first. */
  readonly codecs: readonly CodecName[];
  readonly bitrateKbps: Kbps | null;
  /** Share of parity that stays; null = the host decides and adapts. */
  readonly fecPermille: PerMille | null;
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

export interface ClientHooks extends ReachHooks {
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

/** Streams until the end. Never rejects: what went wrong is in the result. */
export async function runClient(options: ClientOptions, hooks: ClientHooks): Promise<ClientResult> {
  let connection: ControlConnection | undefined;
  try {
    if (options.record !== undefined) recordFormatFor(options.record, options.codecs[0] ?? "h264");
    connection = await reachHost(options, hooks);
    const opened = connection;
    const interrupt = () => void opened.close("interrupted");
    hooks.interrupted.addEventListener("abort", interrupt, { once: true });
    if (hooks.interrupted.aborted) interrupt();
    const welcome = await greetHost(connection, {
      mode: options.mode,
      codecs: options.codecs,
      bitrateKbps: options.bitrateKbps,
      fecPermille: options.fecPermille,
      purpose: null,
    });
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
