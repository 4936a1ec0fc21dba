import { describe, expect, test } from "bun:test";
import { type ImportSources, importVariables, parseEnvironment } from "./environment.ts";
import { lockHolder } from "./listener.ts";
import { compareVersions, versionIn } from "./readiness.ts";
import { RegistryReader } from "./wayland-registry.ts";
import { releaseVersion } from "./x11.ts";
import { displayNumber, findCookie } from "./x11-setup.ts";

const none: ImportSources = {
  env: {},
  manager: undefined,
  sockets: { runtimeFolder: undefined, wayland: [], sway: [], hyprland: [], bus: false },
  isToldAlive: false,
};
const here = {
  runtimeFolder: "/run/user/7",
  wayland: ["wayland-1"],
  sway: ["sway-ipc.7.12.sock"],
  hyprland: ["abc_1"],
  bus: true,
};

describe("the desktop's environment", () => {
  test("is left as it is where it is set", () => {
    const env = Object.fromEntries(
      importVariables({ ...none, sockets: here }).map(({ name }) => [name, "set"]),
    );
    expect(importVariables({ ...none, env, sockets: here })).toEqual([]);
  });

  test("comes from systemd's manager before it comes from sockets", () => {
    const imported = importVariables({
      ...none,
      env: { XDG_RUNTIME_DIR: "/run/user/7" },
      manager: { WAYLAND_DISPLAY: "wayland-5", XDG_CURRENT_DESKTOP: "GNOME" },
      sockets: here,
      isToldAlive: true,
    });
    const wayland = imported.find(({ name }) => name === "WAYLAND_DISPLAY");
    expect(wayland).toMatchObject({ value: "wayland-5", from: "systemd's user manager" });
    expect(imported.find(({ name }) => name === "XDG_CURRENT_DESKTOP")?.value).toBe("GNOME");
  });

  test("of a desktop that has ended is not believed", () => {
    const imported = importVariables({
      ...none,
      manager: { WAYLAND_DISPLAY: "wayland-5", SWAYSOCK: "/run/user/7/sway-ipc.7.9.sock" },
      sockets: here,
    });
    const value = (wanted: string) => imported.find(({ name }) => name === wanted)?.value;
    expect(value("WAYLAND_DISPLAY")).toBe("wayland-1");
    expect(value("SWAYSOCK")).toBe("/run/user/7/sway-ipc.7.12.sock");
  });

  test("is found by its sockets, and it is told by which", () => {
    const imported = importVariables({ ...none, sockets: here });
    expect(imported.map(({ name, value, from }) => [name, value, from])).toEqual([
      ["XDG_RUNTIME_DIR", "/run/user/7", "this user's runtime folder"],
      ["DBUS_SESSION_BUS_ADDRESS", "unix:path=/run/user/7/bus", "/run/user/7/bus"],
      ["WAYLAND_DISPLAY", "wayland-1", "/run/user/7/wayland-1"],
      ["SWAYSOCK", "/run/user/7/sway-ipc.7.12.sock", "/run/user/7/sway-ipc.7.12.sock"],
      ["HYPRLAND_INSTANCE_SIGNATURE", "abc_1", "/run/user/7/hypr/abc_1"],
    ]);
  });

  test("is nothing where nothing is", () => {
    expect(importVariables(none)).toEqual([]);
  });

  test("as systemctl quotes it", () => {
    const text = "A=plain=1\nB=$'two\\nlines \\'q\\' \\x41'\nnot a line\nC=\n";
    expect(parseEnvironment(text)).toEqual({ A: "plain=1", B: "two\nlines 'q' A", C: "" });
  });
});

/** Messages as a compositor sends them. */
function message(object: number, opcode: number, body: Uint8Array): Uint8Array {
  const head = new Uint32Array([object, ((8 + body.length) << 16) | opcode]);
  return Buffer.concat([new Uint8Array(head.buffer), body]);
}
function global(name: string, version: number): Uint8Array {
  const text = Buffer.alloc(Math.ceil((name.length + 1) / 4) * 4);
  text.write(name, "latin1");
  const words = (...values: number[]) => new Uint8Array(new Uint32Array(values).buffer);
  const body = Buffer.concat([words(1, name.length + 1), text, words(version)]);
  return message(2, 0, body);
}
const done = message(3, 0, new Uint8Array(4));

describe("a compositor's list of globals", () => {
  test("is read in pieces of any size", () => {
    const all = Buffer.concat([global("wl_shm", 1), global("wl_output", 4), done]);
    for (const size of [1, 3, 7, 64, all.length]) {
      const reader = new RegistryReader();
      for (let at = 0; at < all.length; at += size) {
        expect(reader.take(all.subarray(at, at + size))).toBeUndefined();
      }
      expect(reader.isDone).toBe(true);
      expect([...reader.globals]).toEqual([
        ["wl_shm", 1],
        ["wl_output", 4],
      ]);
    }
  });

  test.each([
    ["another protocol", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ["a length below the header", Buffer.from(new Uint32Array([2, 4 << 16]).buffer)],
    [
      "a string longer than its message",
      message(2, 0, new Uint8Array([1, 0, 0, 0, 255, 0, 0, 0, 1, 0, 0, 0])),
    ],
    ["a string that is not there", message(2, 0, new Uint8Array(4))],
    ["an error", message(1, 0, new Uint8Array(12))],
  ])("is refused when it is %s", (_what, bytes) => {
    expect(new RegistryReader().take(Buffer.from(bytes))).toBeString();
  });

  test("ends at a bound", () => {
    const reader = new RegistryReader();
    const chunk = Buffer.from(global("x".repeat(60_000), 1));
    const problems = Array.from({ length: 20 }, () => reader.take(chunk));
    expect(problems.at(-1)).toContain("no end");
  });

  test("survives any bytes", () => {
    for (let seed = 1; seed < 2000; seed++) {
      const bytes = Buffer.concat([global("wl_shm", 1), global("wl_seat", 7), done]);
      bytes[(seed * 7919) % bytes.length] = seed & 255;
      const reader = new RegistryReader();
      reader.take(bytes);
      expect(reader.globals.size).toBeLessThanOrEqual(2);
    }
  });
});

describe("small readers", () => {
  test("the holder of a lock", () => {
    const locks =
      "1: POSIX  ADVISORY  WRITE 11 fe:00:99 0 EOF\n2: FLOCK  ADVISORY  WRITE 42 fe:00:99 0 EOF\n";
    expect(lockHolder(locks, 99)).toBe(42);
    expect(lockHolder(locks, 9)).toBeUndefined();
  });

  test("versions order by their numbers", () => {
    expect(compareVersions("6.5.6", "6.5.10")).toBe(-1);
    expect(compareVersions("3.16.22", "3.16.22")).toBe(0);
    expect(compareVersions("3.17", "3.16.22")).toBe(1);
    expect(versionIn("gamescope version 3.16.22-1 (gcc 14.2.0)")).toBe("3.16.22");
    expect(versionIn("nothing")).toBeNull();
  });

  test("displays of this machine, and none of another", () => {
    expect([":0", ":12.0", "unix:3", "far:0", ""].map(displayNumber)).toEqual([
      0,
      12,
      3,
      undefined,
      undefined,
    ]);
    expect(releaseVersion("The X.Org Foundation", 12_101_007)).toBe("21.1.7");
    expect(releaseVersion("The X.Org Foundation", 12_014_000)).toBe("1.20.14");
  });

  test("the cookie of a display, whatever else is in the file", () => {
    const field = (text: string) => {
      const head = Buffer.alloc(2);
      head.writeUInt16BE(text.length);
      return Buffer.concat([head, Buffer.from(text, "latin1")]);
    };
    const entry = (number: string, data: string) =>
      Buffer.concat([
        Buffer.from([1, 0]),
        ...["here", number, "MIT-MAGIC-COOKIE-1", data].map(field),
      ]);
    const file = Buffer.concat([entry("1", "one"), entry("2", "two")]);
    expect(findCookie(file, 2, "here").toString()).toBe("two");
    expect(findCookie(file, 2, "elsewhere").length).toBe(0);
    expect(() => findCookie(file.subarray(0, 20), 2, "here")).toThrow();
  });
});
