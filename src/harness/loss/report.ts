/** Rows of the loss harness as text: a table for people, CSV for spreadsheets. */
import type { Row } from "./run.ts";

const csvColumns = [
  "scheme",
  "model",
  "lossPct",
  "frameBytes",
  "parityPct",
  "frames",
  "framesLost",
  "framesRecovered",
  "packetsSent",
  "packetsLost",
] as const satisfies readonly (keyof Row)[];

/** The heading of the CSV, as RFC 4180 has it. */
export const csvHeading = `${csvColumns.join(",")}\r\n`;

export function csvLine(row: Row): string {
  return `${csvColumns.map((column) => row[column]).join(",")}\r\n`;
}

/** 50,000 as "50 kB", 2,000,000 as "2 MB"; what has no short form in bytes. */
export function formatBytes(bytes: number): string {
  if (bytes >= 1e6 && bytes % 1e4 === 0) return `${bytes / 1e6} MB`;
  if (bytes >= 1e3 && bytes % 10 === 0) return `${bytes / 1e3} kB`;
  return `${bytes} B`;
}

function formatShare(part: number, whole: number): string {
  if (whole === 0) return "-";
  const percent = (100 * part) / whole;
  return `${percent.toFixed(percent > 0 && percent < 10 ? 2 : 1)}%`;
}

interface TableColumn {
  readonly title: string;
  readonly width: number;
  readonly cell: (row: Row) => string;
}

const tableColumns: readonly TableColumn[] = [
  { title: "model", width: -9, cell: ({ model }) => model },
  { title: "frame", width: 10, cell: ({ frameBytes }) => formatBytes(frameBytes) },
  { title: "loss", width: 6, cell: ({ lossPct }) => `${lossPct}%` },
  { title: "scheme", width: -6, cell: ({ scheme }) => scheme },
  { title: "parity", width: 6, cell: ({ parityPct }) => `${parityPct}%` },
  {
    title: "frames lost",
    width: 15,
    cell: ({ framesLost, frames }) =>
      `${framesLost}  ${formatShare(framesLost, frames).padStart(6)}`,
  },
  { title: "rebuilt", width: 8, cell: ({ framesRecovered }) => String(framesRecovered) },
  { title: "packets", width: 9, cell: ({ packetsSent }) => String(packetsSent) },
  {
    title: "packets lost",
    width: 12,
    cell: ({ packetsLost, packetsSent }) => formatShare(packetsLost, packetsSent),
  },
];

const tableText = (cell: (column: TableColumn) => string) =>
  tableColumns
    .map((column) => {
      const text = cell(column);
      return column.width < 0 ? text.padEnd(-column.width) : text.padStart(column.width);
    })
    .join("  ");

export const tableHeading = tableText(({ title }) => title);

export function tableLine(row: Row): string {
  return tableText(({ cell }) => cell(row));
}

/** What a sweep came to. */
export interface Totals {
  rows: number;
  frames: number;
  framesLost: number;
  framesRecovered: number;
  packetsSent: number;
  packetsLost: number;
}

export function totalsOf(rows: readonly Row[]): Totals {
  const sum = (field: Exclude<keyof Totals, "rows">) =>
    rows.reduce((total, row) => total + row[field], 0);
  return {
    rows: rows.length,
    frames: sum("frames"),
    framesLost: sum("framesLost"),
    framesRecovered: sum("framesRecovered"),
    packetsSent: sum("packetsSent"),
    packetsLost: sum("packetsLost"),
  };
}
