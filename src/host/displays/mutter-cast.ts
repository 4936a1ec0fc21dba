/**
 * A virtual monitor of a running Mutter: one session of its ScreenCast and RemoteDesktop services
 * (org.gnome.Mutter.ScreenCast from version 3 on). Mutter makes the monitor at the size and rate
 * that the reader of its PipeWire node asks for, and gives it another one, with the windows on it,
 * when the next reader asks for that. It removes it when the session's connection to the bus ends.
 */
import { PfError } from "../../base/errors.ts";
import { noSink } from "../../ffi/library.ts";
import { type PipeWireRemote, ScreencastStage } from "../../ffi/screencast/screencast.ts";
import { formatMode, type Mode } from "../../wire/mode.ts";
import type { Bus } from "../bus/bus.ts";
import { Variant } from "../bus/values.ts";
import { type MutterSession, wakeMutterInput } from "../inject/mutter.ts";
import { settleMs } from "../inject/notify.ts";
import type { PictureStage, StageWiring } from "../sources.ts";

const screenCast = {
  destination: "org.gnome.Mutter.ScreenCast",
  path: "/org/gnome/Mutter/ScreenCast",
  interface: "org.gnome.Mutter.ScreenCast",
} as const;
const remoteDesktop = {
  destination: "org.gnome.Mutter.RemoteDesktop",
  path: "/org/gnome/Mutter/RemoteDesktop",
  interface: "org.gnome.Mutter.RemoteDesktop",
} as const;

/** What a Mutter that gives pictures and takes input has on the bus. */
export const mutterNames = [screenCast.destination, remoteDesktop.destination] as const;

/** The pointer comes beside the pictures, so that its motion needs no new picture. */
const cursorAsMetadata = 2;
/** Mutter opens its node within a few hundredths of a second. */
const nodeMsMax = 5000;

export class MutterCast {
  /** For input. */
  readonly session: MutterSession;
  /** When input reaches applications, in the time of performance.now(). */
  readonly inputReadyAt = performance.now() + settleMs;
  /** Resolves with a sentence when Mutter ends the session, or itself. */
  readonly ended: Promise<string>;
  readonly #remote: PipeWireRemote;
  /** PipeWire's number of the monitor's node. */
  readonly node: number;

  private constructor(
    parts: Pick<MutterCast, "session" | "ended">,
    remote: PipeWireRemote,
    node: number,
  ) {
    this.session = parts.session;
    this.ended = parts.ended;
    this.#remote = remote;
    this.node = node;
  }

  /**
   * Begins a session that lives as long as the connection `bus`; `remote` is the PipeWire that
   * Mutter gives its pictures to. Throws BusError, or PF_SOURCE_FAILED when no node comes.
   */
  static async open(bus: Bus, remote: PipeWireRemote): Promise<MutterCast> {
    const control = `${remoteDesktop.interface}.Session`;
    const [session] = (await bus.call({ ...remoteDesktop, member: "CreateSession" })) as [string];
    const controlled = { ...remoteDesktop, path: session, interface: control };
    const id = (await bus.property({ ...controlled, name: "SessionId" })) as string;
    const joined = { "remote-desktop-session-id": new Variant("s", id) };
    const created = { member: "CreateSession", signature: "a{sv}", body: [joined] };
    const [path] = (await bus.call({ ...screenCast, ...created })) as [string];
    const how = { "cursor-mode": new Variant("u", cursorAsMetadata) };
    const recorded = { member: "RecordVirtual", signature: "a{sv}", body: [how] };
    const [stream] = (await bus.call({
      ...screenCast,
      path,
      interface: `${screenCast.interface}.Session`,
      ...recorded,
    })) as [string];
    const { ended } = await watch(bus, session, control);
    const node = await start(bus, controlled, stream);
    const cast = { session: { ...controlled, stream }, ended };
    wakeMutterInput(bus, cast.session);
    return new MutterCast(cast, remote, node);
  }

  /**
   * Makes the monitor, or gives it another mode; while no stage is open. Resolves with what Mutter
   * made of it. Throws PF_SOURCE_FAILED when Mutter or PipeWire does nothing, PF_MODE_REFUSED when
   * the size is another one.
   */
  async setMode(mode: Mode): Promise<Mode> {
    for (let tries = 1; ; tries++) {
      const made = this.#agree(mode);
      if (made.width === mode.width && made.height === mode.height) return made;
      // Mutter may have agreed anew with who has just gone.
      if (tries === modeTriesMax) {
        const words = `Mutter gave ${made.width}x${made.height} instead of ${formatMode(mode)}.`;
        throw new PfError("PF_MODE_REFUSED", words);
      }
      await Bun.sleep(modeRestMs * tries);
    }
  }

  /** Mutter's monitor has the mode that its consumer agrees with it. */
  #agree(mode: Mode): Mode {
    const stage = new ScreencastStage({ sink: noSink, ...this.#source(mode) });
    try {
      const {
        width,
        height,
        refreshMilliHz = mode.refreshMilliHz,
        error,
        state,
      } = stage.describe();
      if (width !== 0) return { width, height, refreshMilliHz };
      const words = error ?? `its stream is ${state}`;
      throw new PfError("PF_SOURCE_FAILED", `Mutter gave its monitor no mode: ${words}.`, {
        hint: "WirePlumber connects it; see whether it runs: systemctl --user status wireplumber",
      });
    } finally {
      stage.close();
    }
  }

  openStage({ sink, events, stage }: StageWiring, mode: Mode): PictureStage {
    return new ScreencastStage({ sink, events, stage, ...this.#source(mode) });
  }

  #source(mode: Mode) {
    const { refreshMilliHz } = mode;
    return { node: this.node, remote: this.#remote, refreshMilliHz, size: mode };
  }
}

/** A mode is asked for so often, with rests that grow by this. */
const modeTriesMax = 5;
const modeRestMs = 20;

/** Starts both halves and resolves with the node. */
async function start(
  bus: Bus,
  session: { destination: string; path: string; interface: string },
  stream: string,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const match = {
    path: stream,
    interface: `${screenCast.interface}.Stream`,
    member: "PipeWireStreamAdded",
  };
  const forget = await bus.onSignal(match, ([node]) => resolve(node as number));
  const late = new PfError("PF_SOURCE_FAILED", "Mutter gave its monitor no PipeWire node.", {
    hint: "Check that PipeWire runs in Mutter's session.",
  });
  const timer = setTimeout(() => reject(late), nodeMsMax);
  promise.catch(() => {}); // what fails first is told
  try {
    await bus.call({ ...session, member: "Start" });
    return await promise;
  } finally {
    clearTimeout(timer);
    forget();
  }
}

/** What ends a session from outside. */
async function watch(
  bus: Bus,
  path: string,
  control: string,
): Promise<{ readonly ended: Promise<string> }> {
  const { promise, resolve } = Promise.withResolvers<string>();
  const closed = "GNOME ended the session: sharing was stopped there, or another one took over.";
  await bus.onSignal({ path, interface: control, member: "Closed" }, () => resolve(closed));
  const owner = await bus.ownerOf(remoteDesktop.destination);
  if (owner !== null) await bus.onGone(owner, () => resolve("Mutter has ended."));
  void bus.closed.then(() => resolve("The desktop's message bus has ended."));
  return { ended: promise };
}

/** What a failed call to Mutter means to a person. */
export function mutterFailure(thrown: unknown): PfError {
  if (thrown instanceof PfError) return thrown;
  const words = thrown instanceof Error ? thrown.message : String(thrown);
  return new PfError("PF_SOURCE_FAILED", `Mutter refused a virtual monitor: ${words}`, {
    cause: thrown,
  });
}
