import { expect, test } from "bun:test";
import { checkMessage } from "../../wire/control.ts";
import { type InputEvent, InputForwarder, type InputMessage } from "./input.ts";

function forwarder() {
  const sent: InputMessage[] = [];
  const input = new InputForwarder((message) => sent.push(message));
  const give = (kind: InputEvent["kind"], a = 0, b = 0, text = "") =>
    input.onEvent({ kind, a, b, text });
  return { input, sent, give };
}

const keyA = 4;
const leftShift = 225;

test("each input event becomes the control message of its kind", () => {
  const { sent, give } = forwarder();
  give("key", keyA, 1);
  give("key", keyA, 0);
  give("button", 3, 1);
  give("motion", -5, 7);
  give("position", 65535, 0);
  give("scroll", 0, -120);
  give("text", 0, 0, "grüß");
  give("touch", 3, 65_535 + 65_536 * 7);
  give("touch", 3 + 256, 5 + 65_536 * 65_535);
  give("touch", 3 + 512, 5 + 65_536 * 65_535);
  expect(sent).toEqual([
    { type: "key", usage: 4, down: true },
    { type: "key", usage: 4, down: false },
    { type: "button", button: 3, down: true },
    { type: "motion", dx: -5, dy: 7 },
    { type: "position", x: 65535, y: 0 },
    { type: "scroll", h: 0, v: -120 },
    { type: "text", text: "grüß" },
    { type: "touch", finger: 3, phase: "down", x: 65_535, y: 7 },
    { type: "touch", finger: 3, phase: "move", x: 5, y: 65_535 },
    { type: "touch", finger: 3, phase: "up", x: 5, y: 65_535 },
  ]);
  for (const message of sent) expect(checkMessage(message).kind).toBe("message");
});

test("losing the focus releases all that is held, the last first", () => {
  const { sent, give } = forwarder();
  give("key", leftShift, 1);
  give("key", keyA, 1);
  give("button", 1, 1);
  give("touch", 2, 9);
  sent.length = 0;
  give("focus_lost");
  give("touch", 2 + 256, 10);
  expect(sent).toEqual([
    { type: "button", button: 1, down: false },
    { type: "key", usage: keyA, down: false },
    { type: "key", usage: leftShift, down: false },
    { type: "touch", finger: 2, phase: "cancel", x: 9, y: 0 },
  ]);
});

test("what was released is not released again", () => {
  const { input, sent, give } = forwarder();
  give("key", keyA, 1);
  input.releaseAll();
  input.releaseAll();
  give("key", keyA, 0);
  give("focus_lost");
  expect(sent).toEqual([
    { type: "key", usage: keyA, down: true },
    { type: "key", usage: keyA, down: false },
  ]);
});

test("a key that is held goes down once, however often it is reported", () => {
  const { sent, give } = forwarder();
  for (let i = 0; i < 5; i++) give("key", keyA, 1);
  expect(sent).toHaveLength(1);
});

test("a wheel that turned farther than a message can say is cut to what it can", () => {
  const { sent, give } = forwarder();
  give("scroll", -1_000_000, 1_000_000);
  expect(sent).toEqual([{ type: "scroll", h: -32_767, v: 32_767 }]);
  expect(checkMessage(sent[0]).kind).toBe("message");
});

test("a long paste waits for the host, and the keys behind it for the paste", () => {
  const sent: InputMessage[] = [];
  let nowMs = 0;
  let due: { readonly atMs: number; readonly call: () => void } | undefined;
  const clock = {
    nowMs: () => nowMs,
    after: (ms: number, call: () => void) => {
      due = { atMs: nowMs + ms, call };
      return () => {
        due = undefined;
      };
    },
  };
  const input = new InputForwarder((message) => sent.push(message), clock);
  const piece = "ü".repeat(60);
  const pieces = 200;
  for (let i = 0; i < pieces; i++) input.onEvent({ kind: "text", a: 0, b: 0, text: piece });
  input.onEvent({ kind: "key", a: keyA, b: 1, text: "" });
  input.onEvent({ kind: "motion", a: 1, b: 1, text: "" });
  expect(sent.at(-1)?.type).toBe("motion"); // a pointer waits for nobody
  expect(sent.length).toBeLessThan(70);
  // What a host takes, as it counts.
  let characters = 0;
  while (due !== undefined) {
    const { atMs, call } = due;
    due = undefined;
    nowMs = atMs;
    call();
    characters = sent.filter(({ type }) => type === "text").length * piece.length;
    expect(characters).toBeLessThanOrEqual(4096 + nowMs);
  }
  expect(characters).toBe(pieces * piece.length);
  expect(sent.at(-1)).toEqual({ type: "key", usage: keyA, down: true });
  expect(nowMs).toBeWithin(8000, 10_000);
  for (let i = 0; i < pieces; i++) input.onEvent({ kind: "text", a: 0, b: 0, text: piece });
  const before = sent.length;
  input.close();
  expect(due).toBeUndefined();
  expect(sent.length).toBe(before);
});

test("events that are no input send nothing", () => {
  const { sent, give } = forwarder();
  give("focus_gained");
  give("window_resized", 800, 600);
  give("started");
  expect(sent).toEqual([]);
});
