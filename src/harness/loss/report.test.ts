import { expect, test } from "bun:test";
import { plotSvg } from "./plot.ts";
import { csvHeading, csvLine, formatBytes, tableHeading, tableLine, totalsOf } from "./report.ts";
import type { Row } from "./run.ts";

const row: Row = {
  scheme: "gf16",
  model: "iid",
  lossPct: 2.5,
  frameBytes: 2_000_000,
  parityPct: 20,
  frames: 200,
  framesLost: 3,
  framesRecovered: 190,
  packetsSent: 341_200,
  packetsLost: 6851,
};
const none: Row = { ...row, scheme: "none", parityPct: 0, framesLost: 200, framesRecovered: 0 };

test("CSV has a heading and a line for each row", () => {
  expect(csvHeading).toStartWith("scheme,model,lossPct,");
  expect(csvLine(row)).toBe("gf16,iid,2.5,2000000,20,200,3,190,341200,6851\r\n");
  expect(csvLine(row).split(",").length).toBe(csvHeading.split(",").length);
});

test("lines of the table stand below their heading", () => {
  expect(tableLine(row).length).toBe(tableHeading.length);
  expect(tableLine(none)).toContain("100.0%");
  expect(tableLine({ ...row, packetsSent: 0, packetsLost: 0 })).toEndWith("-");
});

test("totals add up", () => {
  expect(totalsOf([row, none])).toEqual({
    rows: 2,
    frames: 400,
    framesLost: 203,
    framesRecovered: 190,
    packetsSent: 682_400,
    packetsLost: 13_702,
  });
});

test.each([
  [1, "1 B"],
  [50_000, "50 kB"],
  [2_000_000, "2 MB"],
  [33_554_408, "33554408 B"],
])("%p bytes are %p", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test("a plot has a panel for each size, parity and model, and a curve for each scheme", () => {
  const rows = [2_000_000, 50_000].flatMap((frameBytes) =>
    [20, 30].flatMap((parityPct) =>
      [0, 5].flatMap((lossPct) => [
        { ...row, frameBytes, parityPct, lossPct },
        { ...row, scheme: "gf8" as const, frameBytes, parityPct, lossPct },
        { ...none, frameBytes, lossPct },
      ]),
    ),
  );
  const svg = plotSvg(rows);
  expect(svg.match(/class="name"/g)?.length).toBe(4);
  const curves = (scheme: string) =>
    svg.match(new RegExp(`class="curve ${scheme}" d="M\\d+(\\.\\d+)?,\\d+(\\.\\d+)?L`, "g"));
  for (const scheme of ["gf16", "gf8", "none"]) expect(curves(scheme)?.length).toBe(4);
  for (const words of ["frames lost (%)", "packets lost (%)", "Pictures of 2 MB, 30% parity"]) {
    expect(svg).toContain(words);
  }
  expect(svg).not.toMatch(/NaN|Infinity|undefined/);
});

test("a plot of one row, of nothing lost and of no rows is whole", () => {
  for (const rows of [[row], [none], [{ ...row, lossPct: 0, framesLost: 0 }], []]) {
    expect(plotSvg(rows)).toEndWith("</svg>\n");
    expect(plotSvg(rows)).not.toMatch(/NaN|Infinity|undefined/);
  }
});
