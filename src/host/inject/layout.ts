/** By which layout a session's keyboard is read, where the host decides it. */

/** What the operator chose for all clients: a layout, or that of each client. */
export type LayoutSetting = string | "client";

/**
 * The layout for a desktop that takes one. With `client` the desktop gets the client's own, so that
 * keys by their place, AltGr and dead keys among them, print here what they print there; us where
 * the client knows none.
 */
export function keyboardLayoutFor(
  setting: LayoutSetting = "client",
  client: string | null = null,
): string {
  return setting === "client" ? (client ?? "us") : setting;
}
