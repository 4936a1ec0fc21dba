import { describe, expect, test } from "bun:test";
import { checkText } from "./text.ts";

describe("text", () => {
  test("keeps every printable character and makes line ends plain", () => {
    expect(checkText("a\r\nb\rc\td€😀")).toEqual({
      ok: true,
      text: "a\nb\nc\td€😀",
      characters: 9,
    });
  });

  test.each([
    ["a\u0000", "U+0000"],
    ["\u001b[A", "U+001B"],
    ["\u007f", "U+007F"],
    ["\u0085", "U+0085"],
    ["\ud800", "U+D800"],
    ["\uffff", "U+FFFF"],
  ])("refuses %j by name", (text, name) => {
    expect(checkText(text)).toEqual({
      ok: false,
      why: `The text holds ${name}, which can't be typed.`,
    });
  });

  test("has a longest message", () => {
    expect(checkText("é".repeat(2048)).ok).toBe(true);
    expect(checkText("é".repeat(2049)).ok).toBe(false);
  });
});
