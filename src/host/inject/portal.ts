/** Input by org.freedesktop.portal.RemoteDesktop. */
import type { Bus, BusCall } from "../bus/bus.ts";
import { deviceType, portal, remoteDesktop } from "../bus/portal.ts";
import type { BusValue } from "../bus/values.ts";
import { NotifyInput, type NotifyOptions, type NotifyWords } from "./notify.ts";
import type { InputTarget } from "./target.ts";

/** What a started session may do. */
export interface PortalInput {
  readonly path: string;
  /** The stream that places are on. */
  readonly node: number;
  /** Sum of deviceType. */
  readonly devices: number;
}

export interface PortalInputOptions extends Omit<NotifyOptions, "words"> {
  readonly session: PortalInput;
}

/** Keyboard, pointer and touch as far as they were allowed. The desktop's own layout reads keys. */
export function openPortalInput({ session, ...options }: PortalInputOptions): InputTarget {
  return new NotifyInput({ ...options, words: portalWords(session) });
}

/** Has a desktop make the devices, as some do at the first event, which is lost then. */
export function wakePortalInput(bus: Bus, session: PortalInput): void {
  const { key, motion } = portalWords(session);
  for (const call of [key(unusedKey, true), key(unusedKey, false), motion(0, 0)]) bus.send(call);
}

/** KEY_UNKNOWN, a finger beyond those that are sent, and a place far from every monitor. */
const unusedKey = 240;
const unusedFinger = 16;
const nowhere = -100_000;

function portalWords({ path, node, devices }: PortalInput): NotifyWords {
  const notify = (member: string, signature: string, values: readonly BusValue[]): BusCall => ({
    ...portal,
    interface: remoteDesktop,
    member: `Notify${member}`,
    signature: `oa{sv}${signature}`,
    body: [path, {}, ...values],
  });
  const state = (down: boolean) => (down ? 1 : 0);
  const touch = {
    wake: [
      notify("TouchDown", "uudd", [node, unusedFinger, nowhere, nowhere]),
      notify("TouchUp", "u", [unusedFinger]),
    ],
    down: (finger: number, x: number, y: number) =>
      notify("TouchDown", "uudd", [node, finger, x, y]),
    move: (finger: number, x: number, y: number) =>
      notify("TouchMotion", "uudd", [node, finger, x, y]),
    up: (finger: number) => notify("TouchUp", "u", [finger]),
  };
  return {
    key: (code, down) => notify("KeyboardKeycode", "iu", [code, state(down)]),
    keysym: (keysym, down) => notify("KeyboardKeysym", "iu", [keysym, state(down)]),
    button: (code, down) => notify("PointerButton", "iu", [code, state(down)]),
    motion: (dx, dy) => notify("PointerMotion", "dd", [dx, dy]),
    position: (x, y) => notify("PointerMotionAbsolute", "udd", [node, x, y]),
    scroll: (dx, dy) => notify("PointerAxis", "dd", [dx, dy]),
    notches: (axis, steps) =>
      notify("PointerAxisDiscrete", "ui", [axis === "vertical" ? 0 : 1, steps]),
    touch: (devices & deviceType.touch) === 0 ? undefined : touch,
  };
}
