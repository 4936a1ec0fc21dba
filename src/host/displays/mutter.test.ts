import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { EventQueue } from "../../ffi/core/core.ts";
import { PictureTap, type TappedPicture } from "../../ffi/decode/tap.ts";
import { keys } from "../../wire/keys.ts";
import { formatMode, type Mode, parseMode } from "../../wire/mode.ts";
import { SessionInjector } from "../inject/inject.ts";
import { startDesktop, type TestDesktop } from "./desktop.fixture.ts";
import type { Display } from "./display.ts";
import { MutterDisplays } from "./mutter.ts";
import { MutterProcess } from "./mutter-own.ts";
import { desktopUser } from "./user.ts";

const programs = ["mutter", "pipewire", "wireplumber", "dbus-daemon"];
const mutterInstalled = programs.every((name) => Bun.which(name) !== null);

/** Without a session of this machine's user, so that the host's own is started. */
const env = { ...process.env, DBUS_SESSION_BUS_ADDRESS: undefined, XDG_RUNTIME_DIR: undefined };
const create = (app: string, mode: Mode) => new MutterDisplays({ app, env }).create(mode);
const usage = (name: string) => keys.find(([, , key]) => key === name)?.[0] as number;

const open: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

/** Captures until the test is over, or `close`. */
function capture(display: Display) {
  const tap = new PictureTap();
  const events = new EventQueue();
  const stage = display.openStage({ sink: tap.sink(), events, stage: 1 });
  stage.start();
  const close = async () => {
    stage.stop();
    tap.close();
    stage.close();
    await events.close();
  };
  return { tap, close };
}

/** Captures until the test is over; resolves when places on the picture are known to Mutter. */
async function show(display: Display): Promise<void> {
  const { tap, close } = capture(display);
  open.push(close);
  await next(tap);
}

/**
 * The first picture that fits. Mutter may leave out the last one that it draws, so after a second it
 * is asked anew, to which it answers with a whole picture.
 */
async function pictureOf(display: Display, fits: (picture: TappedPicture) => boolean) {
  for (;;) {
    const { tap, close } = capture(display);
    const picture = await next(tap, fits, 1000);
    await close();
    if (picture !== undefined) return picture;
  }
}

/** The next picture that fits; undefined when none comes in time. */
async function next(
  tap: PictureTap,
  fits: (picture: TappedPicture) => boolean = () => true,
  msMax = Number.POSITIVE_INFINITY,
) {
  const until = performance.now() + msMax;
  while (performance.now() < until) {
    const picture = tap.take();
    if (picture !== undefined && fits(picture)) return picture;
    await Bun.sleep(5);
  }
  return undefined;
}

/** The colours of the four corners as RRGGBB: upper left, upper right, lower left, lower right. */
function corners({ width, height, planes }: TappedPicture): string[] {
  const places = [0, width - 1, (height - 1) * width, height * width - 1];
  return places.map((place) => {
    const [blue, green, red] = (planes[0] as Uint8Array).subarray(4 * place, 4 * place + 3);
    return [red, green, blue].map((one) => (one as number).toString(16).padStart(2, "0")).join("");
  });
}
/** What the test application draws. */
const drawn = ["ff0000", "00ff00", "0000ff", "ffffff"];
const isDrawn = (picture: TappedPicture) => corners(picture).join() === drawn.join();

describe.skipIf(!mutterInstalled)("a Mutter of the host's own", () => {
  let desktop: TestDesktop<Display>;
  beforeAll(async () => {
    desktop = await startDesktop({ mode: "1280x720@60", client: "still fullscreen" }, create);
    await desktop.line("focus");
  });
  afterAll(() => desktop[Symbol.asyncDispose]());

  test("is there with its version", async () => {
    const found = await new MutterDisplays({ env }).available();
    expect(found).toMatchObject({ ok: true, why: "mutter is installed." });
    expect(found.version).toMatch(/^\d+\.\d+/);
  });

  test("gives pictures at the client's mode, and at another one with its windows", async () => {
    const { display } = desktop;
    expect([formatMode(display.mode), display.note]).toEqual(["1280x720@60", ""]);
    const picture = await pictureOf(display, isDrawn);
    expect([picture.width, picture.height, picture.format]).toEqual([1280, 720, "bgrx"]);
    for (const mode of ["1000x562@50", "1920x1080@59.94", "1280x720@60"]) {
      await display.reconfigure(parseMode(mode));
      expect(formatMode(display.mode)).toBe(mode);
      const { width, height } = await pictureOf(display, isDrawn);
      expect({ width, height }).toEqual({
        width: display.mode.width,
        height: display.mode.height,
      });
      await desktop.line(`size ${width} ${height}`);
    }
  });

  test("takes keys and text in their order", async () => {
    const injector = new SessionInjector(desktop.display.openInput(wiring()));
    open.push(() => injector.close());
    expect(injector.keyboardLayout).toBe("us");
    const from = desktop.lines.length;
    for (const down of [true, false]) injector.key(usage("A"), down);
    injector.key(usage("LEFTSHIFT"), true);
    expect(injector.text("oN 3\n")).toBeUndefined();
    injector.key(usage("LEFTSHIFT"), false);
    expect(injector.text("grün")).toContain("can't type this text");
    for (const down of [true, false]) injector.key(usage("F12"), down);
    await desktop.line("key 88 0", from);
    const lines = desktop.lines.slice(from);
    const edges = lines.filter((line) => line.startsWith("key "));
    // Shift is up while the text is typed, whose capital has one of its own.
    expect(edges.slice(0, 5)).toEqual(["key 30 1", "key 30 0", "key 42 1", "key 42 0", "key 24 1"]);
    const characters = lines.filter((line) => line.startsWith("character"));
    const points = characters.map((line) => Number.parseInt(line.slice(12), 16));
    expect(String.fromCodePoint(...points)).toBe("aoN 3\r");
  });

  test("takes the mouse, its wheel in parts of notches, and fingers", async () => {
    await show(desktop.display);
    const injector = new SessionInjector(desktop.display.openInput(wiring()));
    open.push(() => injector.close());
    // One after the other, since Mutter leaves out what is over within one picture.
    const sees = async (what: RegExp, act: () => void) => {
      const from = desktop.lines.length;
      act();
      await desktop.line((line) => what.test(line), from);
    };
    await sees(/^at 1279\.00 719\.00$/, () => injector.position(65_535, 65_535));
    await sees(/^at 1269\.50 700\.00$/, () => injector.motion(-9.5, -19));
    await sees(/^button 272 1$/, () => injector.button(1, true));
    await sees(/^button 272 0$/, () => injector.button(1, false));
    await sees(/^discrete 0 1$/, () => injector.scroll(0, 120));
    await sees(/^axis 0 -5\.00$/, () => injector.scroll(0, -60));
    await sees(/^discrete 1 -1$/, () => injector.scroll(-120, 0));
    await sees(/^touch \d+ down 0\.00 0\.00$/, () => injector.touch(3, "down", 0, 0));
    await sees(/^touch \d+ move 1279\.00 719\.00$/, () =>
      injector.touch(3, "move", 65_535, 65_535),
    );
    await sees(/^touch \d+ up$/, () => injector.touch(3, "up", 0, 0));
  });

  test("releases what is held when its input is closed", async () => {
    await show(desktop.display);
    const input = desktop.display.openInput(wiring());
    const from = desktop.lines.length;
    input.key(30, true);
    input.button(272, true);
    await desktop.line("button 272 1", from);
    input.key(31, true);
    input.close();
    await desktop.line("key 30 0", from);
    await desktop.line("button 272 0", from);
  });
});

test.skipIf(!mutterInstalled || Bun.which("foot") === null)(
  "a text typed on Mutter arrives in the file that a program writes",
  async () => {
    // The terminal shows itself a little before it has the keyboard.
    const program =
      'while IFS= read -r line; do case "$line" in go) echo focus > FOLDER/lines ;; ' +
      '*) echo "$line" >> FOLDER/typed ;; esac; [ "$line" = end ] && echo end > FOLDER/lines; done';
    const app = `foot --fullscreen sh -c '${program}'`;
    await using desktop = await startDesktop({ app }, create);
    const injector = new SessionInjector(desktop.display.openInput(wiring()));
    open.push(() => injector.close());
    const again = setInterval(() => injector.text("go\n"), 50);
    await desktop.line("focus").finally(() => clearInterval(again));
    injector.text("echo 'one' | two\n");
    injector.text("second line\nend\n");
    await desktop.line("end");
    const typed = readFileSync(`${desktop.folder}/typed`, "utf8");
    expect(typed).toBe("echo 'one' | two\nsecond line\nend\n");
  },
);

/** Descriptors of this process, and its threads. */
const footprint = () => ({
  descriptors: readdirSync("/proc/self/fd").length,
  threads: readdirSync("/proc/self/task").length,
});

describe.skipIf(!mutterInstalled)("a session that runs already", () => {
  /** Stands for GNOME's: the same services on a bus and a PipeWire that this process only finds. */
  let session: MutterProcess;
  let displays: MutterDisplays;
  beforeAll(async () => {
    session = await MutterProcess.start({ app: "sleep 1000", user: desktopUser(env), env });
    displays = new MutterDisplays({
      env: {
        ...env,
        DBUS_SESSION_BUS_ADDRESS: session.busAddress,
        XDG_RUNTIME_DIR: dirname(session.remote.socketPath),
      },
    });
  });
  afterAll(() => session.stop());

  /** PipeWire's nodes of Mutter. */
  async function nodes(): Promise<number> {
    const asked = Bun.spawn(["pw-cli", "-r", session.remote.socketPath, "ls", "Node"], {
      env: { ...env, PIPEWIRE_REMOTE: session.remote.socketPath },
    });
    const text = await new Response(asked.stdout).text();
    return text.split("\n").filter((line) => line.includes('node.name = "mutter"')).length;
  }

  test("is found", async () => {
    expect(await displays.runs()).toBe(true);
    expect(await displays.available()).toMatchObject({ ok: true, why: "mutter can be streamed." });
  });

  test("gives two clients a monitor each, at a mode each", async () => {
    const first = await displays.create(parseMode("800x600@60"));
    open.push(() => first.destroy());
    const second = await displays.create(parseMode("1024x768@30"));
    open.push(() => second.destroy());
    const sizes = await Promise.all([first, second].map((one) => pictureOf(one, () => true)));
    expect(sizes.map(({ width, height }) => `${width}x${height}`)).toEqual(["800x600", "1024x768"]);
    expect(await nodes()).toBe(2);
  });

  test("is left as it was, twenty times", async () => {
    const { events } = wiring();
    await cycle(events);
    const before = footprint();
    for (let i = 0; i < 20; i++) await cycle(events);
    const after = footprint();
    // Pipes of processes that have ended are closed a little later, at most one process's at once.
    expect(after.descriptors).toBeLessThan(before.descriptors + 4);
    expect(after.threads).toBeLessThan(before.threads + 4);
    while ((await nodes()) > 0) await Bun.sleep(5);
    expect(await displays.runs()).toBe(true);
  });

  async function cycle(events: EventQueue) {
    const display = await displays.create(parseMode("640x480@60"));
    display.openInput({ events, stage: 5 }).close();
    await pictureOf(display, () => true);
    await display.destroy();
    await display.destroy();
  }

  test("that ends is told, and then is not found", async () => {
    const display = await displays.create(parseMode("640x480@60"));
    await session.stop();
    expect(await display.ended).toMatch(
      /^(Mutter has ended|The desktop's message bus has ended|GNOME ended the session: .*)\.$/,
    );
    expect(() => display.openStage(wiring() as never)).toThrow();
    await display.destroy();
    expect(await displays.runs()).toBe(false);
  });
});

describe.skipIf(!mutterInstalled)("the end of a Mutter of the host's own", () => {
  test("comes with its application's, and leaves nothing", async () => {
    await (await create("sleep 1000", parseMode("640x480@60"))).destroy();
    const before = footprint();
    const display = await create("sleep 0.1; exit 3", parseMode("640x480@60"));
    expect(await display.ended).toContain('"sleep 0.1; exit 3" ended with status 3');
    await display.destroy();
    // Its supervisor's three pipes are closed a little later.
    while (footprint().descriptors > before.descriptors) await Bun.sleep(10);
    expect(footprint().threads).toBeLessThan(before.threads + 4);
  });

  test("is told when it is killed in mid-stream", async () => {
    const display = await create("sleep 1000", parseMode("640x480@60"));
    open.push(() => display.destroy());
    open.push(capture(display).close);
    const input = display.openInput(wiring());
    process.kill(pidOf("mutter"), "SIGKILL");
    expect(await display.ended).toStartWith("mutter ended with status 137");
    input.key(30, true);
    input.text("into the void");
    input.close();
  });

  test("comes with that of its PipeWire", async () => {
    const display = await create("sleep 1000", parseMode("640x480@60"));
    open.push(() => display.destroy());
    process.kill(pidOf("pipewire"), "SIGKILL");
    expect(await display.ended).toBe("The PipeWire of the desktop has ended.");
  });

  test("comes at once when the creation is given up", async () => {
    const stop = new AbortController();
    const creating = new MutterDisplays({ app: "sleep 1000", env }).create(
      parseMode("640x480@60"),
      { signal: stop.signal },
    );
    setTimeout(() => stop.abort(new Error("given up")), 60);
    await expect(creating).rejects.toThrow("given up");
    expect(pidsOf("mutter")).toEqual([]);
  });
});

/** Processes of a name that descend from this one. */
function pidsOf(wanted: string): number[] {
  const parents = new Map<number, { parent: number; name: string }>();
  for (const pid of readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)) {
    try {
      const [, name, parent] =
        /\((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
      parents.set(pid, { parent: Number(parent), name: name ?? "" });
    } catch {} // it has ended meanwhile
  }
  const isOurs = (pid: number): boolean =>
    pid === process.pid || (parents.has(pid) && isOurs(parents.get(pid)?.parent as number));
  return [...parents.keys()].filter((pid) => parents.get(pid)?.name === wanted && isOurs(pid));
}
const pidOf = (wanted: string) => pidsOf(wanted)[0] as number;

test("what is missing for a Mutter is named", async () => {
  const displays = new MutterDisplays({ env: { PATH: "/nonexistent" } });
  const { ok, why } = await displays.available();
  expect(ok).toBe(false);
  expect(why).toContain("lacks mutter, dbus-daemon, pipewire, wireplumber.");
  await expect(displays.create(parseMode("640x480@60"))).rejects.toThrow("lacks mutter");
});

function wiring() {
  const events = new EventQueue();
  open.push(() => events.close());
  return { events, stage: 5 };
}
