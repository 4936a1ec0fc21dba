import { describe, expect, test } from "bun:test";
import { PfError } from "../base/errors.ts";
import { formatMode, parseMode } from "./mode.ts";

describe("a mode", () => {
  test.each([
    ["1280x720@60", 1280, 720, 60_000],
    ["64x64@1", 64, 64, 1000],
    ["16384x16384@1000", 16384, 16384, 1_000_000],
    ["1920X1080@59.94Hz", 1920, 1080, 59_940],
    ["2560x1440", 2560, 1440, 60_000],
  ])("%s is read", (text, width, height, refreshMilliHz) => {
    expect(parseMode(text) as object).toEqual({ width, height, refreshMilliHz });
  });

  test.each([
    ["0x0@60", "width"],
    ["1x1@60", "width"],
    ["1281x720@60", "even"],
    ["1280x721@60", "even"],
    ["16385x10@60", "width"],
    ["16384x10@60", "height"],
    ["1280x720@0", "refresh"],
    ["1280x720@1001", "refresh"],
    ["1280x720@-1", "WIDTHxHEIGHT"],
    ["1280x", "WIDTHxHEIGHT"],
    ["", "WIDTHxHEIGHT"],
    ["999999x720", "WIDTHxHEIGHT"],
  ])("%s is refused with a sentence about %s", (text, words) => {
    const refusal = (() => {
      try {
        return parseMode(text);
      } catch (error) {
        return error;
      }
    })();
    expect(refusal).toBeInstanceOf(PfError);
    expect((refusal as PfError).code).toBe("PF_MODE_INVALID");
    expect((refusal as PfError).exitCode).toBe(2);
    expect((refusal as PfError).sentence()).toContain(words);
  });

  test("is written as it is read", () => {
    for (const text of ["1280x720@60", "1920x1080@59.94", "64x64@1"]) {
      expect(formatMode(parseMode(text))).toBe(text);
    }
  });
});
