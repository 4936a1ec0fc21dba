/**
 * A plot of a sweep as SVG: frames lost against what the link does, a panel for each picture size,
 * parity and model, a curve for each scheme. Its colours follow the reader's light or dark scheme;
 * curves also differ in dash and marker, for those who see no colours.
 */
import { number, ticksTo } from "../axis.ts";
import { linkModels } from "./models.ts";
import { formatBytes } from "./report.ts";
import { type LossScheme, lossSchemes, type Row } from "./run.ts";

const panel = { width: 430, height: 300, left: 62, right: 20, top: 40, bottom: 52 } as const;
const plotWidth = panel.width - panel.left - panel.right;
const plotHeight = panel.height - panel.top - panel.bottom;
const headHeight = 76;
const footHeight = 12;

/** Names in the legend, and what marks a point. */
const curves: Record<LossScheme, { readonly name: string; readonly marker: string }> = {
  gf16: { name: "gf16: one 16-bit Leopard block", marker: "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0" },
  gf8: { name: "gf8: Moonlight's four 8-bit blocks", marker: "M-4,-4h8v8h-8z" },
  none: { name: "none: no parity", marker: "M0,-7L7,5.5H-7z" },
};

const style = `
  svg { color-scheme: light dark; font: 12px system-ui, "DejaVu Sans", sans-serif; }
  .ground { fill: #ffffff; } .frame { fill: #f6f7f9; } .grid { stroke: #d9dde3; }
  text { fill: #3c4450; } .title { font-size: 17px; font-weight: 600; fill: #14181f; }
  .name { font-size: 13px; font-weight: 600; fill: #14181f; }
  path.curve { fill: none; stroke: currentColor; stroke-width: 2.5; stroke-linejoin: round; }
  path.marker { fill: currentColor; }
  path.curve.gf8 { stroke-dasharray: 9 4; }
  path.curve.none { stroke-dasharray: 0.5 6; stroke-width: 4; stroke-linecap: round; }
  .gf16 { color: #0a7d5c; } .gf8 { color: #c2410c; } .none { color: #6d5bd0; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #14171c; } .frame { fill: #1c2027; } .grid { stroke: #353c47; }
    text { fill: #b6bfcc; } .title, .name { fill: #eef1f5; }
    .gf16 { color: #34d3a0; } .gf8 { color: #fb8c4b; } .none { color: #a99cf5; }
  }`;

interface Panel {
  readonly title: string;
  readonly axis: string;
  readonly rows: readonly Row[];
}

/** The rows by panel. What has no parity is shown beside every share of it. */
function panelsOf(rows: readonly Row[]): Panel[] {
  const protectedRows = rows.filter(({ scheme }) => scheme !== "none");
  const heads = new Map(
    (protectedRows.length > 0 ? protectedRows : rows).map((row) => [
      `${row.model} ${row.frameBytes} ${row.parityPct}`,
      row,
    ]),
  );
  return [...heads.values()].map((head) => ({
    title: `Pictures of ${formatBytes(head.frameBytes)}${
      head.scheme === "none" ? "" : `, ${head.parityPct}% parity`
    }`,
    axis: `${linkModels[head.model].axis} (%), model ${head.model}`,
    rows: rows.filter(
      ({ model, frameBytes, parityPct, scheme }) =>
        model === head.model &&
        frameBytes === head.frameBytes &&
        (scheme === "none" || parityPct === head.parityPct),
    ),
  }));
}

function drawAxes(ticks: readonly number[], x: (value: number) => number, axis: string): string[] {
  const y = (value: number) => panel.top + plotHeight * (1 - value / 100);
  const bottom = panel.top + plotHeight;
  const middle = panel.left + plotWidth / 2;
  const lines = [
    `<rect class="frame" x="${panel.left}" y="${panel.top}" ` +
      `width="${plotWidth}" height="${plotHeight}"/>`,
  ];
  for (const value of [0, 25, 50, 75, 100]) {
    lines.push(
      `<path class="grid" d="M${panel.left},${number(y(value))}h${plotWidth}"/>`,
      `<text x="${panel.left - 8}" y="${number(y(value) + 4)}" text-anchor="end">${value}</text>`,
    );
  }
  for (const value of ticks) {
    lines.push(
      `<path class="grid" d="M${number(x(value))},${bottom}v5"/>`,
      `<text x="${number(x(value))}" y="${bottom + 19}" text-anchor="middle">${value}</text>`,
    );
  }
  lines.push(
    `<text x="${middle}" y="${bottom + 40}" text-anchor="middle">${axis}</text>`,
    `<text transform="translate(16,${panel.top + plotHeight / 2}) rotate(-90)" ` +
      `text-anchor="middle">frames lost (%)</text>`,
  );
  return lines;
}

function drawMarker(scheme: LossScheme, at: string): string {
  const shape = curves[scheme].marker;
  return `<path class="marker ${scheme}" transform="translate(${at})" d="${shape}"/>`;
}

function drawPanel({ title, axis, rows }: Panel, at: { x: number; y: number }): string {
  const ticks = ticksTo(Math.max(1, ...rows.map(({ lossPct }) => lossPct)));
  const most = ticks.at(-1) as number;
  const x = (value: number) => panel.left + (plotWidth * value) / most;
  const y = (row: Row) => panel.top + plotHeight * (1 - row.framesLost / row.frames);
  const lines = [
    `<g transform="translate(${at.x},${at.y})">`,
    `<text class="name" x="${panel.left}" y="${panel.top - 14}">${title}</text>`,
    ...drawAxes(ticks, x, axis),
  ];
  // The one that matters most is drawn last, over the others.
  for (const scheme of [...lossSchemes].reverse()) {
    const points = rows
      .filter((row) => row.scheme === scheme)
      .sort((a, b) => a.lossPct - b.lossPct)
      .map((row) => `${number(x(row.lossPct))},${number(y(row))}`);
    if (points.length === 0) continue;
    lines.push(`<path class="curve ${scheme}" d="M${points.join("L")}"/>`);
    for (const point of points) lines.push(drawMarker(scheme, point));
  }
  lines.push("</g>");
  return lines.join("\n");
}

function drawLegend(schemes: readonly LossScheme[]): string {
  const items = schemes.map((scheme, i) => {
    return [
      `<g transform="translate(${20 + i * 262},${58})">`,
      `<path class="curve ${scheme}" d="M0,0h34"/>`,
      drawMarker(scheme, "17,0"),
      `<text x="42" y="4">${curves[scheme].name}</text></g>`,
    ].join("");
  });
  return items.join("\n");
}

/** An SVG document; empty panels when there are no rows. */
export function plotSvg(rows: readonly Row[]): string {
  const panels = panelsOf(rows);
  const columns = Math.min(2, Math.max(1, panels.length));
  const width = Math.max(820, columns * panel.width);
  const inset = (width - columns * panel.width) / 2;
  const height = headHeight + Math.ceil(panels.length / columns) * panel.height + footHeight;
  const schemes = lossSchemes.filter((scheme) => rows.some((row) => row.scheme === scheme));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" ` +
      `width="${width}" height="${height}" role="img" aria-label="Frames lost against loss">`,
    `<style>${style}\n</style>`,
    `<rect class="ground" width="${width}" height="${height}"/>`,
    `<text class="title" x="20" y="32">Frames that a lossy link takes</text>`,
    drawLegend(schemes),
    ...panels.map((one, i) =>
      drawPanel(one, {
        x: inset + (i % columns) * panel.width,
        y: headHeight + Math.floor(i / columns) * panel.height,
      }),
    ),
    "</svg>\n",
  ].join("\n");
}
