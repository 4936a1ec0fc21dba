import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nativeProgram } from "../build.ts";

const fixture = join(import.meta.dir, "terminal-input.fixture.ts");
const fuzzRuns = process.env["CI"] === undefined ? 30_000 : 1_000_000;
/** The first run compiles. */
const buildMs = 120_000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "punktfunk-keys-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

test(
  "what terminals send is understood, whole or in single bytes",
  async () => {
    const run = await Bun.$`${nativeProgram("sanitize", "test/terminal_keys_test")}`
      .quiet()
      .nothrow();
    expect(run.stderr.toString()).toBe("");
    expect(run.exitCode).toBe(0);
  },
  buildMs,
);

test(
  "whatever else a terminal sends does no harm",
  async () => {
    const program = nativeProgram("fuzz", "fuzz/terminal_keys_fuzz");
    const corpus = join(folder, "corpus");
    await Bun.$`mkdir ${corpus}`;
    const seeds = ["\x1b[?31u\x1b[97:65:97;2:1;65u\x1b[1;5A", "\x1b[<35;10;5M\x1b[200~a\x1b[201~"];
    for (const [i, seed] of seeds.entries()) await writeFile(join(corpus, `${i}`), `\0\x0f${seed}`);
    const args = [`-runs=${fuzzRuns}`, "-max_len=256", corpus];
    const run = await Bun.$`nice -n 10 ${program} ${args}`.cwd(folder).quiet().nothrow();
    expect(run.exitCode, run.stderr.toString()).toBe(0);
  },
  buildMs,
);

describe.skipIf(Bun.which("tmux") === null)("in tmux", () => {
  /** A server of its own for each test: one that is going away takes no new session. */
  let servers = 0;
  const socket = () => join(folder, `tmux-${servers}`);
  beforeEach(() => {
    servers++;
  });
  const tmux = async (...words: string[]): Promise<string> =>
    (await Bun.$`tmux -u -S ${socket()} -f /dev/null ${words}`.quiet()).stdout.toString();

  async function eventually(what: string, ask: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + 4500;
    while (!(await ask())) {
      if (performance.now() > deadline) throw new Error(`${what} did not come`);
      await Bun.sleep(20);
    }
  }

  test("keys, text and the mouse come as events, and the terminal is as before at the end", async () => {
    const file = join(folder, "events");
    await writeFile(file, "");
    const lines = async () => (await readFile(file, "utf8")).trim().split("\n");
    const run = `${process.execPath} ${fixture} ${file}`;
    await tmux(
      ...["new-session", "-d", "-x", "80", "-y", "24"],
      `stty -a > ${file}.before; ${run}; stty -a > ${file}.after; sleep 60`,
    );
    try {
      const mouse = () => tmux("display-message", "-p", "#{mouse_all_flag}#{mouse_sgr_flag}");
      await eventually("the mouse's mode", async () => (await mouse()).startsWith("11"));
      await eventually("the start", async () => (await lines())[0]?.startsWith("started") === true);
      const coloured = async () => /[34]8;2;/.test(await tmux("capture-pane", "-p", "-e"));
      await eventually("the picture", coloured);
      await tmux("send-keys", "-l", "grün @");
      await tmux("send-keys", "Enter", "Up", "C-z", "M-x", "F5", "BTab");
      // The picture is 80 by 22.5 cells: the middle, a click at the upper left, a notch down.
      for (const sent of ["35;40;12M", "0;1;1M", "0;1;1m", "65;1;1M"]) {
        await tmux("send-keys", "-l", `\x1b[<${sent}`);
      }
      await eventually("the wheel", async () => (await lines()).includes("scroll 0 120"));
      const [, ...seen] = await lines();
      const typed = seen.filter((line) => line.startsWith("text")).join("");
      expect(typed.replaceAll("text 0 0 ", "").replaceAll("text 0 0", " ")).toBe("grün @");
      const keys = seen.filter((line) => line.startsWith("key"));
      const tap = (usage: number, ...held: number[]) => [
        ...held.map((each) => `key ${each} 1`),
        ...[`key ${usage} 1`, `key ${usage} 0`],
        ...held.reverse().map((each) => `key ${each} 0`),
      ];
      const [enter, up, z, x, f5, tab] = [40, 82, 29, 27, 62, 43];
      const [ctrl, shift, alt] = [224, 225, 226];
      expect(keys).toEqual([
        ...[...tap(enter), ...tap(up), ...tap(z, ctrl), ...tap(x, alt)],
        ...[...tap(f5), ...tap(tab, shift)],
      ]);
      const pointed = seen.filter((line) => /^(position|button|scroll)/.test(line));
      expect(pointed[0]).toMatch(/^position 323\d\d 3\d{4}$/);
      expect(pointed.slice(2)).toEqual(["button 1 1", "button 1 0", "scroll 0 120"]);
      await tmux("send-keys", "C-c");
      const after = async () => readFile(`${file}.after`, "utf8").catch(() => "");
      await eventually("the end", async () => (await after()) !== "");
      expect(await after()).toBe(await readFile(`${file}.before`, "utf8"));
      expect(await mouse()).toStartWith("00");
    } finally {
      await tmux("kill-server");
    }
  });

  test("while a question is open the keys are left to it", async () => {
    const file = join(folder, "held");
    await writeFile(file, "");
    const text = () => readFile(file, "utf8");
    await tmux(
      ...["new-session", "-d", "-x", "80", "-y", "24"],
      `exec ${process.execPath} ${fixture} ${file}`,
    );
    try {
      const mouse = () => tmux("display-message", "-p", "#{mouse_all_flag}");
      const pid = (await tmux("display-message", "-p", "#{pane_pid}")).trim();
      await eventually("the mouse's mode", async () => (await mouse()).startsWith("1"));
      await Bun.$`kill -USR1 ${pid}`;
      await eventually("the end of the mode", async () => (await mouse()).startsWith("0"));
      await tmux("send-keys", "-l", "left");
      await tmux("send-keys", "-l", "more");
      expect(await text()).not.toContain("left");
      await Bun.$`kill -USR2 ${pid}`;
      await eventually("the mode again", async () => (await mouse()).startsWith("1"));
      await tmux("send-keys", "-l", "taken");
      await eventually("what was typed then", async () => /taken/.test(await text()));
    } finally {
      await tmux("kill-server");
    }
  });
});
