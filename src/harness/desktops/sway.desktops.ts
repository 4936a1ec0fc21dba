import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startTestDesktop } from "../../host/displays/desktop.fixture.ts";
import { SwayIpc } from "../../host/displays/ipc.ts";
import { SwayDisplays } from "../../host/displays/sway.ts";
import { WlrootsDisplays } from "../../host/displays/wlroots.ts";
import { formatMode, parseMode } from "../../wire/mode.ts";
import { startSession } from "./session.testing.ts";
import { readsBack, terminal } from "./typing.testing.ts";
import { hasTestPicture, View } from "./view.testing.ts";

describe("sway 1.10", () => {
  test("is the version that is tried", async () => {
    const { ok, version } = await new SwayDisplays().available();
    expect([ok, version?.startsWith("1.10")]).toEqual([true, true]);
  });

  test("shows its desktop at the client's exact mode, and at another one", async () => {
    await using desktop = await startTestDesktop({ mode: "1280x720@60", client: "moving" });
    const { display } = desktop;
    {
      await using view = new View(display);
      const picture = await view.picture(hasTestPicture, "the application");
      expect([picture.width, picture.height]).toEqual([1280, 720]);
      expect(await view.rate(1500)).toBeWithin(20, 61.5); // 59 alone
      await view.save("sway-1280x720");
    }
    await display.reconfigure(parseMode("1366x768@75"));
    expect(formatMode(display.mode)).toBe("1366x768@75");
    await using view = new View(display);
    const picture = await view.picture(hasTestPicture, "the application");
    expect([picture.width, picture.height]).toEqual([1366, 768]);
    await view.save("sway-1366x768");
  });

  test("takes text, which its application gets and the picture shows", async () => {
    const folder = await mkdtemp(join(tmpdir(), "pf-typed-"));
    const file = join(folder, "typed");
    const display = await new SwayDisplays({ app: terminal(file) }).create(
      parseMode("1280x720@60"),
    );
    try {
      await readsBack(display, { file, name: "sway-typed" });
    } finally {
      await display.destroy();
      await rm(folder, { recursive: true });
    }
  });

  test("has no output left after a client's own was unplugged", async () => {
    await using session = await startSession({
      compositor: ["sh", "-c", 'SWAYSOCK="$XDG_RUNTIME_DIR/sway.sock" exec sway -c /dev/null'],
      socket: "wayland-1",
      env: { WLR_BACKENDS: "headless", WLR_RENDERER: "pixman", WLR_LIBINPUT_NO_DEVICES: "1" },
    });
    const env = { ...session.env, SWAYSOCK: join(session.folder, "sway.sock") };
    const ipc = await SwayIpc.connect(env.SWAYSOCK);
    const names = async () => (await ipc.outputs()).map(({ name }) => name);
    for (const mode of ["1366x768@75", "800x600@50"]) {
      const display = await new WlrootsDisplays({ env }).create(parseMode(mode));
      expect([formatMode(display.mode), display.note]).toEqual([mode, ""]);
      expect(await names()).toHaveLength(2);
      await using view = new View(display);
      const { width } = await view.picture();
      expect(width).toBe(display.mode.width);
      await view[Symbol.asyncDispose]();
      await display.destroy();
      expect(await names()).toEqual(["HEADLESS-1"]);
    }
    ipc.close();
  });
});
