import { expect, test } from "bun:test";
import { parseMode } from "../../wire/mode.ts";
import { gamescopeLacks, kwinNote } from "./versions.ts";

const wanted = parseMode("1920x1080@120");

test("KWin that gives the mode has nothing to tell", () => {
  for (const version of ["5.27.5", "6.5.6", null]) {
    expect(kwinNote({ version, wanted, active: parseMode("1920x1080@119.88") })).toBe("");
  }
});

test("an older KWin is told which one can do it, a newer one is not blamed", () => {
  const active = parseMode("1920x1080@60");
  expect(kwinNote({ version: "6.3.6", wanted, active })).toBe(
    "KWin 6.3.6 runs the output at 1920x1080@60 instead of 1920x1080@120. 6.5.6 can give it any rate.",
  );
  expect(kwinNote({ version: "6.5.10", wanted, active })).toBe(
    "KWin 6.5.10 runs the output at 1920x1080@60 instead of 1920x1080@120.",
  );
  expect(kwinNote({ version: null, wanted, active })).toStartWith("This KWin runs");
});

test("gamescope is of use from 3.16.22 on", () => {
  expect(gamescopeLacks("3.11.49")).toBe(
    "gamescope 3.11.49 can't run without a screen: 3.16.22 can.",
  );
  expect(gamescopeLacks("3.16.22")).toBeUndefined();
  expect(gamescopeLacks("4.0")).toBeUndefined();
});
