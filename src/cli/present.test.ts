import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDisplay } from "../ffi/present/present.testing.ts";
import { until } from "../harness/processes.ts";
import { Program, programCommand, startHostProgram } from "../harness/program.ts";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "punktfunk-present-"));
  await chmod(folder, 0o777);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const missing = ["sway", "Xvfb", "xdotool", "foot"].filter((name) => Bun.which(name) === null);

test.skipIf(missing.length > 0)(
  "keys in the window reach the desktop, F11 stays here, and closing it ends the client in order",
  async () => {
    const file = join(folder, "typed");
    const host = await startHostProgram(join(folder, "window"), [
      ...["--source", "sway", "--encoder", "software"],
      ...["--app", `foot sh -c 'cat > ${file}'`],
    ]);
    const display = await TestDisplay.start({ width: 640, height: 360 });
    try {
      const client = new Program(
        [
          ...["connect", `127.0.0.1:${host.port}`, "--fingerprint", host.fingerprint],
          ...["--present", "window", "--mode", "640x360@60", "--json"],
        ],
        {
          home: join(folder, "client"),
          env: { DISPLAY: display.name, WAYLAND_DISPLAY: undefined },
        },
      );
      await client.line("stats");
      // The terminal's own background, not the black of an empty screen.
      const shot = await display.screenshot();
      expect(shot.pixel(600, 300)).not.toEqual([0, 0, 0]);
      await display.xdotool("type", "--delay", "15", "Hello 123");
      await display.xdotool("key", "--delay", "15", "F11", "shift+a", "Return");
      await until(async () => (await Bun.file(file).text()) !== "", "what was typed");
      expect(await Bun.file(file).text()).toBe("Hello 123A\n");
      await display.xdotool("key", "ctrl+alt+shift+q");
      expect(await client.exited).toBe(0);
      const summary = client.lines.at(-1) as Record<string, Record<string, unknown>>;
      expect(summary["frames"]?.["presented"]).toBeGreaterThan(2);
      expect(summary["latencyUs"]?.["captureToPresented"]).not.toBeNull();
      expect(summary["stagesUs"]?.["present"]).not.toBeNull();
    } finally {
      await host.program.end();
      await display.stop();
    }
  },
);

describe.skipIf(Bun.which("tmux") === null)("in a terminal", () => {
  test("a person is asked whether the host is the right one, then sees it; Ctrl-C ends both", async () => {
    const host = await startHostProgram(join(folder, "terminal"), [
      ...["--source", "synthetic", "--encoder", "software"],
    ]);
    const socket = join(folder, "tmux");
    const tmux = async (...words: string[]): Promise<string> =>
      (await Bun.$`tmux -u -S ${socket} -f /dev/null ${words}`.quiet()).stdout.toString();
    const screen = () => tmux("capture-pane", "-p", "-e");
    const connect =
      `env -u DISPLAY -u WAYLAND_DISPLAY PUNKTFUNK_HOME=${join(folder, "person")} ` +
      `${programCommand.join(" ")} connect 127.0.0.1:${host.port} --mode 640x360@30 ` +
      `--present terminal`;
    const command = `${connect}; echo "first $?"; ${connect}; echo "ended $?"; sleep 60`;
    await tmux("new-session", "-d", "-x", "110", "-y", "30", command);
    try {
      const short = host.fingerprint.slice(0, 8);
      const asked = async () => (await tmux("capture-pane", "-p")).replaceAll(/[\s:│]/g, "");
      await until(async () => (await asked()).includes(short), "the question");
      await tmux("send-keys", "C-c");
      await until(async () => (await asked()).includes("first130"), "the end of the first");
      await until(async () => (await asked()).split(short).length > 2, "the question again");
      await tmux("send-keys", "y");
      const cells = (text: string) => text.split("\x1b[").filter((part) => /[34]8;2;/.test(part));
      await until(async () => cells(await screen()).length > 500, "the picture");
      await tmux("send-keys", "C-c");
      await until(async () => (await screen()).includes("ended "), "the end");
      expect(await screen()).toContain("ended 130");
      // The screen from before is back, with the summary under it.
      expect(await tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}")).toBe("0 1\n");
    } finally {
      await tmux("kill-server");
      await host.program.end();
    }
  });
});
