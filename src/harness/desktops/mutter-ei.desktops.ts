import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { nativeProgram } from "../../ffi/build.ts";
import { EiDevices } from "../../ffi/ei/ei.ts";
import { Bus } from "../../host/bus/bus.ts";
import { until } from "../processes.ts";
import { startSession } from "./session.testing.ts";

const service = "org.gnome.Mutter.RemoteDesktop";
/** From the window's focus to its pointer, which nothing tells. */
const settleMs = 500;

/** The descriptor of a session that may give input. */
async function connectToEis(bus: Bus): Promise<number> {
  const owner = { destination: service, path: "/org/gnome/Mutter/RemoteDesktop" };
  let path = "";
  const create = async () => {
    [path] = (await bus.call({ ...owner, interface: service, member: "CreateSession" })) as [
      string,
    ];
    return true;
  };
  await until(() => create().catch(() => false), "the service", 20_000);
  const session = { destination: service, path, interface: `${service}.Session` };
  await bus.call({ ...session, member: "Start" });
  const connect = { member: "ConnectToEIS", signature: "a{sv}", body: [{}] };
  return bus.callForDescriptor({ ...session, ...connect });
}

test("Mutter 48 takes keys, text, the mouse, its wheel and fingers by libei", async () => {
  await using session = await startSession({
    compositor: [
      ...["mutter", "--headless", "--no-x11", "--wayland-display", "wayland-test"],
      ...["--virtual-monitor", "1280x720"],
    ],
    socket: "wayland-test",
  });
  const bus = await Bus.connect(session.env["DBUS_SESSION_BUS_ADDRESS"] as string);
  const input = new EiDevices({ server: { fd: await connectToEis(bus) } });
  try {
    const file = join(session.folder, "lines");
    const program = nativeProgram("release", "test/desktop_client");
    session.start("sh", "-c", `exec ${program} still > ${file}`);
    const lines = async () => (await readFile(file, "utf8").catch(() => "")).split("\n");
    const sees = (what: RegExp) =>
      until(async () => (await lines()).some((line) => what.test(line)), `${what}`, 20_000);
    await sees(/^focus$/);
    await Bun.sleep(settleMs);
    // The window of 640x480 is in the middle of the output.
    input.position(32_768, 32_768);
    await sees(/^at 319\.\d+ 239\.\d+$/);
    input.motion(4, -4);
    await sees(/^at 323\.\d+ 235\.\d+$/);
    input.button(0x110, true);
    input.button(0x110, false);
    await sees(/^button 272 0$/);
    input.scroll(0, 120);
    await sees(/^discrete 0 1$/);
    expect(input.text("Hey @ Mutter\n")).toBe(true);
    expect(input.text("世界")).toBe(false);
    await sees(/^key 28 0$/);
    const typed = (await lines())
      .filter((line) => line.startsWith("character"))
      .map((line) => String.fromCodePoint(Number.parseInt(line.slice(12), 16)));
    expect(typed.join("")).toBe("Hey @ Mutter\r");
    input.touch(3, "down", 32_768, 32_768);
    await sees(/^touch \d+ down 319\.\d+ 239\.\d+$/);
    input.touch(3, "up", 0, 0);
    await sees(/^touch \d+ up$/);
    input.key(31, true);
    await sees(/^key 31 1$/);
    input.close();
    await sees(/^key 31 0$/);
  } finally {
    input.close();
    await bus.close();
  }
}, 90_000);
