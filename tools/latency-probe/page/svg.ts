/**
 * The parts of a plot as SVG text: axes, curves, keys. A plot is 390 units wide, so that its words
 * are of readable size on a telephone, and takes its colours from the page. Curves differ in dash
 * as well as in colour. What a plot shows stands in a table beside it, so readers that can't see
 * it are told its name alone.
 */
import { number } from "../../../src/harness/axis.ts";

export const plotWidth = 390;
export const keyHeight = 20;
/** Curves that can be told apart in one plot; style.ts has a colour and a dash for each. */
export const curvesMax = 6;

export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Axis {
  readonly ticks: readonly number[];
  readonly label: string;
  /** From a value to a coordinate. */
  readonly at: (value: number) => number;
  readonly show?: (value: number) => string;
}

/** Text of any origin, for HTML and SVG. */
export function escapeText(text: string): string {
  const names: Record<string, string> = {
    "&": "amp",
    "<": "lt",
    ">": "gt",
    '"': "quot",
    "'": "#39",
  };
  return text.replace(/[&<>"']/g, (character) => `&${names[character]};`);
}

export function svg(name: string, height: number, parts: readonly string[]): string {
  return [
    `<svg viewBox="0 0 ${plotWidth} ${number(height)}" role="img" aria-label="${escapeText(name)}">`,
    ...parts,
    "</svg>",
  ].join("\n");
}

export function text(x: number, y: number, words: string, more = ""): string {
  return `<text x="${number(x)}" y="${number(y)}"${more}>${escapeText(words)}</text>`;
}

export const anchored = (where: "middle" | "end") => ` text-anchor="${where}"`;

/** The frame of a plot with both axes; values of `y` are on lines across it. */
export function axes(box: Box, x: Axis, y: Axis): string[] {
  const bottom = box.top + box.height;
  const size = `width="${number(box.width)}" height="${number(box.height)}"`;
  const lines = [`<rect class="frame" x="${box.left}" y="${box.top}" ${size}/>`];
  for (const value of y.ticks) {
    lines.push(
      `<path class="grid" d="M${box.left},${number(y.at(value))}h${number(box.width)}"/>`,
      text(box.left - 6, y.at(value) + 4, (y.show ?? String)(value), anchored("end")),
    );
  }
  lines.push(...xAxis(box, x));
  if (y.label !== "") {
    const middle = number(box.top + box.height / 2);
    lines.push(
      `<text transform="translate(13,${middle}) rotate(-90)"${anchored("middle")}>` +
        `${escapeText(y.label)}</text>`,
    );
  }
  return lines;

  function xAxis({ left, width }: Box, axis: Axis): string[] {
    return [
      ...axis.ticks.map(
        (value) =>
          `<path class="grid" d="M${number(axis.at(value))},${bottom}v5"/>` +
          text(axis.at(value), bottom + 18, (axis.show ?? String)(value), anchored("middle")),
      ),
      text(left + width / 2, bottom + 37, axis.label, anchored("middle")),
    ];
  }
}

/** A curve through points; a gap where one is null. */
export function curve(
  index: number,
  points: readonly (readonly [x: number, y: number] | null)[],
): string {
  let path = "";
  let isDrawing = false;
  for (const point of points) {
    if (point !== null) {
      path += `${isDrawing ? "L" : "M"}${number(point[0])},${number(point[1])}`;
    }
    isDrawing = point !== null;
  }
  return path === "" ? "" : `<path class="curve c${index}" d="${path}"/>`;
}

/** The curves' names, one below the other, as high as `keyHeight` each. */
export function curveKeys(names: readonly string[], top: number, left: number): string[] {
  return names.map((name, index) => {
    const y = top + index * keyHeight;
    return `<path class="curve c${index}" d="M${left},${number(y)}h30"/>${text(left + 38, y + 4, name)}`;
  });
}

export interface BarKey {
  /** Class of the bars. */
  readonly style: string;
  readonly name: string;
}

/** Short words in a row. */
const barKeysInRow = 4;

/** Keys of filled bars, from the top of the plot, and what height they take. */
export function barKeys(keys: readonly BarKey[]): { parts: string[]; height: number } {
  const inRow = Math.max(1, Math.min(keys.length, barKeysInRow));
  const parts = keys.map(({ style, name }, index) => {
    const x = 4 + (index % inRow) * (plotWidth / inRow);
    const y = 5 + Math.floor(index / inRow) * keyHeight;
    const square = `x="${number(x)}" y="${y}" width="12" height="12"`;
    return `<rect class="bar ${style}" ${square}/>${text(x + 17, y + 11, name)}`;
  });
  return { parts, height: 8 + keyHeight * Math.ceil(keys.length / inRow) };
}
