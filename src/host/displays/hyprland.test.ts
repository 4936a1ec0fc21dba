import { afterEach, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatMode, parseMode } from "../../wire/mode.ts";
import { HyprlandDisplays } from "./hyprland.ts";

interface Monitor {
  width: number;
  height: number;
  refreshRate: number;
}

/** Answers requests as wiki.hypr.land has them; Hyprland itself draws on graphics cards only. */
class Peer implements AsyncDisposable {
  readonly monitors = new Map<string, Monitor>([
    ["DP-1", { width: 2560, height: 1440, refreshRate: 164.998 }],
  ]);
  readonly requests: string[] = [];
  /** Modes that it does not take. */
  refuses = /^$/;
  /** Whether its configuration is a Lua program. */
  isLua = false;
  readonly #listeners = new Set<Socket>();
  readonly #servers: Server[] = [];

  private constructor(readonly folder: string) {}

  static async start(): Promise<Peer> {
    const peer = new Peer(await mkdtemp(join(tmpdir(), "pf-hyprland-")));
    const place = join(peer.folder, "hypr/abc_123");
    await Bun.write(join(peer.folder, "wayland-1"), "");
    await Bun.write(join(place, "hyprland.lock"), "1\nwayland-1\n");
    await peer.#listen(join(place, ".socket.sock"), (socket) => {
      socket.on("data", (request: Buffer) => socket.end(peer.#answer(request.toString())));
    });
    await peer.#listen(join(place, ".socket2.sock"), (socket) => {
      peer.#listeners.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => peer.#listeners.delete(socket));
    });
    return peer;
  }

  get env(): Record<string, string> {
    return {
      HYPRLAND_INSTANCE_SIGNATURE: "abc_123",
      XDG_RUNTIME_DIR: this.folder,
      WAYLAND_DISPLAY: "wayland-1",
    };
  }

  tell(event: string): void {
    for (const socket of this.#listeners) socket.write(`${event}\n`);
  }

  end(): void {
    for (const socket of this.#listeners) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end();
    for (const server of this.#servers) server.close();
    await rm(this.folder, { recursive: true });
  }

  async #listen(path: string, onSocket: (socket: Socket) => void): Promise<void> {
    const server = createServer(onSocket);
    this.#servers.push(server);
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(path, resolve);
    await promise;
  }

  #answer(request: string): string {
    this.requests.push(request);
    const create = /^output create headless (\S+)$/.exec(request);
    const remove = /^output remove (\S+)$/.exec(request);
    const keyword = /^keyword monitor ([^,]+),(\d+)x(\d+)@([\d.]+),auto,1$/.exec(request);
    const lua =
      /^eval hl\.monitor\(\{ output = "([^"]+)", mode = "(\d+)x(\d+)@([\d.]+)", position = "auto", scale = 1 \}\)$/.exec(
        request,
      );
    const rule = this.isLua ? lua : keyword;
    if (request === "j/monitors") {
      return JSON.stringify([...this.monitors].map(([name, at]) => ({ id: 0, name, ...at })));
    }
    if (create !== null) {
      this.monitors.set(create[1] as string, { width: 1920, height: 1080, refreshRate: 60 });
      return "ok";
    }
    if (remove !== null) return this.monitors.delete(remove[1] as string) ? "ok" : "not found";
    if (rule === null) return "unknown request";
    const [, name, width, height, rate] = rule as unknown as string[];
    if (this.refuses.test(`${width}x${height}`)) return "ok"; // and nothing happens
    const mode = { width: Number(width), height: Number(height), refreshRate: Number(rate) };
    setTimeout(() => this.monitors.set(name as string, mode), 20);
    return "ok";
  }
}

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one[Symbol.asyncDispose]();
});

async function start(): Promise<Peer> {
  const peer = await Peer.start();
  open.push(peer);
  return peer;
}

test("a client gets an output of its own, which changes its mode and is removed", async () => {
  const peer = await start();
  const display = await new HyprlandDisplays({ env: peer.env }).create(parseMode("1366x768@75"));
  const [, [name]] = [...peer.monitors] as [unknown, [string]];
  expect(name).toMatch(/^punktfunk-[0-9a-f]{6}$/);
  expect([display.kind, formatMode(display.mode)]).toEqual(["hyprland", "1366x768@75"]);
  await display.reconfigure(parseMode("1280x720@59.94"));
  expect(peer.monitors.get(name)).toEqual({ width: 1280, height: 720, refreshRate: 59.94 });
  await display.destroy();
  expect([...peer.monitors.keys()]).toEqual(["DP-1"]);
});

test("a configuration in Lua is talked to in Lua", async () => {
  const peer = await start();
  peer.isLua = true;
  const display = await new HyprlandDisplays({ env: peer.env }).create(parseMode("1280x720@60"));
  expect(formatMode(display.mode)).toBe("1280x720@60");
  await display.destroy();
});

test("a mode that it does not take leaves the output as it was", async () => {
  const peer = await start();
  peer.refuses = /7680/;
  const display = await new HyprlandDisplays({ env: peer.env }).create(parseMode("1280x720@60"));
  await expect(display.reconfigure(parseMode("7680x4320@60"))).rejects.toMatchObject({
    code: "PF_MODE_REFUSED",
    message: expect.stringContaining("gave 1280x720@60 instead of 7680x4320@60"),
  });
  expect(formatMode(display.mode)).toBe("1280x720@60");
  await display.destroy();
});

test("two clients have two outputs", async () => {
  const peer = await start();
  const backend = new HyprlandDisplays({ env: peer.env });
  const both = await Promise.all(
    ["1280x720@60", "800x600@60"].map(parseMode).map((mode) => backend.create(mode)),
  );
  expect(peer.monitors.size).toBe(3);
  for (const display of both) await display.destroy();
  expect(peer.monitors.size).toBe(1);
});

test("its end is told, and that of its output", async () => {
  const peer = await start();
  const backend = new HyprlandDisplays({ env: peer.env });
  const mode = parseMode("1280x720@60");
  const [first, second] = [await backend.create(mode), await backend.create(mode)];
  const [, [name]] = [...peer.monitors] as [unknown, [string]];
  peer.tell(`workspace>>2\nmonitorremoved>>${name}`);
  expect(await first.ended).toBe("The output was removed.");
  peer.end();
  expect(await second.ended).toBe("Hyprland has ended.");
  for (const display of [first, second]) await display.destroy();
});

test("a Hyprland that is not there is missing with words", async () => {
  const create = (env: Record<string, string>) =>
    new HyprlandDisplays({ env }).create(parseMode("1280x720@60"));
  await expect(create({})).rejects.toThrow("$HYPRLAND_INSTANCE_SIGNATURE is not set");
  const env = { HYPRLAND_INSTANCE_SIGNATURE: "gone", XDG_RUNTIME_DIR: "/nonexistent" };
  await expect(create(env)).rejects.toThrow("No Hyprland is running here: It has ended.");
});
