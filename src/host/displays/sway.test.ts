import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { PfError } from "../../base/errors.ts";
import { formatMode, parseMode } from "../../wire/mode.ts";
import { startTestDesktop, swayInstalled } from "./desktop.fixture.ts";
import { SwayIpc } from "./ipc.ts";
import { SwayDisplays } from "./sway.ts";
import { runtimeBase } from "./user.ts";
import { WlrootsDisplays } from "./wlroots.ts";

const mode = parseMode("640x480@60");
/** Folders of desktops that this process made. */
const folders = () =>
  readdirSync(runtimeBase(process.env)).filter((name) =>
    name.startsWith(`punktfunk-${process.pid}-`),
  );

/** Processes whose command line or environment names a folder. */
function processesOf(folder: string): number[] {
  const pids = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
  return pids.filter((pid) => {
    try {
      const files = [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`];
      return (
        pid !== process.pid && files.some((file) => readFileSync(file, "utf8").includes(folder))
      );
    } catch {
      return false;
    }
  });
}

async function failure(promise: Promise<unknown>): Promise<PfError> {
  try {
    await promise;
  } catch (error) {
    return error as PfError;
  }
  throw new Error("it did not fail");
}

describe.skipIf(!swayInstalled)("a desktop of the host's own", () => {
  test("is available, with its version", async () => {
    const found = await new SwayDisplays().available();
    expect(found).toMatchObject({ ok: true, version: expect.stringMatching(/^\d+\.\d+/) });
  });

  test.each(["1280x720@60", "1366x768@75", "1920x1080@59.94", "66x1002@1", "2560x1440@165"])(
    "has the mode %s as sway itself tells it",
    async (text) => {
      await using desktop = await startTestDesktop({ mode: text });
      const wanted = parseMode(text);
      expect(formatMode(desktop.display.mode)).toBe(formatMode(wanted));
      const ipc = await SwayIpc.connect(join(dirname(desktop.display.socketPath), "sway.sock"));
      const [output] = await ipc.outputs();
      expect(output?.current_mode).toMatchObject({ width: wanted.width, height: wanted.height });
      await desktop.line(`size ${wanted.width} ${wanted.height}`); // no border, no bar
      ipc.close();
    },
  );

  test.skipIf(process.getuid?.() !== 0)(
    "runs as an unprivileged user, in a folder of his own",
    async () => {
      await using desktop = await startTestDesktop({
        app: `(id -u; echo $XDG_RUNTIME_DIR; env | grep -c SUDO_) > FOLDER/lines; sleep 100`,
      });
      expect(Number(await desktop.line((line) => /^\d+$/.test(line)))).toBeGreaterThan(0);
      await desktop.line(dirname(desktop.display.socketPath));
    },
  );

  test("leaves no process and no folder behind", async () => {
    const desktop = await startTestDesktop({ client: "moving" });
    const folder = dirname(desktop.display.socketPath);
    expect(processesOf(folder).length).toBeGreaterThan(2);
    await desktop[Symbol.asyncDispose]();
    expect(processesOf(folder)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
    await desktop.display.destroy(); // again
  });

  test("can be given up while it starts", async () => {
    for (const afterMs of [0, 5, 20, 60]) {
      const ending = new AbortController();
      const creating = new SwayDisplays({ app: "foot" }).create(mode, { signal: ending.signal });
      setTimeout(() => ending.abort(new Error("given up")), afterMs);
      const outcome = await creating.then(
        (display) => display.destroy(),
        (error) => error.message,
      );
      expect([undefined, "given up"]).toContain(outcome);
    }
    expect(folders()).toEqual([]);
  });

  test("goes when its host is killed", async () => {
    const source = (path: string) => JSON.stringify(new URL(path, import.meta.url).pathname);
    const program = `
      import { SwayDisplays } from ${source("./sway.ts")};
      import { parseMode } from ${source("../../wire/mode.ts")};
      const display = await new SwayDisplays().create(parseMode("640x480@60"));
      console.log(display.socketPath);
      await new Promise(() => setInterval(() => {}, 1000));
    `;
    const host = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe" });
    const { value } = await host.stdout.getReader().read();
    const folder = dirname(new TextDecoder().decode(value).trim());
    expect(processesOf(folder).length).toBeGreaterThan(1);
    host.kill("SIGKILL");
    const until = performance.now() + 3000;
    const isThere = () => existsSync(folder) || processesOf(folder).length > 0;
    while (isThere() && performance.now() < until) await Bun.sleep(10);
    expect(existsSync(folder)).toBe(false);
    expect(processesOf(folder)).toEqual([]);
  });

  test("ends when its application has closed its last window", async () => {
    await using desktop = await startTestDesktop({
      app: "foot sh -c 'echo up > FOLDER/lines; sleep 0.2'",
    });
    await desktop.line("up");
    expect(await desktop.display.ended).toBe("The application has ended.");
  });

  test("names an application that is not there", async () => {
    const missing = await failure(new SwayDisplays({ app: "nosuchgame --x" }).create(mode));
    expect(missing).toMatchObject({ code: "PF_SOURCE_FAILED" });
    expect(missing.message).toBe('The application "nosuchgame" was not found.');
    const hidden = await failure(new SwayDisplays({ app: "A=1 nosuchgame" }).create(mode));
    expect(hidden.message).toContain("nosuchgame");
    expect(hidden.message).toContain("not found");
    expect(folders()).toEqual([]);
  });

  test("tells what an application said that failed at once", async () => {
    const failed = await failure(
      new SwayDisplays({ app: "echo 'no licence' >&2; exit 3" }).create(mode),
    );
    expect(failed.message).toContain("ended at once with status 3");
    expect(failed.message).toContain("no licence");
  });
});

describe("without sway", () => {
  const env = { ...process.env, PATH: "/nonexistent" };

  test("says so, and how to get it", async () => {
    const displays = new SwayDisplays({ env });
    expect(await displays.available()).toMatchObject({ ok: false, version: null });
    const missing = await failure(displays.create(mode));
    expect(missing).toMatchObject({ code: "PF_DISPLAY_MISSING" });
    expect(missing.sentence()).toContain("the package sway");
  });
});

describe.skipIf(!swayInstalled)("a sway that dies at its start", () => {
  test("is told with its last words, and leaves nothing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "pf-false-"));
    await writeFile(
      join(folder, "sway"),
      "#!/bin/sh\necho 'Unable to create backend' >&2\nexit 1\n",
    );
    await chmod(join(folder, "sway"), 0o755);
    await chmod(folder, 0o755);
    const env = { ...process.env, PATH: `${folder}:${process.env["PATH"]}` };
    const failed = await failure(new SwayDisplays({ env }).create(mode));
    await rm(folder, { recursive: true });
    expect(failed.message).toBe("sway ended at its start with status 1:\nUnable to create backend");
    expect(folders()).toEqual([]);
  });
});

describe.skipIf(!swayInstalled)("a desktop that is already there", () => {
  const envOf = (socketPath: string, ipc: boolean) => ({
    WAYLAND_DISPLAY: socketPath,
    ...(ipc ? { SWAYSOCK: join(dirname(socketPath), "sway.sock") } : {}),
  });

  test("gets an output of the client's own, at its mode", async () => {
    await using desktop = await startTestDesktop();
    const displays = new WlrootsDisplays({ env: envOf(desktop.display.socketPath, true) });
    expect(await displays.available()).toMatchObject({ ok: true });
    const first = await displays.create(parseMode("1366x768@75"));
    expect(first.outputName).not.toBe("HEADLESS-1");
    expect(formatMode(first.mode)).toBe("1366x768@75");
    await first.destroy();
    const second = await displays.create(parseMode("800x600@50"));
    expect(formatMode(second.mode)).toBe("800x600@50");
    await second.destroy();
    const ipc = await SwayIpc.connect(join(dirname(desktop.display.socketPath), "sway.sock"));
    expect((await ipc.outputs()).length).toBeLessThanOrEqual(2); // none added for the second
    ipc.close();
  });

  test("is streamed as it is where it takes no commands", async () => {
    await using desktop = await startTestDesktop({ mode: "800x600@50" });
    const displays = new WlrootsDisplays({ env: envOf(desktop.display.socketPath, false) });
    const found = await displays.create(parseMode("1366x768@75"));
    expect(found).toMatchObject({ kind: "wlroots", outputName: "HEADLESS-1" });
    expect(formatMode(found.mode)).toBe("800x600@50");
    expect(found.note).toContain("HEADLESS-1 is streamed at 800x600@50");
    await found.destroy();
  });

  test("tells when it ends", async () => {
    const desktop = await startTestDesktop();
    const displays = new WlrootsDisplays({ env: envOf(desktop.display.socketPath, true) });
    const display = await displays.create(mode);
    await desktop[Symbol.asyncDispose]();
    expect(await display.ended).toBe("sway has ended.");
    await display.destroy();
  });

  test("is missing where none is named", async () => {
    const displays = new WlrootsDisplays({ env: {} });
    expect(await displays.available()).toMatchObject({
      ok: false,
      why: "$WAYLAND_DISPLAY is not set.",
    });
    expect(await failure(displays.create(mode))).toMatchObject({ code: "PF_DISPLAY_MISSING" });
  });
});
