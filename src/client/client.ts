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
import { formatMode, type Mode } from "../wire/mode.ts";
import { approvalQuestion, type PendingRequest, quotedName, type Verdict } from "./approvals.ts";
import { isLoopback } from "./control/clock.ts";
import {
  type ApprovalHook,
  greetHost,
  type HostTarget,
  type PlaceHook,
  type ReachHooks,
  reachHost,
} from "./control/reach.ts";
import type { Interval, Summary } from "./figures.ts";
import { type KeyboardWish, ownKeyboardLayout } from "./input/layout.ts";
import type { InputScript } from "./input/script.ts";
import { type PictureWatch, stageNumber } from "./pipeline.ts";
import type { PresenterKind, PresentRequest } from "./present/choose.ts";
import { openPresenter } from "./present/open.ts";
import { overlayText } from "./present/overlay.ts";
import { StatusLine } from "./present/status-line.ts";
import { ClientSession } from "./session.ts";
import { type AudioChoice, audioWish, nameChannels } from "./sound/wish.ts";

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
  /** Input that is played once the picture is there. */
  readonly inputScript?: InputScript | undefined;
  /** Whether keys that print travel by their place or as text; default auto. */
  readonly keyboard?: KeyboardWish | undefined;
  /** The window begins with the pointer and the keyboard grabbed. */
  readonly grab?: boolean;
  /** XKB name of this keyboard's layout; default: what the system says. */
  readonly keyboardLayout?: string | undefined;
  /** Sound of the host; default: off. */
  readonly audio?: AudioChoice;
  /** Whether the host may hear this machine's microphone; default: no. */
  readonly microphone?: boolean;
  /** Which of the host's desktops is wanted; default: the host chooses. */
  readonly compositor?: string | undefined;
  /** The host's picture follows the size of the window. */
  readonly followsWindow?: boolean | undefined;
  /** What the key for the next mode goes through; default: the usual sizes. */
  readonly modes?: readonly Mode[] | undefined;
  /** Waits for a person's approval where the host wants pairing, and for a place. */
  readonly waits: boolean;
  /** Where media goes instead of the host's media port: a relay of the harness. */
  readonly mediaPeer?: { readonly address: string; readonly port: number };
  /** Takes the decoded pictures when nothing presents them. */
  readonly pictureSink?: Sink;
  /** Sees the decoded pictures before they are shown. */
  readonly watch?: PictureWatch;
}

export interface ClientHooks extends ReachHooks {
  readonly info: (text: string) => void;
  readonly warn: (text: string) => void;
  readonly record: (record: { readonly type: string } & Record<string, unknown>) => void;
  readonly interval: (figures: Interval, shownBy: PresenterKind) => void;
  readonly approvalAwaited?: ApprovalHook;
  readonly placeAwaited?: PlaceHook;
  /** Asks the person at this terminal about a device that waits; undefined = nobody is there. */
  readonly askApproval:
    | ((question: ApprovalQuestion, signal: AbortSignal) => Promise<Verdict | undefined>)
    | undefined;
  /** The session runs; for tests that look into it. */
  readonly started?: (session: ClientSession) => void;
}

export interface ApprovalQuestion {
  readonly request: PendingRequest;
  readonly hostName: string;
  /**
   * The picture fills the terminal: the question has this one line of it, until undefined takes it
   * away again. Without, there is room to write.
   */
  readonly showLine: ((text: string | undefined) => void) | undefined;
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
    const { mode, codecs, bitrateKbps, fecPermille, waits } = options;
    const keyboardLayout = options.keyboardLayout ?? (await ownKeyboardLayout());
    const { compositor } = options;
    const picture = { mode, codecs, bitrateKbps, fecPermille, compositor, keyboardLayout };
    const audio = audioWish(options.audio ?? "off", isLoopback(connection.peer.address));
    const sound = { audio, microphone: options.microphone === true };
    const wish = { ...picture, ...sound, purpose: null, waits };
    const welcome = await greetHost(connection, wish, hooks);
    hooks.info(
      `${welcome.hostName} streams ${welcome.source}: ${welcome.codec} by ${welcome.encoder} ` +
        `at ${welcome.bitrateKbps / 1000} Mbps.`,
    );
    hooks.record({ ...welcome, type: "welcome" });
    tellSound(sound, welcome, hooks);
    hooks.interrupted.removeEventListener("abort", interrupt);
    const ready = { ...options, keyboardLayout };
    const { summary, error } = await stream(connection, welcome, ready, hooks);
    return { summary, error: error ?? undefined };
  } catch (thrown) {
    await connection?.close("done");
    return { summary: undefined, error: toPfError(thrown) };
  }
}

/** What is asked for in vain is told: nobody should talk to a host that does not listen. */
function tellSound(
  wish: { readonly audio: number | null; readonly microphone: boolean },
  { audio, microphone, hostName }: MessageOf<"welcome">,
  { info, warn }: ClientHooks,
): void {
  if (audio !== null) info(`${hostName} sends its sound: ${nameChannels(audio)}.`);
  else if (wish.audio !== null) info(`${hostName} sends no sound.`);
  if (microphone === true) info(`Applications of ${hostName} can hear this microphone now.`);
  else if (wish.microphone) {
    warn(`${hostName} takes no microphone: it needs serve --mic, and a device that is paired.`);
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
      grab: options.grab === true,
      keyboard: {
        wish: options.keyboard ?? "auto",
        client: options.keyboardLayout ?? null,
        host: welcome.keyboardLayout,
      },
    });
    presenter = shown.presenter;
    kind = shown.kind;
    hooks.info(shown.why);
    const status = new StatusLine((text) => presenter?.setOverlay(text));
    // Words would be written over a picture that fills the terminal.
    const isCovered = kind === "terminal" && process.stderr.isTTY === true;
    const warn = isCovered ? (text: string) => status.say(text) : hooks.warn;
    const info = isCovered ? warn : hooks.info;
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
      ...(options.watch === undefined ? {} : { watch: options.watch }),
      ...(options.modes === undefined ? {} : { modes: options.modes }),
      // Only a window has a size that a picture could follow.
      followsWindow: options.followsWindow === true && kind === "window",
      onMode: (mode) => {
        hooks.record({ type: "mode", mode: formatMode(mode) });
        info(`The host streams ${formatMode(mode)} now.`);
      },
      decoder: options.decoder,
      record:
        options.record === undefined
          ? null
          : { path: options.record, format: recordFormatFor(options.record, welcome.codec) },
      durationMs: options.durationMs,
      typeText: options.typeText,
      ...(options.inputScript === undefined ? {} : { inputScript: options.inputScript }),
      warn,
      note: info,
      askApproval: async (request, signal) => {
        const { hostName } = welcome;
        hooks.record({ ...request, type: "pending-request" });
        if (hooks.askApproval !== undefined) {
          const showLine =
            kind === "terminal" ? (text?: string) => status.setQuestion(text) : undefined;
          // The answer's keys are not the host's.
          if (kind === "terminal") presenter?.setInputEnabled(false);
          try {
            return await hooks.askApproval({ request, hostName, showLine }, signal);
          } finally {
            if (kind === "terminal") presenter?.setInputEnabled(true);
          }
        }
        const where = `On the host: punktfunk host approve ${request.id}`;
        info(`${approvalQuestion(request, hostName)} ${where}`);
        return undefined;
      },
      approvalSettled: (request, how) => {
        hooks.record({ ...request, type: "pending-settled", how });
        info(`${quotedName(request)} waits no longer: ${how}.`);
      },
      onRecovered: (frame, afterMs) => hooks.record({ type: "recovered", frame, afterMs }),
      onInterval: (figures) => {
        status.setFigures(overlayText(figures, { ...welcome, mode: session.mode }));
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
