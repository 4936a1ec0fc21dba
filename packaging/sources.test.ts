import { expect, test } from "bun:test";
import { formViolations, proseViolations } from "./sources.ts";

test("a file of 500 lines is fine, one of 501 is too long", () => {
  expect(formViolations("src/host/a.ts", "x\n".repeat(500))).toEqual([]);
  expect(formViolations("src/host/a.ts", "x\n".repeat(501))).toHaveLength(1);
});

test("C lines are counted in characters, 100 at most", () => {
  expect(formViolations("src/ffi/a.c", `${"µ".repeat(100)}\n`)).toEqual([]);
  expect(formViolations("src/ffi/a.c", `\n${"µ".repeat(101)}\n`)).toEqual([
    "src/ffi/a.c:2 is 101 columns wide (100 at most).",
  ]);
  expect(formViolations("src/host/a.ts", `${"x".repeat(101)}\n`)).toEqual([]);
});

test("unfinished work and one machine's paths are found, with the line", () => {
  const mark = ["TO", "DO"].join("");
  const home = ["", "home", "someone", "punktfunk"].join("/");
  const found = proseViolations("src/a.ts", `fine\n// ${mark}: later\nconst path = "${home}";\n`);
  expect(found).toHaveLength(2);
  expect(found[0]).toStartWith("src/a.ts:2: unfinished work");
  expect(found[1]).toStartWith("src/a.ts:3: a path of one person's machine");
});

test("words that merely contain such a mark, web addresses and made-up homes are fine", () => {
  const text = "hackney shack\n/home/x/.config\nhttps://example.org/home/page/\nsrc/work/a.ts\n";
  expect(proseViolations("src/a.ts", text)).toEqual([]);
});
