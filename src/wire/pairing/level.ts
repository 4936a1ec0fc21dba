/** What a paired device may do. The host enforces it on every plane; the client adapts to it. */

/**
 * What a device can ask for. `picture`: video, its control (mode, bitrate, keyframes) and speed
 * tests. `sound`: audio of the host. `input`: keys, pointer, pads, text, clipboard and microphone,
 * all that acts on the desktop. `manage`: other devices, pending requests, settings of the host.
 */
export const actions = ["picture", "sound", "input", "manage"] as const;
export type Action = (typeof actions)[number];

export const levels = {
  full: ["picture", "sound", "input", "manage"],
  play: ["picture", "sound", "input"],
  view: ["picture", "sound"],
} as const satisfies Record<string, readonly Action[]>;
export type Level = keyof typeof levels;

/** The names of all levels, the widest first. */
export const levelNames = Object.keys(levels) as [Level, ...Level[]];

/** Whether a device of this level may do that; no level (not paired, revoked) allows nothing. */
export function allows(level: Level | undefined, action: Action): boolean {
  return level !== undefined && (levels[level] as readonly Action[]).includes(action);
}
