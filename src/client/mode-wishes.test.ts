import { expect, test } from "bun:test";
import { formatMode, type Mode, parseMode } from "../wire/mode.ts";
import { ModeWishes, usualModes, windowMode } from "./mode-wishes.ts";

function wishes(followsWindow = true, list = [parseMode("1280x720@60"), parseMode("800x600@60")]) {
  const asked: string[] = [];
  const expected: string[] = [];
  const told = new ModeWishes({
    mode: list[0] as Mode,
    list,
    followsWindow,
    send: ({ mode }) => asked.push(mode === null ? "" : formatMode(mode)),
    expect: (mode) => expected.push(formatMode(mode)),
  });
  return { told, asked, expected };
}

test("the key goes through the modes and begins again, whatever the host has answered so far", () => {
  const { told, asked, expected } = wishes();
  told.next();
  told.next();
  expect(asked).toEqual(["800x600@60", "1280x720@60"]);
  expect(expected).toEqual(asked);
  expect(told.settle(parseMode("800x600@60"))).toBe(true);
  expect(told.settle(parseMode("800x600@60"))).toBe(false);
  told.next();
  expect(asked.at(-1)).toBe("1280x720@60");
});

test("a window that is dragged asks once, for where it was left", async () => {
  const { told, asked } = wishes();
  for (let width = 900; width <= 1001; width++) told.onResized(width, 701);
  await Bun.sleep(400);
  expect(asked).toEqual(["1000x700@60"]);
  told.onResized(1000, 700);
  await Bun.sleep(400);
  expect(asked).toHaveLength(1);
});

test("a window that is not followed asks for nothing", async () => {
  const { told, asked } = wishes(false);
  told.onResized(640, 480);
  await Bun.sleep(400);
  expect(asked).toEqual([]);
});

test("a window's mode has even sides within the limits", () => {
  const mode = parseMode("1280x720@59.94");
  expect(formatMode(windowMode(1001, 777, mode))).toBe("1000x776@59.94");
  expect(windowMode(1, 99_999, mode)).toMatchObject({ width: 64, height: 16_384 });
});

test("the usual modes begin with the one that was named", () => {
  expect(usualModes(parseMode("1920x1080@120")).map(formatMode)).toEqual([
    "1920x1080@120",
    "1280x720@120",
    "2560x1440@120",
  ]);
});
