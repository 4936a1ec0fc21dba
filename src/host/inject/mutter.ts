/** Input by org.gnome.Mutter.RemoteDesktop, which every Mutter since 3.28 has. */
import type { Bus, BusCall } from "../bus/bus.ts";
import type { BusValue } from "../bus/values.ts";
import { NotifyInput, type NotifyOptions, type NotifyWords } from "./notify.ts";
import type { InputTarget } from "./target.ts";

export interface MutterInputOptions extends Omit<NotifyOptions, "words"> {
  readonly session: MutterSession;
}

/** A started session of RemoteDesktop, and the stream that places are on. */
export interface MutterSession {
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly stream: string;
}

/**
 * Keyboard, pointer and touch of a session that was started on the same connection. The desktop's
 * own layout reads the keys; of a text, Mutter types what that layout has, and leaves out the rest.
 */
export function openMutterInput({ session, ...options }: MutterInputOptions): InputTarget {
  return new NotifyInput({ ...options, words: mutterWords(session) });
}

/** Flags of NotifyPointerAxis. */
const continuous = 8;
/** KEY_UNKNOWN, a finger beyond those that are sent, and a place far from every monitor. */
const unusedKey = 240;
const unusedFinger = 16;
const nowhere = -100_000;

/**
 * Has a session make its keyboard and pointer, which Mutter does at the first press and the first
 * motion: of a key that means nothing, and by nothing. Applications know them a little later, and
 * what comes before is lost to them.
 */
export function wakeMutterInput(bus: Bus, { stream: _, ...session }: MutterSession): void {
  const key = { ...session, member: "NotifyKeyboardKeycode", signature: "ub" };
  for (const down of [true, false]) bus.send({ ...key, body: [unusedKey, down] });
  bus.send({ ...session, member: "NotifyPointerMotionRelative", signature: "dd", body: [0, 0] });
}

function mutterWords({ stream, ...session }: MutterSession): NotifyWords {
  const notify = (member: string, signature: string, body: readonly BusValue[]): BusCall => ({
    ...session,
    member: `Notify${member}`,
    signature,
    body,
  });
  return {
    key: (code, down) => notify("KeyboardKeycode", "ub", [code, down]),
    keysym: (keysym, down) => notify("KeyboardKeysym", "ub", [keysym, down]),
    button: (code, down) => notify("PointerButton", "ib", [code, down]),
    motion: (dx, dy) => notify("PointerMotionRelative", "dd", [dx, dy]),
    position: (x, y) => notify("PointerMotionAbsolute", "sdd", [stream, x, y]),
    scroll: (dx, dy) => notify("PointerAxis", "ddu", [dx, dy, continuous]),
    notches: (axis, steps) =>
      notify("PointerAxisDiscrete", "ui", [axis === "vertical" ? 0 : 1, steps]),
    touch: {
      wake: [
        notify("TouchDown", "sudd", [stream, unusedFinger, nowhere, nowhere]),
        notify("TouchUp", "u", [unusedFinger]),
      ],
      down: (finger, x, y) => notify("TouchDown", "sudd", [stream, finger, x, y]),
      move: (finger, x, y) => notify("TouchMotion", "sudd", [stream, finger, x, y]),
      up: (finger) => notify("TouchUp", "u", [finger]),
    },
  };
}
