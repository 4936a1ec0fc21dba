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
}

/** @param home of the session's user, with Plasma's menu in it; remembers what KWin is told */
export function startKwin(home: string, options: KwinOptions): Promise<Session> {
  const { permits, width = 1280, height = 720 } = options;
  const menus = join(home, ".config/menus");
  mkdirSync(menus, { recursive: true });
  writeFileSync(join(menus, "applications.menu"), menu);
  return startSession({
    compositor: [
      ...["kwin_wayland", "--virtual", "--no-lockscreen", "--socket", "wayland-test"],
      ...["--width", String(width), "--height", String(height)],
    ],
    socket: "wayland-test",
    env: {
      HOME: home,
      XDG_CONFIG_HOME: join(home, ".config"),
      XDG_DATA_HOME: join(home, ".local/share"),
      XDG_CURRENT_DESKTOP: "KDE",
      ...(permits ? { KWIN_WAYLAND_NO_PERMISSION_CHECKS: "1" } : {}),
    },
  });
}
