import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { familyOf, type ProcessMark, stillRunning, until } from "../harness/processes.ts";
import { Program, programCommand } from "../harness/program.ts";

let home: string;
/** The demo makes its folders here, so that a forgotten one is seen. */
let temporary: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "punktfunk-demotest-"));
  temporary = await mkdtemp(join(home, "tmp-"));
});

afterAll(async () => {
  await rm(home, { recursive: true, force: true });
});

const foldersOf = (family: readonly ProcessMark[]) => [
  ...new Set(
    family.flatMap(({ command }) => command.match(/\/\S*\/punktfunk-\d+-[0-9a-f]+/) ?? []),
  ),
];

/** Neither a process nor a folder of the demo is there any more. */
async function nothingStays(family: readonly ProcessMark[]): Promise<void> {
  await until(() => stillRunning(family).length === 0, "the end of the demo");
  expect(foldersOf(family).filter(existsSync)).toEqual([]);
  expect(readdirSync(temporary)).toEqual([]);
}

test("the demo for scripts ends with the summary, and nothing of it stays", async () => {
  const demo = new Program(["demo", "--duration", "3", "--mode", "640x360@60", "--json"], {
    home,
    env: { TMPDIR: temporary, DISPLAY: undefined, WAYLAND_DISPLAY: undefined },
  });
  await demo.line("stats");
  const family = familyOf(demo.process.pid);
  expect(family.length).toBeGreaterThan(2);
  expect(await demo.exited).toBe(0);
  const summary = demo.lines.at(-1) as Record<string, Record<string, number>> & { type: string };
  expect(summary.type).toBe("summary");
  expect(summary["frames"]?.["decoded"]).toBeGreaterThan(20);
  expect(summary["frames"]?.["lost"]).toBe(0);
  await nothingStays(family);
});

test("the demo ended from outside ends with 130, and nothing of it stays", async () => {
  const demo = new Program(["demo", "--mode", "640x360@60", "--json"], {
    home,
    env: { TMPDIR: temporary, DISPLAY: undefined, WAYLAND_DISPLAY: undefined },
  });
  await demo.line("stats");
  const family = familyOf(demo.process.pid);
  expect(await demo.end()).toBe(130);
  expect(demo.lines.at(-1)?.type).toBe("summary");
  await nothingStays(family);
});

describe.skipIf(Bun.which("tmux") === null)("in a terminal", () => {
  const socket = () => join(home, "tmux");
  const tmux = async (...words: string[]): Promise<string> =>
    (await Bun.$`tmux -u -S ${socket()} -f /dev/null ${words}`.quiet()).stdout.toString();
  const screen = () => tmux("capture-pane", "-p", "-e");

  test("the demo shows a moving picture, and Ctrl-C ends all of it with 130", async () => {
    const command =
      `env -u DISPLAY -u WAYLAND_DISPLAY TMPDIR=${temporary} PUNKTFUNK_HOME=${home} ` +
      `${programCommand.join(" ")} demo --duration 30 --mode 640x360@60; echo "ended $?"; sleep 60`;
    await tmux("new-session", "-d", "-x", "100", "-y", "30", command);
    try {
      const pane = Number((await tmux("display-message", "-p", "#{pane_pid}")).trim());
      // True colours in half of the cells: a picture, and not words.
      const cells = (text: string) => text.split("\x1b[").filter((part) => /[34]8;2;/.test(part));
      let first = "";
      await until(
        async () => {
          first = await screen();
          return cells(first).length > 500;
        },
        "the picture",
        15_000,
      );
      await until(async () => (await screen()) !== first, "another picture");
      const family = familyOf(pane).slice(1);
      expect(family.length).toBeGreaterThan(3);
      await tmux("send-keys", "C-c");
      await until(async () => (await screen()).includes("ended "), "the end");
      expect(await screen()).toContain("ended 130");
      await nothingStays(family.filter(({ command: words }) => words !== "sleep 60"));
    } finally {
      await tmux("kill-server");
    }
  });
});
