import { describe, expect, test } from "bun:test";
import { PfError } from "../../base/errors.ts";
import { checkMessage } from "../../wire/control.ts";
import { InputForwarder, type InputMessage } from "./input.ts";
import { playScript } from "./player.ts";
import { parseScript, scriptHelp, usualScript } from "./script.ts";

/** What a script sends, and when in milliseconds. */
async function sentBy(source: string): Promise<InputMessage[]> {
  const sent: InputMessage[] = [];
  const input = new InputForwarder((message) => sent.push(message));
  await playScript(parseScript(source), (event) => input.onEvent(event), AbortSignal.timeout(2000));
  input.releaseAll();
  return sent;
}

describe("a script of input", () => {
  test("says each kind of event in a line", async () => {
    const sent = await sentBy(`
      # a comment
      key LEFTCTRL+c
      key F5 down
      text  Grüße \\\\n\\n
      move 10 -4.5
      at 0.5 1
      button right
      wait 5ms
      scroll 0 -1.5
      touch 15 down 0 0.25
      touch 15 move 1 1
    `);
    expect(sent).toEqual([
      { type: "key", usage: 224, down: true },
      { type: "key", usage: 6, down: true },
      { type: "key", usage: 6, down: false },
      { type: "key", usage: 224, down: false },
      { type: "key", usage: 62, down: true },
      { type: "text", text: "Grüße \\n\n" },
      { type: "motion", dx: 10, dy: -4.5 },
      { type: "position", x: 32_768, y: 65_535 },
      { type: "button", button: 3, down: true },
      { type: "button", button: 3, down: false },
      { type: "scroll", h: 0, v: -180 },
      { type: "touch", finger: 15, phase: "down", x: 0, y: 16_384 },
      { type: "touch", finger: 15, phase: "move", x: 65_535, y: 65_535 },
      // What the script left down is released.
      { type: "key", usage: 62, down: false },
      { type: "touch", finger: 15, phase: "cancel", x: 65_535, y: 65_535 },
    ]);
    for (const message of sent) expect(checkMessage(message).kind).toBe("message");
  });

  test("is what its help says", () => {
    const source = scriptHelp.map(([line]) => line).join("\n");
    expect(parseScript(source)).toMatchObject({ repeats: true });
  });

  test("keeps its time and repeats until it is ended", async () => {
    const controller = new AbortController();
    let count = 0;
    const beganMs = performance.now();
    await playScript(
      parseScript("move 1 1\nwait 10ms\nmove 2 2\nrepeat"),
      () => {
        if (++count === 8) controller.abort();
      },
      controller.signal,
    );
    expect(count).toBe(8);
    expect(performance.now() - beganMs).toBeWithin(39, 500);
  });

  test.each([
    "key NOSUCHKEY",
    "key A sideways",
    "press A",
    "at 0.5 1.01",
    "at 0.5",
    "move 1 2 3",
    "move one two",
    "touch 16 down 0 0",
    "touch 0 hover 0 0",
    "button none",
    "scroll 1",
    "text",
    "text a\u001b[A",
    "wait long",
    "repeat\nkey A",
    "key A\nrepeat",
  ])("is refused with its line: %s", (source) => {
    expect(() => parseScript(source)).toThrow(PfError);
  });

  test("names the line that is wrong and what lines there are", () => {
    expect(() => parseScript("key A\n\nkey B C D")).toThrow(
      'Line 3 of the input script, "key B C D": it is no event.',
    );
  });

  test("of the usual kind plays everything that there is, in about five seconds", () => {
    const { steps, repeats } = usualScript();
    const kinds = new Set(steps.map(({ event }) => event.kind));
    expect([...kinds].sort()).toEqual(
      ["button", "key", "motion", "position", "scroll", "text", "touch"].sort() as never,
    );
    const spanMs = steps.reduce((sum, { afterMs }) => sum + afterMs, 0);
    expect(spanMs).toBeWithin(4500, 5500);
    expect(repeats).toBe(true);
    const sent: InputMessage[] = [];
    const input = new InputForwarder((message) => sent.push(message));
    for (const { event } of steps) input.onEvent(event);
    for (const message of sent) expect(checkMessage(message).kind).toBe("message");
    const before = sent.length;
    input.releaseAll();
    expect(sent.length).toBe(before);
  });
});
