import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nativeProgram } from "../../ffi/build.ts";
import { EiDevices } from "../../ffi/ei/ei.ts";
import { Bus } from "../../host/bus/bus.ts";
import { until } from "../processes.ts";
import { startKwin } from "./kwin.testing.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "pf-kwin-"));
});
afterAll(() => rm(home, { recursive: true }));

/** Keyboard, pointers, touch, scrolling and buttons, as libei numbers them. */
const everything = 63;

test("KWin 6.3 takes keys, text, the mouse, its wheel and fingers by libei", async () => {
  await using session = await startKwin(home, { permits: true });
  const file = join(session.folder, "lines");
  const program = nativeProgram("release", "test/desktop_client");
  session.start("sh", "-c", `exec ${program} still > ${file}`);
  const lines = async () => (await readFile(file, "utf8").catch(() => "")).split("\n");
  const sees = (what: string | RegExp) =>
    until(
      async () => (await lines()).some((line) => line === what || line.match(what) !== null),
      `${what}`,
      20_000,
    );
  await sees("focus");
  const bus = await Bus.connect(session.env["DBUS_SESSION_BUS_ADDRESS"] as string);
  try {
    const fd = await bus.callForDescriptor({
      destination: "org.kde.KWin",
      path: "/org/kde/KWin/EIS/RemoteDesktop",
      interface: "org.kde.KWin.EIS.RemoteDesktop",
      member: "connectToEIS",
      signature: "i",
      body: [everything],
    });
    const input = new EiDevices({ server: { fd } });
    input.position(32_768, 32_768);
    // The window of 640x480 is in the middle of the output.
    await sees(/^at 319\.\d+ 239\.\d+$/);
    input.button(0x111, true);
    input.button(0x111, false);
    await sees("button 273 0");
    input.scroll(0, 120);
    await sees(/^axis 0 \d+/);
    input.scroll(0, 30);
    input.key(30, true);
    input.key(30, false);
    await sees("key 30 0");
    const from = (await lines()).length;
    expect(input.text("Hey @ KWin\n")).toBe(true);
    expect(input.text("世界")).toBe(false);
    await sees("key 28 0");
    const typed = (await lines())
      .slice(from - 1)
      .filter((line) => line.startsWith("character"))
      .map((line) => String.fromCodePoint(Number.parseInt(line.slice(12), 16)));
    expect(typed.join("")).toBe("Hey @ KWin\r");
    input.touch(3, "down", 32_768, 32_768);
    await sees(/^touch \d+ down 319\.\d+ 239\.\d+$/);
    input.touch(3, "move", 33_768, 32_768);
    await sees(/^touch \d+ move 339\.\d+ 239\.\d+$/);
    input.touch(3, "up", 0, 0);
    await sees(/^touch \d+ up$/);
    input.key(31, true);
    await sees("key 31 1");
    input.close();
    await sees("key 31 0");
  } finally {
    await bus.close();
  }
}, 90_000);
