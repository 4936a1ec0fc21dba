/**
 * Which layout the keyboard of this machine has, and whether what it types travels as keys or as
 * text.
 *
 * A key travels by its place, as the USB usage that says "the key right of Tab": the host's layout
 * decides what it prints, and shortcuts and games work as at the host itself. Where the host's
 * desktop takes the layout that the client tells, both are the same, AltGr and dead keys included.
 * Where the two are known to differ, what a key prints here travels as text, and only what does not
 * print as keys.
 */
import { readFile } from "node:fs/promises";
import { keyboardLayoutPattern } from "../../wire/keys.ts";

export type KeyboardWish = "auto" | "codes" | "text";

export interface KeyboardSituation {
  readonly wish: KeyboardWish;
  /** Of both ends; null = not known. */
  readonly client: string | null;
  readonly host: string | null;
}

/**
 * Whether keys that print are sent as text. A terminal says what was typed, and of its place only
 * what it guesses: there they are, unless it is asked otherwise.
 */
export function sendsText(situation: KeyboardSituation, shownIn: "window" | "terminal"): boolean {
  const { wish, client, host } = situation;
  if (wish !== "auto") return wish === "text";
  if (shownIn === "terminal") return true;
  return client !== null && host !== null && client !== host;
}

/**
 * The layout of this machine's keyboard as XKB names it, the first where there are several. From
 * what the desktop says, else from the system's files; undefined = not known.
 */
export async function ownKeyboardLayout(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string | undefined> {
  const named = joined(env["XKB_DEFAULT_LAYOUT"], env["XKB_DEFAULT_VARIANT"]);
  if (named !== undefined) return named;
  if (env["DISPLAY"] && !env["WAYLAND_DISPLAY"]) {
    const found = layoutIn(await queryX11(env["DISPLAY"]));
    if (found !== undefined) return found;
  }
  for (const path of ["/etc/default/keyboard", "/etc/X11/xorg.conf.d/00-keyboard.conf"]) {
    const found = layoutIn(await readFile(path, "utf8").catch(() => ""));
    if (found !== undefined) return found;
  }
  return undefined;
}

/**
 * Layout and variant from the output of setxkbmap, from /etc/default/keyboard or from a file of
 * xorg.conf.d; undefined where there is none.
 */
export function layoutIn(text: string): string | undefined {
  const value = (name: string) =>
    new RegExp(`^\\s*(?:option\\s+)?"?(?:xkb)?${name}"?\\s*[:=]?\\s*"?([^"\\s]*)`, "im").exec(
      text,
    )?.[1];
  return joined(value("layout"), value("variant"));
}

function joined(layouts: string | undefined, variants: string | undefined): string | undefined {
  const layout = layouts?.split(",")[0] ?? "";
  const variant = variants?.split(",")[0] ?? "";
  const name = variant === "" ? layout : `${layout}(${variant})`;
  return keyboardLayoutPattern.test(name) ? name : undefined;
}

async function queryX11(display: string): Promise<string> {
  if (Bun.which("setxkbmap") === null) return "";
  const query = Bun.spawn(["setxkbmap", "-display", display, "-query"], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
    // A display that hangs must not hold up the connection.
    timeout: 1000,
  });
  return new Response(query.stdout).text();
}
