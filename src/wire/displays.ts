/** The kinds of desktop that a host can stream, by the names that people and messages use. */
export const displayKinds = [
  "kwin",
  "mutter",
  "hyprland",
  "wlroots",
  "x11",
  "portal",
  "gamescope",
  "sway",
] as const;
export type DisplayKind = (typeof displayKinds)[number];

/** What a session's pictures may come from. */
export const sourceNames = ["synthetic", ...displayKinds] as const;
export type SourceName = (typeof sourceNames)[number];
