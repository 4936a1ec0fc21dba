import { expect, test } from "bun:test";
import type { Verdict } from "../client/approvals.ts";
import type { ApprovalQuestion } from "../client/client.ts";
import { approvalLine, askByKey, type KeyTerminal, quietMs } from "./approval.ts";

const question = (name = "Living-room TV", hostName = "gamingbox"): ApprovalQuestion => ({
  hostName,
  showLine: undefined,
  request: {
    type: "pendingRequest",
    id: "0123456789abcdef",
    name,
    fingerprint: "0123456789abcdef".repeat(4),
    address: "192.0.2.7",
    timeoutMs: 180_000,
  },
});

test.each([
  [
    200,
    'Allow "Living-room TV" (fp 0123 4567 89ab cdef, from 192.0.2.7) to pair with gamingbox?  ' +
      "[y] everything  [p] play  [v] only view  [n] deny  [Esc] later",
  ],
  [
    120,
    'Allow "Living-room TV" (fp 0123 4567 89ab cdef, from 192.0.2.7) to pair with gamingbox?  ' +
      "y full, p play, v view, n deny",
  ],
  [
    100,
    '"Living-room TV" (fp 0123 4567 89ab cdef, from 192.0.2.7)?  y full, p play, v view, n deny',
  ],
  [80, '"Living-room TV" (fp 0123 4567 89ab cdef)?  y full, p play, v view, n deny'],
  [70, '"Living-ro…" (fp 0123 4567 89ab cdef)?  y full, p play, v view, n deny'],
] as const)("in %d columns the question keeps its keys and the fingerprint", (columns, line) => {
  expect(approvalLine(question(), columns)).toBe(line);
});

test.each([
  ["a quote", 'x" (fp ffff ffff ffff ffff, from 192.0.2.1) to pair with gamingbox? "'],
  ["length", "x".repeat(128)],
  ["wide letters", "居間".repeat(21)],
  ["nothing", ""],
])("a name can't hide the fingerprint behind %s", (_, name) => {
  for (const columns of [60, 80, 120, 200]) {
    const line = approvalLine(question(name), columns);
    expect(Bun.stringWidth(line)).toBeLessThanOrEqual(Math.max(columns, 67));
    expect(line).toContain("(fp 0123 4567 89ab cdef");
    expect(line).toMatch(/\bn\b\]? deny/);
    expect(line.split('"')).toHaveLength(3);
  }
});

/** A terminal whose clock and keys are the test's. */
function scripted() {
  const shown: (string | undefined)[] = [];
  const state = { nowMs: 5000, columns: 80, reading: 0, interrupts: 0 };
  let onKey = (_: string) => {};
  let onResize = () => {};
  const terminal: KeyTerminal = {
    columns: () => state.columns,
    nowMs: () => state.nowMs,
    interrupt: () => void state.interrupts++,
    onResize: (listener) => {
      onResize = listener;
      return () => {};
    },
    readKeys: (listener) => {
      onKey = listener;
      state.reading++;
      let isOpen = true;
      return () => {
        if (isOpen) state.reading--;
        isOpen = false;
      };
    },
  };
  const end = new AbortController();
  let verdict: Verdict | undefined | "open" = "open";
  const show = (text: string | undefined) => void shown.push(text);
  const answer = askByKey(question(), show, end.signal, terminal);
  void answer.then((given) => {
    verdict = given;
  });
  return {
    ...{ state, shown, end, answer },
    /** The key after that many milliseconds, and what the question came to. */
    press: async (afterMs: number, key: string) => {
      state.nowMs += afterMs;
      onKey(key);
      await Bun.sleep(0);
      return verdict;
    },
    resize: (columns: number) => {
      state.columns = columns;
      onResize();
    },
  };
}

test.each([
  ["y", "full"],
  ["p", "play"],
  ["V", "view"],
  ["n", null],
  ["\x1b", undefined],
] as const)("%j answers with %p and takes the question away", async (key, verdict) => {
  const { press, shown, state } = scripted();
  expect(await press(quietMs, key)).toBe(verdict);
  expect(shown).toEqual([approvalLine(question(), 80), undefined]);
  expect(state.reading).toBe(0);
});

test("who is typing when the question appears does not answer it", async () => {
  const { press } = scripted();
  for (const letter of "happy yyy") expect(await press(quietMs - 1, letter)).toBe("open");
  for (const other of ["x", "\r", "\x1b[A", "yes\r", "nn"]) {
    expect(await press(quietMs, other)).toBe("open");
  }
  expect(await press(quietMs - 1, "y")).toBe("open");
  expect(await press(quietMs, "n")).toBe(null);
});

test("Ctrl-C is the program's at any time, and leaves the question to it", async () => {
  const { press, state, end, answer } = scripted();
  expect(await press(0, "\x03")).toBe("open");
  expect(state.interrupts).toBe(1);
  end.abort();
  // The terminal is left at once: it may be restored right after.
  expect(state.reading).toBe(0);
  expect(await answer).toBeUndefined();
});

test("the question follows the width of the terminal, and is not put when it is over", async () => {
  const { resize, shown, end, answer } = scripted();
  resize(120);
  end.abort();
  await answer;
  expect(shown).toEqual([approvalLine(question(), 80), approvalLine(question(), 120), undefined]);
  const nothing: unknown[] = [];
  const over = AbortSignal.abort();
  expect(await askByKey(question(), (text) => void nothing.push(text), over)).toBeUndefined();
  expect(nothing).toEqual([]);
});
