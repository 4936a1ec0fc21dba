import { expect, test } from "bun:test";
import { KeyAsker } from "./key-question.ts";

const usages = { a: 4, n: 17, y: 28, escape: 41 } as const;
const key = (name: keyof typeof usages, down: boolean) =>
  ({ kind: "key", a: usages[name], b: down ? 1 : 0, text: "" }) as const;
const text = (typed: string) => ({ kind: "text", a: 0, b: 0, text: typed }) as const;

const question = { text: "Allow it?", answers: { y: "yes", n: "no" } };
const never = new AbortController().signal;

test("a key answers, and neither it nor another reaches the host while the question is open", async () => {
  const shown: (string | undefined)[] = [];
  const asker = new KeyAsker((words) => shown.push(words));
  expect(asker.take(key("y", true))).toBe(false);
  const answer = asker.ask(question, never);
  expect(asker.take(key("a", true))).toBe(true);
  expect(asker.take(key("y", true))).toBe(true);
  expect(await answer).toBe("yes");
  expect(asker.take(key("y", false))).toBe(true);
  expect(asker.take(key("y", false))).toBe(false);
  expect(asker.take(text("y"))).toBe(false);
  expect(shown).toEqual(["Allow it?", undefined]);
});

test("a key that went down before the question comes up at the host", () => {
  const asker = new KeyAsker(() => {});
  expect(asker.take(key("a", true))).toBe(false);
  void asker.ask(question, never);
  expect(asker.take(key("a", false))).toBe(false);
});

test("text answers where the terminal gives text, and Escape leaves it open for others", async () => {
  const asker = new KeyAsker(() => {});
  const first = asker.ask(question, never);
  asker.take(text("x"));
  asker.take(text("N"));
  expect(await first).toBe("no");
  const second = asker.ask(question, never);
  asker.take(key("escape", true));
  expect(await second).toBeUndefined();
});

test("a question that was settled elsewhere goes away", async () => {
  const asker = new KeyAsker(() => {});
  const withdrawn = new AbortController();
  const answer = asker.ask(question, withdrawn.signal);
  withdrawn.abort();
  expect(await answer).toBeUndefined();
  expect(asker.take(text("y"))).toBe(false);
});
