/**
 * The desktop's portal, the general way to a screen: a virtual one at the client's mode where the
 * desktop has such, else a monitor as it is. A person has to agree once on the desktop itself.
 */
import { z } from "zod";
import { PfError, toPfError } from "../../base/errors.ts";
import { readState, statePath, writeState } from "../../base/state.ts";
import { closeDescriptor } from "../../ffi/bus/bus.ts";
import { noSink } from "../../ffi/library.ts";
import { ScreencastStage } from "../../ffi/screencast/screencast.ts";
import { formatMode, type Mode } from "../../wire/mode.ts";
import { sessionBusAddress } from "../bus/address.ts";
import { Bus } from "../bus/bus.ts";
import { type PortalOffer, PortalSession, portalOffer } from "../bus/portal.ts";
import { settleMs } from "../inject/notify.ts";
import { openPortalInput, wakePortalInput } from "../inject/portal.ts";
import type { InputTarget } from "../inject/target.ts";
import { probePortal } from "../readiness/bus.ts";
import type { PictureStage, StageWiring } from "../sources.ts";
import { availabilityOf } from "./availability.ts";
import type {
  Availability,
  CreateOptions,
  Display,
  DisplayBackend,
  InputWiring,
} from "./display.ts";

type Environment = Readonly<Record<string, string | undefined>>;

const answerMsMax = 2000;
/** A remembered permission starts a session sooner than this; else a dialog waits. */
const dialogMs = 1500;

export interface PortalDisplaysOptions {
  /** Default: this process's. */
  readonly env?: Environment;
  /** Where the permission is remembered; default: portal.json of this host. */
  readonly path?: string;
  /** How long a person may take to agree; default 60,000. */
  readonly personMsMax?: number;
  /** Told when a person has to agree, as a sentence. */
  readonly onDialog?: (sentence: string) => void;
}

const remembered = z.object({ restoreToken: z.string() });

export class PortalDisplays implements DisplayBackend {
  readonly kind = "portal";
  readonly #options: PortalDisplaysOptions;
  readonly #env: Environment;
  readonly #path: string;

  constructor(options: PortalDisplaysOptions = {}) {
    this.#options = options;
    this.#env = options.env ?? process.env;
    this.#path = options.path ?? statePath("state", "portal.json");
  }

  async available(): Promise<Availability> {
    return availabilityOf(await probePortal({ env: this.#env, msMax: answerMsMax }));
  }

  /**
   * Throws PF_DISPLAY_MISSING without a portal, PF_SOURCE_FAILED when nobody agrees or what was
   * agreed to can't be captured.
   */
  async create(mode: Mode, { signal }: CreateOptions = {}): Promise<Display> {
    signal?.throwIfAborted();
    const address = sessionBusAddress(this.#env);
    if (address === undefined) {
      throw new PfError("PF_DISPLAY_MISSING", "There is no session bus to find a portal on.", {
        hint: "Start the host inside the desktop.",
      });
    }
    const bus = await Bus.connect(address).catch(missing);
    let display: PortalDisplay | undefined;
    try {
      const offer = await portalOffer(bus).catch(missing);
      const session = await this.#start(bus, offer, signal);
      display = new PortalDisplay(bus, session, mode);
      await display.begin();
      signal?.throwIfAborted();
      return display;
    } catch (thrown) {
      await display?.destroy();
      await bus.close();
      signal?.throwIfAborted();
      throw thrown instanceof PfError ? thrown : failure(thrown);
    }
  }

  async #start(bus: Bus, offer: PortalOffer, signal: AbortSignal | undefined) {
    const { personMsMax, onDialog } = this.#options;
    // What can't be read is as good as nothing: a person agrees anew.
    const restoreToken = (await readState(this.#path, remembered).catch(() => undefined))
      ?.restoreToken;
    const dialog = setTimeout(() => onDialog?.(dialogSentence), dialogMs);
    try {
      const session = await PortalSession.open({
        bus,
        offer,
        restoreToken,
        ...(personMsMax === undefined ? {} : { personMsMax }),
        ...(signal === undefined ? {} : { signal }),
      });
      const token = session.restoreToken;
      if (token !== undefined) await writeState(this.#path, { restoreToken: token });
      return session;
    } finally {
      clearTimeout(dialog);
    }
  }
}

const dialogSentence = "A dialog on the host's desktop asks whether its screen may be shared.";

function missing(cause: unknown): never {
  const words = cause instanceof Error ? cause.message : String(cause);
  throw new PfError("PF_DISPLAY_MISSING", `The desktop has no portal for its screen: ${words}`, {
    hint: "Install xdg-desktop-portal and its part for this desktop, as xdg-desktop-portal-gnome.",
    cause,
  });
}

function failure(cause: unknown): PfError {
  const words = cause instanceof Error ? cause.message : String(cause);
  return new PfError("PF_SOURCE_FAILED", `The desktop's portal failed: ${words}`, { cause });
}

class PortalDisplay implements Display {
  readonly kind = "portal";
  readonly ended: Promise<string>;
  mode: Mode;
  note = "";
  readonly #bus: Bus;
  readonly #session: PortalSession;
  readonly #inputReadyAt = performance.now() + settleMs;
  /** A connection to PipeWire for the next stage, which is opened without waiting. */
  #remote: number | undefined;
  #destroyed: Promise<void> | undefined;

  constructor(bus: Bus, session: PortalSession, wished: Mode) {
    this.#bus = bus;
    this.#session = session;
    this.mode = wished;
    this.ended = new Promise((resolve) => {
      void session.ended.then((words) => {
        if (this.#destroyed === undefined) resolve(words);
      });
    });
    if (session.devices !== 0) wakePortalInput(bus, this.#input);
  }

  /** Takes the mode as far as the desktop gives it. Throws PF_SOURCE_FAILED, BusError. */
  async begin(): Promise<void> {
    const wished = this.mode;
    await this.#apply(wished);
    const isExact = this.mode.width === wished.width && this.mode.height === wished.height;
    const here = formatMode(this.mode);
    const asItIs = isExact ? "" : `The portal's screen is streamed as it is, at ${here}.`;
    const asksAgain =
      this.#session.restoreToken === undefined ? "Its desktop asks at each connection." : "";
    this.note = [asItIs, asksAgain].filter((sentence) => sentence !== "").join(" ");
  }

  openStage({ sink, events, stage }: StageWiring): PictureStage {
    const fd = this.#remote;
    if (fd === undefined) {
      throw new PfError("PF_SOURCE_FAILED", "The portal has given no new way to its pictures yet.");
    }
    this.#remote = undefined;
    void this.#refill().catch(() => {}); // who needs it later is told then
    return this.#capture(fd, { sink, events, stage }, this.mode);
  }

  openInput(_wiring: InputWiring): InputTarget {
    if (this.#session.devices === 0) {
      throw new PfError("PF_INPUT_FAILED", "The desktop's portal was not allowed to give input.", {
        hint: "Allow it in the dialog, or use a desktop whose portal has RemoteDesktop.",
      });
    }
    const { width, height } = this.#session.stream.size ?? this.mode;
    const readyAt = this.#inputReadyAt;
    return openPortalInput({ bus: this.#bus, session: this.#input, width, height, readyAt });
  }

  async reconfigure(mode: Mode, { signal }: CreateOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    if (!this.#session.stream.isVirtual) {
      const words = `The portal's screen stays at ${formatMode(this.mode)}: it is a monitor.`;
      throw new PfError("PF_MODE_REFUSED", words);
    }
    await this.#apply(mode).catch((thrown: unknown) => {
      throw thrown instanceof PfError ? thrown : failure(thrown);
    });
  }

  destroy(): Promise<void> {
    this.#destroyed ??= this.#remove();
    return this.#destroyed;
  }

  get #input() {
    const { path, stream, devices } = this.#session;
    return { path, node: stream.node, devices };
  }

  /** Asks the screen for a mode, where it takes one, and reads back what it has. */
  async #apply(mode: Mode): Promise<void> {
    const stage = this.#capture(await this.#session.openRemote(), { sink: noSink }, mode);
    try {
      const {
        width,
        height,
        refreshMilliHz = mode.refreshMilliHz,
        error,
        state,
      } = stage.describe();
      if (width === 0) {
        const words = error ?? `its stream is ${state}`;
        throw new PfError("PF_SOURCE_FAILED", `The portal's screen gives no picture: ${words}.`);
      }
      const rate = this.#session.stream.isVirtual ? refreshMilliHz : mode.refreshMilliHz;
      this.mode = { width, height, refreshMilliHz: rate };
    } finally {
      stage.close();
    }
    await this.#refill();
  }

  /** Takes the descriptor over. */
  #capture(fd: number, wiring: Partial<StageWiring> & Pick<StageWiring, "sink">, mode: Mode) {
    const { node, isVirtual } = this.#session.stream;
    const { refreshMilliHz } = mode;
    const size = isVirtual ? { size: mode } : {};
    try {
      return new ScreencastStage({ ...wiring, node, remote: { fd }, refreshMilliHz, ...size });
    } catch (thrown) {
      if (toPfError(thrown).code !== "PF_SOURCE_FAILED") closeDescriptor(fd); // never opened
      throw thrown;
    }
  }

  async #refill(): Promise<void> {
    if (this.#remote !== undefined) return;
    const fd = await this.#session.openRemote();
    if (this.#destroyed === undefined && this.#remote === undefined) this.#remote = fd;
    else closeDescriptor(fd);
  }

  async #remove(): Promise<void> {
    if (this.#remote !== undefined) closeDescriptor(this.#remote);
    this.#remote = undefined;
    this.#session.close();
    await this.#bus.close();
  }
}
