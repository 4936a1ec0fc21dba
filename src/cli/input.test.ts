/** What a person or a script gives as input on the client arrives in the host's desktop. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDisplay } from "../ffi/present/present.testing.ts";
import { until } from "../harness/processes.ts";
import { Program, startHostProgram } from "../harness/program.ts";
import { Tmux, tmuxMissing } from "../harness/tmux.ts";

let folder: string;
let display: TestDisplay;

const missing = ["sway", "Xvfb", "xdotool", "setxkbmap", "foot"].filter((name) => !Bun.which(name));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "punktfunk-keyboard-"));
  await chmod(folder, 0o777);
  if (missing.length > 0) return;
  display = await TestDisplay.start({ width: 640, height: 360 });
  await display.keyboard("de");
});

afterAll(async () => {
  if (missing.length === 0) await display.stop();
  await rm(folder, { recursive: true, force: true });
});

/** Presses keys of a German keyboard by X's codes: AltGr+Q, Z's place, AltGr+E, minus, Return. */
async function typeGerman(): Promise<void> {
  const altGr = "108";
  await display.xdotool("keydown", altGr, "key", "24", "keyup", altGr);
  await display.xdotool("key", "--delay", "15", "29", "47", "61");
  await display.xdotool("keydown", altGr, "key", "26", "keyup", altGr, "key", "36");
}
const german = "@zö-€\n";

/** What arrives in a terminal of a host's desktop, with these flags of both ends. */
async function arrives(hostFlags: readonly string[], clientFlags: readonly string[]) {
  const name = [...hostFlags, ...clientFlags].join("").replaceAll("-", "");
  const file = join(folder, `${name}.txt`);
  const host = await startHostProgram(join(folder, `host${name}`), [
    ...["--source", "sway", "--encoder", "software", ...hostFlags],
    ...["--app", `foot sh -c 'cat > ${file}'`],
  ]);
  try {
    const client = new Program(
      [
        ...["connect", `127.0.0.1:${host.port}`, "--fingerprint", host.fingerprint],
        ...["--present", "window", "--mode", "640x360@60", "--json", ...clientFlags],
      ],
      { home: join(folder, "client"), env: { DISPLAY: display.name, WAYLAND_DISPLAY: undefined } },
    );
    await client.line("stats");
    await typeGerman();
    await until(() => readable(file), "what was typed");
    await display.xdotool("key", "ctrl+alt+shift+q");
    expect(await client.exited).toBe(0);
    const summary = client.lines.at(-1) as unknown as { input: Record<string, number> };
    return { text: await Bun.file(file).text(), input: summary.input };
  } finally {
    await host.program.end();
  }
}

/** At once with the others that mostly wait; those with the window need the only keyboard. */
const alongside = (canRun: boolean) => (canRun ? test.concurrent : test.skip);

alongside(Bun.which("sway") !== null)(
  "a script of input reaches the desktop, and the summary counts it",
  async () => {
    const file = join(folder, "scripted.txt");
    const script = join(folder, "script");
    const lines = [
      ...["wait 100ms", "key LEFTSHIFT+P", "text ünktfunk", "key A down", "at 0.5 0.5"],
      ...["scroll 0 0.5", "touch 0 down 0.2 0.2", "touch 0 up 0.2 0.2", "key A up", "key ENTER"],
    ];
    await Bun.write(script, lines.join("\n"));
    const host = await startHostProgram(join(folder, "host-scripted"), [
      ...["--source", "sway", "--encoder", "software"],
      ...["--app", `foot sh -c 'cat > ${file}'`],
    ]);
    try {
      const connect = ["connect", `127.0.0.1:${host.port}`, "--fingerprint", host.fingerprint];
      const home = { home: join(folder, "client") };
      const flags = ["--present", "none", "--mode", "640x360@60", "--json"];
      const client = new Program([...connect, ...flags, "--input-test", script], home);
      await until(() => readable(file), "what was typed");
      expect(await Bun.file(file).text()).toBe("Pünktfunka\n");
      await client.end();
      const summary = client.lines.at(-1) as unknown as { input: Record<string, number> };
      const sent = { key: 8, button: 0, motion: 0, position: 1, scroll: 1, touch: 2, text: 1 };
      expect(summary.input).toEqual(sent);
      const usual = new Program(
        [...connect, ...flags, "--input-test", "--duration", "700ms"],
        home,
      );
      expect(await usual.exited).toBe(0);
      expect(usual.lines.at(-1)).toMatchObject({ input: { key: expect.any(Number) } });
      const wrong = new Program([...connect, "--input-test", "/nonexistent", "--json"], home);
      expect(await wrong.exited).toBe(2);
    } finally {
      await host.program.end();
    }
  },
  15_000,
);

alongside(tmuxMissing === undefined && Bun.which("sway") !== null)(
  "what is typed into the terminal that shows the picture arrives as well",
  async () => {
    const file = join(folder, "terminal.txt");
    const host = await startHostProgram(join(folder, "host-terminal"), [
      ...["--source", "sway", "--encoder", "software"],
      ...["--app", `foot sh -c 'cat > ${file}'`],
    ]);
    const connect = ["connect", `127.0.0.1:${host.port}`, "--fingerprint", host.fingerprint];
    const flags = ["--mode", "640x360@30", "--present", "terminal"];
    const script = Tmux.punktfunk(join(folder, "person"), ...connect, ...flags);
    await using terminal = await Tmux.open(`${script}; echo "ended $?"; sleep 60`);
    try {
      await until(async () => /[34]8;2;/.test(await terminal.colours()), "the picture", 10_000);
      await terminal.type("-l", "grün @€ ");
      await terminal.type("x", "BSpace", "y", "Enter");
      await until(() => readable(file), "what was typed");
      expect(await Bun.file(file).text()).toBe("grün @€ y\n");
      await terminal.type("C-c");
      await terminal.shows("ended 130");
    } finally {
      await host.program.end();
    }
  },
  15_000,
);

const readable = async (file: string) =>
  (await Bun.file(file)
    .text()
    .catch(() => "")) !== "";

describe.skipIf(missing.length > 0)("a German keyboard", () => {
  test("types by its places into a desktop that takes the client's layout", async () => {
    const { text, input } = await arrives([], []);
    expect(text).toBe(german);
    expect(input).toMatchObject({ text: 0 });
  });

  test("types text into a desktop whose layout is another one", async () => {
    const { text, input } = await arrives(["--keyboard-layout", "us"], []);
    expect(text).toBe(german);
    expect(input).toMatchObject({ text: 5 });
  });
});
