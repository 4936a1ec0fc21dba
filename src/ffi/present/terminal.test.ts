import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PfError } from "../../base/errors.ts";
import { cardColours } from "./present.testing.ts";
import { restoreTerminal, TerminalPresenter } from "./terminal.ts";

const fixture = join(import.meta.dir, "terminal.fixture.ts");
const columns = 80;
const rows = 24;

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "punktfunk-terminal-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Waits until what is asked for again and again is as wanted. */
async function eventually<Value>(
  what: string,
  ask: () => Promise<Value> | Value,
  wanted: (value: Value) => boolean,
): Promise<Value> {
  const deadline = performance.now() + 5000;
  for (;;) {
    const value = await ask();
    if (wanted(value)) return value;
    if (performance.now() > deadline) throw new Error(`${what} did not come: ${value}`);
    await Bun.sleep(20);
  }
}

describe("in tmux", () => {
  /** A server of its own for each test: one that is going away takes no new session. */
  let servers = 0;
  const socket = () => join(folder, `tmux-${servers}`);
  const tmux = async (...words: string[]): Promise<string> =>
    (await Bun.$`tmux -u -S ${socket()} -f /dev/null ${words}`.quiet()).stdout.toString();

  afterEach(async () => {
    await tmux("kill-server");
  });

  /** Starts the fixture in a pane, after a line that restoring must bring back. */
  async function start(environment = "", format = ""): Promise<void> {
    const run = `${environment} exec ${process.execPath} ${fixture} ${format}`;
    const command = `echo before; (${run}); sleep 60`;
    const size = ["-x", `${columns}`, "-y", `${rows}`];
    servers++;
    await tmux("new-session", "-d", ...size, command);
    await eventually("the alternate screen", state, (now) => now.startsWith("1 0"));
  }

  const type = (line: string) => tmux("send-keys", line, "Enter");
  const screen = () => tmux("capture-pane", "-p");
  /** Alternate screen and visible cursor, 1 or 0 each, then the title of the running program. */
  const state = () => tmux("display-message", "-p", "#{alternate_on} #{cursor_flag}");

  async function fixturePid(): Promise<number> {
    const pane = (await tmux("display-message", "-p", "#{pane_pid}")).trim();
    const found = await Bun.$`pgrep -f terminal.fixture -P ${pane}`.nothrow().quiet();
    return Number.parseInt(found.stdout.toString(), 10);
  }

  async function quit() {
    await type("quit");
    const text = await eventually("the end", screen, (now) => now.includes("the end"));
    expect(text).toStartWith("before\n");
    expect(await state()).toStartWith("0 1");
    return summaryIn(text);
  }

  /** What the fixture printed at its end; long lines are wrapped. */
  const summaryIn = (text: string) =>
    JSON.parse(text.replace(/\n/g, "").match(/\{.*\}/)?.[0] ?? "{}");

  const shows = async () => {
    const cells = readCells(await tmux("capture-pane", "-p", "-e", "-N"));
    return cardError(cells) <= 6;
  };

  test.each(["i420", "bgrx"])("a picture in %s has its colours at its place", async (format) => {
    await start("", format);
    await eventually("the card", shows, (now) => now);
    const counted = await quit();
    expect(counted.drawsWith).toBe("half blocks, true colour");
    expect(counted.frames_presented).toBeGreaterThan(0);
    expect(counted.live).toBe(0);
    expect(counted.failures).toBe(0);
  });

  test("a terminal is not flooded: pictures beyond 30 a second are replaced", async () => {
    await start();
    await Bun.sleep(600);
    const counted = await quit();
    expect(counted.frames_replaced).toBeGreaterThan(0.3 * counted.frames_in);
    expect(counted.frames_presented).toBeLessThan(0.7 * counted.frames_in);
  });

  test("the overlay is the bottom line, with its control characters made harmless", async () => {
    await start();
    await type("overlay");
    const bottom = async () => (await screen()).split("\n")[rows - 1] ?? "";
    await eventually("the overlay", bottom, (line) => line.startsWith("60 fps  ÄÖ [2J  4.2 ms"));
    expect(await screen()).not.toContain("overlay");
    await quit();
  });

  test("a resized terminal gets the picture in its new size", async () => {
    await start();
    await eventually("the card", shows, (now) => now);
    await tmux("resize-window", "-x", "40", "-y", "12");
    const small = async () => {
      const cells = readCells(await tmux("capture-pane", "-p", "-e", "-N"));
      return cells[2]?.length === 40 && cardError(cells) <= 6;
    };
    await eventually("the smaller card", small, (now) => now);
    await quit();
  });

  test("a process that exits without a word leaves a usable terminal", async () => {
    await start();
    await eventually("the card", shows, (now) => now);
    await type("exit");
    await eventually("the terminal", state, (now) => now.startsWith("0 1"));
    expect(await screen()).toStartWith("before\n");
  });

  test("a process that is killed leaves a terminal that can be restored", async () => {
    await start();
    await eventually("the card", shows, (now) => now);
    process.kill(await fixturePid(), "SIGKILL");
    await eventually("its end", fixturePid, Number.isNaN);
    expect(await state()).toStartWith("1 0");
    restoreTerminal((await tmux("display-message", "-p", "#{pane_tty}")).trim());
    await eventually("the terminal", state, (now) => now.startsWith("0 1"));
  });

  test("Ctrl+S does not stop the picture, nor do keys show in it", async () => {
    await start();
    await eventually("the card", shows, (now) => now);
    await tmux("send-keys", "C-s");
    await type("nothing");
    await type("overlay");
    const bottom = async () => (await screen()).split("\n")[rows - 1] ?? "";
    await eventually("the overlay", bottom, (line) => line.startsWith("60 fps"));
    expect(await screen()).not.toContain("nothing");
    await quit();
  });

  test("a terminal that reads nothing holds nothing up, and is restored when it goes on", async () => {
    await start();
    await eventually("the card", shows, (now) => now);
    const child = await fixturePid();
    const server = Number(await tmux("display-message", "-p", "#{pid}"));
    process.kill(server, "SIGSTOP");
    await Bun.sleep(200);
    process.kill(child, "SIGTERM");
    await Bun.sleep(800);
    process.kill(server, "SIGCONT");
    const text = await eventually("the end", screen, (now) => now.includes("the end"));
    expect(text).toStartWith("before\n");
    expect(await state()).toStartWith("0 1");
    expect(summaryIn(text).stopMs).toBeLessThan(700);
  });
});

/** The bytes that a terminal of a kind would get, recorded from a pseudo terminal. */
async function record(environment: string): Promise<string> {
  const file = join(folder, "typescript");
  const shell = `stty cols 80 rows 24; ${environment} ${process.execPath} ${fixture}`;
  const child = Bun.spawn(["script", "--quiet", "--flush", "--command", shell, file], {
    env: { PATH: process.env["PATH"], TERM: "xterm" },
    stdin: "pipe",
    stdout: "pipe",
  });
  let output = "";
  for await (const chunk of child.stdout) {
    output += new TextDecoder().decode(chunk);
    if (output.split("\x1b[?2026l").length > 3 && !output.includes("quitting")) {
      child.stdin.write("quit\n");
      child.stdin.flush();
      output += "quitting";
    }
  }
  await child.exited;
  return readFileSync(file, "utf8");
}

test("a kitty gets its graphics, with the card's colours", async () => {
  const output = await record("TERM=xterm-kitty");
  expect(drawsWith(output)).toBe("kitty graphics");
  const [begin, ...chunks] = apcStrings(output);
  const width = Number(begin?.match(/,s=(\d+),/)?.[1]);
  expect(width).toBe(800);
  const payloads = chunks.slice(0, 40).map((chunk) => chunk.slice(chunk.indexOf(";") + 1));
  const rgba = Buffer.concat(payloads.map((payload) => Buffer.from(payload, "base64")));
  for (const [column, colour] of cardColours.entries()) {
    const at = (column + 0.5) * (width / 8) * 4;
    expect(colourError(rgba.subarray(at, at + 4), [...colour, 255])).toBeLessThan(6);
  }
});

/** The kitty commands that transmit a picture, from the first that begins one. */
function apcStrings(output: string): string[] {
  const all = output
    .split("\x1b_G")
    .slice(1)
    .map((text) => text.slice(0, text.indexOf("\x1b\\")));
  return all.slice(all.findIndex((text) => text.includes("a=T")));
}

/** What the fixture printed at its end. */
function drawsWith(output: string): string | undefined {
  return output.match(/"drawsWith":"([^"]*)"/)?.[1];
}

test("a terminal with sixels gets sixels", async () => {
  const output = await record("TERM=foot");
  expect(drawsWith(output)).toBe("sixel graphics");
  const [, picture] = output.split("\x1bP");
  const red = /#\d+;2;(?:100|99);[0-2];[0-2]/;
  expect(red.test((picture ?? "").split("\x1b\\")[0] ?? "")).toBe(true);
});

test("a terminal that only has colours gets half blocks", async () => {
  expect(drawsWith(await record("TERM=xterm-256color"))).toBe("half blocks, true colour");
  expect(drawsWith(await record("TERM=rxvt-unicode-256color"))).toBe("half blocks, 256 colours");
  expect(drawsWith(await record("TERM=linux"))).toBe("half blocks, 16 colours");
});

test("what is no terminal is refused with what else there is", () => {
  for (const terminal of ["/dev/null", join(tmpdir(), "no-such-terminal")]) {
    try {
      new TerminalPresenter({ terminal });
      expect.unreachable();
    } catch (error) {
      expect((error as PfError).code).toBe("PF_DISPLAY_MISSING");
      expect((error as PfError).message).toContain("--present window or none");
    }
  }
});

interface Cell {
  readonly character: string;
  readonly foreground: readonly number[];
  readonly background: readonly number[];
}

/** The cells of a pane as tmux writes them, with true colours. */
function readCells(text: string): Cell[][] {
  let foreground: readonly number[] = [];
  let background: readonly number[] = [];
  return text.split("\n").map((line) => {
    const [plain, ...coloured] = line.split("\x1b[");
    const cells: Cell[] = [];
    const add = (characters = "") => {
      for (const character of characters) cells.push({ character, foreground, background });
    };
    add(plain);
    for (const part of coloured) {
      const end = part.indexOf("m");
      const codes = part.slice(0, end).split(";").map(Number);
      if (codes.at(-5) === 38) foreground = codes.slice(-3);
      else if (codes.at(-5) === 48) background = codes.slice(-3);
      add(part.slice(end + 1));
    }
    return cells;
  });
}

function colourError(found: ArrayLike<number>, wanted: readonly number[]): number {
  return Math.max(...wanted.map((level, i) => Math.abs((found[i] ?? 1000) - level)));
}

/** Greatest difference of the middle of each field of the card from its colour. */
function cardError(cells: Cell[][]): number {
  const height = cells.length - 1;
  const width = Math.max(...cells.map((row) => row.length));
  const errors = [0.25, 0.75].flatMap((share, half) =>
    cardColours.map((_, column) => {
      const cell = cells[Math.floor(height * share)]?.[Math.floor(((column + 0.5) * width) / 8)];
      const wanted = cardColours[half === 0 ? column : 7 - column] as readonly number[];
      const found = cell?.character === "█" ? cell.foreground : cell?.background;
      return colourError(found ?? [], wanted);
    }),
  );
  return Math.max(...errors);
}
