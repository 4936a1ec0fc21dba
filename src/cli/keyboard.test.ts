/** Keyboards of both ends with different layouts: what a person types here arrives there. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TestDisplay } from "../ffi/present/present.testing.ts";
import { until } from "../harness/processes.ts";
import { Program, startHostProgram } from "../harness/program.ts";

let folder: string;
let display: TestDisplay;

const missing = ["sway", "Xvfb", "xdotool", "setxkbmap", "foot"].filter((name) => !Bun.which(name));

beforeAll(async () => {
  if (missing.length > 0) return;
  folder = await mkdtemp(join(tmpdir(), "punktfunk-keyboard-"));
  await chmod(folder, 0o777);
  display = await TestDisplay.start({ width: 640, height: 360 });
  await display.keyboard("de");
});

afterAll(async () => {
  if (missing.length > 0) return;
  await display.stop();
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
    await until(async () => (await Bun.file(file).text()) !== "", "what was typed");
    await display.xdotool("key", "ctrl+alt+shift+q");
    expect(await client.exited).toBe(0);
    const summary = client.lines.at(-1) as unknown as { input: Record<string, number> };
    return { text: await Bun.file(file).text(), input: summary.input };
  } finally {
    await host.program.end();
  }
}

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

  test("types what another layout makes of its places, when that is asked for", async () => {
    const { text } = await arrives(["--keyboard-layout", "us"], ["--keyboard", "codes"]);
    const alt = "\x1b"; // What a US keyboard has where AltGr is.
    expect(text).toBe(`${alt}qy;/${alt}e\n`);
  });
});
