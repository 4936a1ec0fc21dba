import { expect, test } from "bun:test";
import { cleanName } from "./name.ts";

test.each([
  ["Living-room TV", "Living-room TV"],
  ["  two\t \n words ", "two words"],
  ["two\tmore", "two more"],
  ["\u001b[2Jred\u0007", "[2Jred"],
  ["evil\u202egnp.exe", "evilgnp.exe"],
  ["a\u2066b\u2069\u200fc\ufeff\u0085", "abc"],
  ["lone \ud800 surrogate", "lone surrogate"],
  ["👩\u200d🚀", "👩\u200d🚀"],
  ["客厅电视", "客厅电视"],
  ["", "unnamed device"],
  [" \u0000\u200d ", "unnamed device"],
])("%p is kept as %p", (name, kept) => {
  expect(cleanName(name)).toBe(kept);
});

test("a name is cut between characters at 128 bytes", () => {
  expect(cleanName("x".repeat(10_000))).toBe("x".repeat(128));
  expect(cleanName("é".repeat(200))).toBe("é".repeat(64));
  expect(cleanName(`x${"é".repeat(200)}`)).toBe(`x${"é".repeat(63)}`);
  expect(cleanName(`xyz${"🚀".repeat(5000)}`)).toBe(`xyz${"🚀".repeat(31)}`);
  expect(cleanName(`${"\u0000".repeat(10_000)}x`)).toBe("unnamed device");
});
