/** KWin without a screen, as it is started for tests. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Session, startSession } from "./session.testing.ts";

/** What Plasma brings along; without a menu KWin finds no desktop entry. */
const menu = `<!DOCTYPE Menu PUBLIC "-//freedesktop//DTD Menu 1.0//EN"
  "http://www.freedesktop.org/standards/menu-spec/1.0/menu.dtd">
<Menu><Name>Applications</Name><DefaultAppDirs/><DefaultDirectoryDirs/><Include><All/></Include></Menu>
`;

export interface KwinOptions {
  /** Everyone may do everything, instead of those whose desktop entries ask for it. */
  readonly permits: boolean;
  /** Of its output; default 1280x720. */
  readonly width?: number;
  readonly height?: number;
  /** It has the screen of /dev/dri/card0, of whatever size, and can add outputs; default false. */
  readonly hasScreen?: boolean;
}

/** @param home of the session's user, with Plasma's menu in it; remembers what KWin is told */
export function startKwin(home: string, options: KwinOptions): Promise<Session> {
  const { permits, width = 1280, height = 720, hasScreen = false } = options;
  const menus = join(home, ".config/menus");
  mkdirSync(menus, { recursive: true });
  writeFileSync(join(menus, "applications.menu"), menu);
  const kwin = ["kwin_wayland", "--no-lockscreen", "--socket", "wayland-test"];
  const size = ["--width", String(width), "--height", String(height)];
  return startSession({
    compositor: hasScreen ? seated(home, [...kwin, "--drm"]) : [...kwin, "--virtual", ...size],
    socket: "wayland-test",
    env: {
      HOME: home,
      XDG_CONFIG_HOME: join(home, ".config"),
      XDG_DATA_HOME: join(home, ".local/share"),
      XDG_CURRENT_DESKTOP: "KDE",
      ...(permits ? { KWIN_WAYLAND_NO_PERMISSION_CHECKS: "1" } : {}),
      ...(hasScreen ? { KWIN_DRM_DEVICES: "/dev/dri/card0", XDG_SESSION_ID: "test" } : {}),
    },
  });
}

/** The command with a seat of its own, as a login would give it. */
function seated(folder: string, command: readonly string[]): string[] {
  const source = new URL("seat.c", import.meta.url).pathname;
  const program = join(folder, "seat");
  const compile = `cc -o "$0" "$1" $(pkg-config --cflags --libs libsystemd)`;
  const compiled = Bun.spawnSync(["sh", "-c", compile, program, source], { stderr: "pipe" });
  if (!compiled.success) throw new Error(`seat.c: ${compiled.stderr.toString()}`);
  const bus = 'export DBUS_SYSTEM_BUS_ADDRESS="$DBUS_SESSION_BUS_ADDRESS"';
  return ["sh", "-c", `${bus}; "$0" | { read -r ready; exec "$@"; }`, program, ...command];
}
