import { expect, test } from "bun:test";
import { encode } from "uqr";
import { bigPin } from "./big-pin.ts";
import { qrCode } from "./qr-code.ts";
import { agoWords, countdown, durationWords, endWords, table } from "./table.ts";
import { chosen, parseExpiry, parseWindow } from "./values.ts";

const now = new Date("2026-11-23T12:00:00.000Z");
const thrownBy = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
};

test("an id is chosen by its first digits, as long as they fit one alone", () => {
  const items = ["ab12", "ab34", "ab1234"].map((id) => ({ id }));
  const none = { what: "device", hint: "See." };
  expect(chosen(items, "ab3", none).id).toBe("ab34");
  expect(chosen(items, " AB34 ", none).id).toBe("ab34");
  // The whole of one is no shortening of another.
  expect(chosen(items, "ab12", none).id).toBe("ab12");
  expect(thrownBy(() => chosen(items, "ab", none)).message).toContain("ab12, ab34, ab1234");
  for (const typed of ["", "zz", "ab345", "*"]) {
    expect(thrownBy(() => chosen(items, typed, none)).message).toContain("No device has the id");
  }
});

test("an expiry is a span from now, a day with its evening, a time, or never", () => {
  const hours = (text: string) =>
    (Date.parse(parseExpiry(text, now) ?? "") - now.getTime()) / 3.6e6;
  expect(hours("2h")).toBe(2);
  expect(hours("7d")).toBe(168);
  expect(hours("1.5d")).toBe(36);
  expect(hours("2w")).toBe(336);
  expect(parseExpiry("never", now)).toBeNull();
  expect(parseExpiry("2027-01-31T18:00:00Z", now)).toBe("2027-01-31T18:00:00.000Z");
  expect(parseExpiry("2026-11-24", now)).toBe(new Date("2026-11-24T23:59:59").toISOString());
  for (const text of ["", "7", "-1d", "0d", "soon", "2026-11-22", "2027-02-31T99:00", "999999w"]) {
    expect(thrownBy(() => parseExpiry(text, now)).message).toContain("not a time to come");
  }
});

test("a PIN is good for ten seconds to two minutes", () => {
  expect([parseWindow("10"), parseWindow("1.5m"), parseWindow("2m")]).toEqual([
    10_000, 90_000, 120_000,
  ]);
  for (const text of ["9s", "121s", "1h"]) {
    expect(thrownBy(() => parseWindow(text)).message).toContain("can't be good for");
  }
});

test("times are said in their two largest units", () => {
  expect([0, 999, 61_000, 3_600_000, 90_061_000].map(durationWords)).toEqual([
    "0 s",
    "0 s",
    "1 min 1 s",
    "1 h",
    "1 d 1 h",
  ]);
  expect([0, 1, 60_000, 119_001].map(countdown)).toEqual(["0:00", "0:01", "1:00", "2:00"]);
  expect(agoWords(null, now)).toBe("–");
  expect(agoWords("2026-11-23T11:59:00.000Z", now)).toBe("1 min ago");
  expect(endWords("2026-11-23T11:59:00.000Z", now)).toBe("over");
  expect(endWords("2026-11-30T12:00:00.000Z", now)).toBe("in 7 d");
});

test("a table stands in columns, and no cell moves the cursor", () => {
  const rows = [
    ["ID", "NAME", "FPS"],
    ["1", "居間\u001b[2J", "59.9"],
    ["22", "tv", "120.0"],
  ];
  expect(table(rows, [2]).split("\n")).toEqual([
    "  ID   NAME        FPS",
    "  1    居間[2J    59.9",
    "  22   tv        120.0",
  ]);
});

test("each digit of a big PIN has a shape of its own, in two halves", () => {
  const shapes = [..."0123456789"].map((digit) => bigPin(`${digit}${digit}`));
  expect(new Set(shapes).size).toBe(10);
  const lines = bigPin("123456").split("\n");
  expect(lines).toHaveLength(5);
  expect(Math.max(...lines.map((line) => Bun.stringWidth(line)))).toBeLessThan(80);
});

test("a QR code is drawn dot by dot as it was made, black on white", () => {
  const text = "punktfunk://pair?host=192.0.2.7&port=9777&pin=123456";
  const drawn = qrCode(text, { columns: 120, rows: 60 }) as string;
  expect(drawn).toContain("\u001b[38;5;16;48;5;231m");
  const halves: Record<string, readonly [boolean, boolean]> = {
    "█": [true, true],
    "▀": [true, false],
    "▄": [false, true],
    " ": [false, false],
  };
  const lines = Bun.stripANSI(drawn)
    .split("\n")
    .map((line) => [...line.slice(2)].map((character) => halves[character] ?? [false, false]));
  const dots = lines.flatMap((line) => [line.map(([top]) => top), line.map(([, low]) => low)]);
  const { data, size } = encode(text, { border: 2 });
  expect(dots.slice(0, size)).toEqual(data);
  expect(qrCode(text, { columns: 20, rows: 60 })).toBeUndefined();
  expect(qrCode(text, { columns: 120, rows: 24 })).toBeUndefined();
});
