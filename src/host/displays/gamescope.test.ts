import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatMode, parseMode } from "../../wire/mode.ts";
import { endKeptSessions, GamescopeDisplays } from "./gamescope.ts";
import { gamescopeReason, readLine } from "./gamescope-words.ts";

describe("what gamescope says", () => {
  const token = "5ec2e7";

  test("its node, and the marks of the application's script", () => {
    const says = (line: string) => readLine(line, { token });
    expect(
      says("[gamescope] [\u001b[0;34mInfo\u001b[0m]  pipewire: stream available on node ID: 58"),
    ).toEqual({ kind: "node", node: 58 });
    expect(says(`punktfunk ${token} ready gamescope-0-ei`)).toEqual({
      kind: "ready",
      eis: "gamescope-0-ei",
    });
    expect(says(`punktfunk ${token} ended 3`)).toEqual({ kind: "ended", status: 3 });
    expect(says("punktfunk guessed ended 3")).toEqual({ kind: "other" });
  });

  test("is told as a sentence where it is known", () => {
    const passing =
      "[gamescope] [\u001b[0;34mInfo\u001b[0m]  vulkan: physical device does not support DRM format modifiers";
    const failed =
      "[gamescope] [\u001b[0;31mError\u001b[0m] vulkan: failed to allocate buffer for KMS";
    expect(gamescopeReason([passing, failed])).toContain("no DRM format modifiers");
    expect(gamescopeReason([passing])).toBeUndefined();
    expect(gamescopeReason(["gamescope: unrecognized option '--backend'"])).toContain("too old");
    expect(gamescopeReason(["something else"])).toBeUndefined();
  });
});

/**
 * Stands in for gamescope, which draws on graphics cards only: the same options, messages and
 * environment of its application.
 */
const standIn = `#!/bin/sh
if [ "$1" = --version ]; then echo "gamescope version $VERSION (gcc 15.2.0)" >&2; exit; fi
echo "$$ $*" >>"$STARTS"
if [ -n "$FAILS" ]; then
  echo "[gamescope] [Error] vulkan: physical device does not support DRM format modifiers" >&2
  exit 1
fi
while [ "$1" != -- ]; do shift; done
shift
echo "[gamescope] [Info]  pipewire: stream available on node ID: 42" >&2
LIBEI_SOCKET=gamescope-0-ei "$@"
sleep 60
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pf-gamescope-"));
  await Bun.write(join(folder, "gamescope"), standIn);
  await chmod(join(folder, "gamescope"), 0o755);
  await Bun.write(join(folder, "pipewire-0"), "");
});
afterEach(() => endKeptSessions());
afterAll(() => rm(folder, { recursive: true }));

let runs = 0;
interface StandInOptions {
  readonly app?: string;
  readonly fails?: boolean;
  readonly version?: string;
}

function prepare(options: StandInOptions = {}) {
  const file = join(folder, `starts-${runs++}`);
  const env = {
    ...process.env,
    PATH: `${folder}:${process.env["PATH"]}`,
    XDG_RUNTIME_DIR: folder,
    STARTS: file,
    VERSION: options.version ?? "3.16.22",
    ...(options.fails === true ? { FAILS: "1" } : {}),
  };
  const backend = new GamescopeDisplays({ app: options.app ?? "sleep 30", env });
  const starts = async () => (await Bun.file(file).text()).trim().split("\n");
  return { backend, starts };
}

const isAlive = (line: string) => {
  try {
    return process.kill(Number(line.split(" ")[0]), 0);
  } catch {
    return false;
  }
};

describe("a session of gamescope", () => {
  test("is started at the client's mode, and anew for another one only", async () => {
    const { backend, starts } = prepare();
    const display = await backend.create(parseMode("1280x800@59.94"));
    expect(formatMode(display.mode)).toBe("1280x800@60");
    await display.reconfigure(parseMode("1280x800@60"));
    expect(await starts()).toHaveLength(1);
    await display.reconfigure(parseMode("1920x1080@120"));
    const [first, second] = await starts();
    expect(second).toContain("--backend headless -W 1920 -H 1080 -w 1920 -h 1080 -r 120 -- sh ");
    expect([isAlive(first as string), isAlive(second as string)]).toEqual([false, true]);
    await display.destroy();
  });

  test("is found again by a client that comes back with the same mode", async () => {
    const { backend, starts } = prepare();
    const mode = parseMode("1280x720@60");
    await (await backend.create(mode)).destroy();
    const again = await backend.create(mode);
    expect(await starts()).toHaveLength(1);
    await again.destroy();
    await (await backend.create(parseMode("640x480@60"))).destroy();
    const all = await starts();
    expect(all.map(isAlive)).toEqual([false, true]);
    await endKeptSessions();
    expect(all.map(isAlive)).toEqual([false, false]);
  });

  test("serves two clients at once by two of its kind", async () => {
    const { backend, starts } = prepare();
    const mode = parseMode("1280x720@60");
    const both = [await backend.create(mode), await backend.create(mode)];
    for (const display of both) await display.destroy();
    expect((await starts()).map(isAlive).filter((alive) => alive)).toHaveLength(1); // kept
  });

  test("ends with its application", async () => {
    const { backend, starts } = prepare({ app: "sleep 0.1; exit 3" });
    const display = await backend.create(parseMode("1280x720@60"));
    expect(await display.ended).toBe("The application has ended.");
    await display.destroy();
    expect((await starts()).map(isAlive)).toEqual([false]);
  });

  test("says why there is none", async () => {
    const mode = parseMode("1280x720@60");
    await expect(prepare({ fails: true }).backend.create(mode)).rejects.toThrow(
      "gamescope ended with status 1: The graphics driver can't share pictures",
    );
    await expect(prepare({ fails: true, version: "3.11.49" }).backend.create(mode)).rejects.toThrow(
      "gamescope 3.11.49 can't run without a screen: 3.16.22 can.",
    );
    const { backend } = prepare({ app: "no-such-game" });
    await expect(backend.create(mode)).rejects.toThrow('"no-such-game" was not found');
    const env = { ...process.env, PATH: folder, XDG_RUNTIME_DIR: "/nonexistent" };
    const silent = new GamescopeDisplays({ app: "/bin/true", env });
    await expect(silent.create(mode)).rejects.toThrow("none is at /nonexistent/pipewire-0");
    const missing = new GamescopeDisplays({ env: { PATH: "/nonexistent" } });
    await expect(missing.create(mode)).rejects.toThrow("gamescope is not installed");
  });
});
