/** By which layout a session's keyboard is read, where the host decides it. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PfError } from "../../base/errors.ts";

/** What the operator chose for all clients: a layout, or that of each client. */
export type LayoutSetting = string | "client";

/**
 * The layout for a desktop that takes one. With `client` the desktop gets the client's own, so that
 * keys by their place, AltGr and dead keys among them, print here what they print there; us where
 * the client knows none, or one that this machine does not have.
 */
export function keyboardLayoutFor(
  setting: LayoutSetting = "client",
  client: string | null = null,
): string {
  if (setting !== "client") return setting;
  return client !== null && hasLayout(client) ? client : "us";
}

/** Throws PF_USAGE for a layout that no keyboard here can have. */
export function checkLayout(setting: LayoutSetting = "client"): void {
  if (setting === "client" || hasLayout(setting)) return;
  throw new PfError("PF_USAGE", `This machine has no keyboard layout ${setting}.`, {
    hint: "Its layouts are the files in /usr/share/X11/xkb/symbols, as us or de(nodeadkeys).",
  });
}

/** Whether this machine's XKB has a layout, as us or de(nodeadkeys). */
function hasLayout(name: string): boolean {
  const [, layout, variant] = /^([\w-]+)(?:\(([\w-]+)\))?$/.exec(name) ?? [];
  const root = roots().find((path) => existsSync(join(path, "symbols")));
  // Without XKB's data nothing can be said here: the desktop says it.
  if (layout === undefined || root === undefined) return layout !== undefined;
  try {
    const symbols = readFileSync(join(root, "symbols", layout), "utf8");
    return variant === undefined || symbols.includes(`xkb_symbols "${variant}"`);
  } catch {
    return false;
  }
}

const roots = () => [
  ...(process.env["XKB_CONFIG_ROOT"] === undefined ? [] : [process.env["XKB_CONFIG_ROOT"]]),
  "/usr/share/X11/xkb",
];
