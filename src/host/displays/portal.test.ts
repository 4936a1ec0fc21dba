import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PfError } from "../../base/errors.ts";
import { EventQueue } from "../../ffi/core/core.ts";
import { PictureTap } from "../../ffi/decode/tap.ts";
import { formatMode, parseMode } from "../../wire/mode.ts";
import type { Display } from "./display.ts";
import { MutterProcess } from "./mutter-own.ts";
import { TestPortal, type TestPortalOptions } from "./portal.fixture.ts";
import { PortalDisplays, type PortalDisplaysOptions } from "./portal.ts";
import { faultOf } from "./retry.ts";
import { desktopUser } from "./user.ts";

const programs = ["mutter", "pipewire", "wireplumber", "dbus-daemon"];
const mutterInstalled = programs.every((name) => Bun.which(name) !== null);
const outside = { ...process.env, DBUS_SESSION_BUS_ADDRESS: undefined, XDG_RUNTIME_DIR: undefined };
const mode = parseMode("800x600@60");

const open: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** The size of the first picture that comes. */
async function pictureSize(display: Display): Promise<string> {
  const [tap, events] = [new PictureTap(), new EventQueue()];
  const stage = display.openStage({ sink: tap.sink(), events, stage: 1 });
  stage.start();
  try {
    for (;;) {
      const picture = tap.take();
      if (picture !== undefined) return `${picture.width}x${picture.height}`;
      await Bun.sleep(5);
    }
  } finally {
    stage.stop();
    tap.close();
    stage.close();
    await events.close();
  }
}

describe.skipIf(!mutterInstalled)("a desktop's portal", () => {
  let mutter: MutterProcess;
  let env: Record<string, string | undefined>;
  let folder: string;
  beforeAll(async () => {
    const user = desktopUser(outside);
    mutter = await MutterProcess.start({ app: "true", user, env: outside });
    env = {
      ...outside,
      DBUS_SESSION_BUS_ADDRESS: mutter.busAddress,
      XDG_RUNTIME_DIR: dirname(mutter.remote.socketPath),
    };
    folder = mkdtempSync(join(tmpdir(), "pf-portal-"));
  });
  afterAll(async () => {
    await mutter.stop();
    rmSync(folder, { recursive: true });
  });

  let files = 0;
  async function prepare(options: TestPortalOptions = {}, more: PortalDisplaysOptions = {}) {
    const portal = await TestPortal.start(mutter, options);
    open.push(() => portal.stop());
    const path = join(folder, `portal-${files++}.json`);
    return { portal, path, displays: new PortalDisplays({ env, path, ...more }) };
  }

  test("gives a virtual screen at the client's mode, and at another one", async () => {
    const { portal, displays } = await prepare();
    expect(await displays.available()).toMatchObject({ ok: true });
    const display = await displays.create(mode);
    open.push(() => display.destroy());
    expect([formatMode(display.mode), display.note]).toEqual(["800x600@60", ""]);
    expect(await pictureSize(display)).toBe("800x600");
    await display.reconfigure(parseMode("1000x562@50"));
    expect(formatMode(display.mode)).toBe("1000x562@50");
    expect(await pictureSize(display)).toBe("1000x562");
    expect(portal.calls.slice(0, 4)).toEqual([
      "CreateSession {}",
      'SelectDevices SESSION {"types":7,"persist_mode":2}',
      'SelectSources SESSION {"types":4,"multiple":false,"cursor_mode":4}',
      'Start SESSION "" {}',
    ]);
  });

  test("is asked once: what was agreed to is remembered for this user alone", async () => {
    const { portal, displays, path } = await prepare();
    for (const _ of [1, 2, 3]) await (await displays.create(mode)).destroy();
    expect(portal.dialogs).toBe(1);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(await Bun.file(path).json()).toEqual({ restoreToken: "token-3" });
    const withToken = portal.calls.filter((call) => call.includes("restore_token"));
    expect(withToken.map((call) => /token-\d/.exec(call)?.[0])).toEqual(["token-1", "token-2"]);
  });

  test("takes input on its stream", async () => {
    const { portal, displays } = await prepare();
    const display = await displays.create(mode);
    open.push(() => display.destroy());
    const events = new EventQueue();
    open.push(() => events.close());
    const input = display.openInput({ events, stage: 5 });
    const from = portal.calls.length;
    input.key(30, true);
    input.text("a");
    input.position(65_535, 65_535);
    input.button(272, true);
    input.scroll(0, 180);
    input.motion(1.5, -2);
    const isLast = (call: string) => call.includes("PointerMotion SESSION {} 1.5");
    while (!portal.calls.some(isLast)) await Bun.sleep(5);
    input.close();
    const isReleased = () => portal.calls.at(-1) === "NotifyPointerButton SESSION {} 272 0";
    while (!isReleased()) await Bun.sleep(5);
    const notified = portal.calls.slice(from).filter((call) => call.startsWith("Notify"));
    expect(notified.slice(notified.findIndex((call) => call.endsWith(" 30 1")))).toEqual([
      "NotifyKeyboardKeycode SESSION {} 30 1",
      "NotifyKeyboardKeysym SESSION {} 97 1",
      "NotifyKeyboardKeysym SESSION {} 97 0",
      expect.stringMatching(/^NotifyPointerMotionAbsolute SESSION {} \d+ 799 599$/),
      "NotifyPointerButton SESSION {} 272 1",
      "NotifyPointerAxisDiscrete SESSION {} 0 1",
      "NotifyPointerAxis SESSION {} 0 5",
      "NotifyPointerMotion SESSION {} 1.5 -2",
      "NotifyKeyboardKeycode SESSION {} 30 0",
      "NotifyPointerButton SESSION {} 272 0",
    ]);
  });

  test("without RemoteDesktop shares its screen, and says that it takes no input", async () => {
    const { portal, displays } = await prepare({ remoteVersion: 0 });
    const display = await displays.create(mode);
    open.push(() => display.destroy());
    expect(portal.calls[1]).toBe(
      'SelectSources SESSION {"types":4,"multiple":false,"cursor_mode":4,"persist_mode":2}',
    );
    expect(await pictureSize(display)).toBe("800x600");
    expect(() => display.openInput({} as never)).toThrow("was not allowed to give input");
  });

  test("whose person refuses is not asked again at once", async () => {
    const { portal, displays } = await prepare({ person: 1 });
    const refused = await displays.create(mode).catch((error) => error);
    expect(refused).toBeInstanceOf(PfError);
    expect(refused.message).toBe("Sharing this desktop's screen was refused in its dialog.");
    expect(faultOf(refused)).toBe("permanent");
    portal.person = 2;
    await expect(displays.create(mode)).rejects.toThrow("ended Start without a reason");
  });

  test("whose person is away is waited for in bounded time, and tells of its dialog", async () => {
    const told: string[] = [];
    const onDialog = (sentence: string) => told.push(sentence);
    const { portal, displays } = await prepare({ person: "away" }, { personMsMax: 1600, onDialog });
    const late = await displays.create(mode).catch((error) => error);
    expect(late.sentence()).toBe(
      "Nobody agreed to share this desktop's screen in 1.6 s. " +
        "Agree in the dialog that the desktop shows; it is asked once, then remembered.",
    );
    expect(told).toEqual(["A dialog on the host's desktop asks whether its screen may be shared."]);
    while (!portal.calls.includes("Close")) await Bun.sleep(5);
  });

  test("is let go of when the client leaves, or sharing ends on the desktop", async () => {
    const { portal, displays } = await prepare({ person: "away" });
    const stop = new AbortController();
    const creating = displays.create(mode, { signal: stop.signal });
    creating.catch(() => {});
    while (portal.dialogs === 0) await Bun.sleep(5);
    stop.abort(new Error("the client has left"));
    await expect(creating).rejects.toThrow("the client has left");
    portal.person = "agrees";
    const display = await displays.create(mode);
    portal.endSession();
    expect(await display.ended).toBe("Sharing was ended on the desktop.");
    await display.destroy();
  });

  test("is left with no descriptor of ours", async () => {
    const { displays } = await prepare();
    const count = () => readdirSync("/proc/self/fd").length;
    const cycle = async () => {
      const display = await displays.create(mode);
      await pictureSize(display);
      await display.destroy();
    };
    await cycle();
    const before = count();
    for (let i = 0; i < 5; i++) await cycle();
    while (count() > before) await Bun.sleep(10); // the portal's own copies go a little later
  });
});

test("a desktop without a portal is told so", async () => {
  const displays = new PortalDisplays({ env: {} });
  expect((await displays.available()).ok).toBe(false);
  await expect(displays.create(mode)).rejects.toThrow("There is no session bus");
});
