/** The kernels by themselves: each folder of src/ffi measures its own; here are their lines. */
import { kbps, milliHz } from "../../base/units.ts";
import { benchEncode } from "../../ffi/encode/bench.ts";
import { type Row, type Section, show } from "./row.ts";

/** Software encoders at the modes that people stream at; hardware is tried where it opens. */
const encoders = [
  ["libx264", "h264"],
  ["libx265", "hevc"],
  ["libsvtav1", "av1"],
  ["libaom-av1", "av1"],
  ["h264_nvenc", "h264"],
  ["h264_vaapi", "h264"],
] as const;
const modes = [
  [1280, 720],
  [1920, 1080],
] as const;

export const benchCodecs: Section = async (progress) => {
  const rows: Row[] = [];
  for (const [encoder, codec] of encoders) {
    for (const [width, height] of modes) {
      progress(`${encoder} ${width}x${height}`);
      rows.push(await encodeRow({ encoder, codec, width, height }));
    }
  }
  return rows;
};

async function encodeRow(what: {
  readonly encoder: string;
  readonly codec: "h264" | "hevc" | "av1";
  readonly width: number;
  readonly height: number;
}): Promise<Row> {
  const options = { ...what, refreshMilliHz: milliHz(60_000), bitrateKbps: kbps(20_000) };
  try {
    const { name, fps, fpsPossible, kbps: rate, encodeUs } = await benchEncode(options);
    return {
      what: name,
      wanted: "",
      seen: `${show(fps, 1)} fps, p50 ${show(encodeUs?.p50)} µs, p99 ${show(encodeUs?.p99)} µs`,
      verdict: "report",
      method: `2 s of the synthetic picture; its mean time allows ${show(fpsPossible)} fps`,
      figures: {
        fps,
        fpsPossible,
        kbps: rate,
        p50Us: encodeUs?.p50 ?? null,
        p99Us: encodeUs?.p99 ?? null,
      },
    };
  } catch (error) {
    const seen = error instanceof Error ? error.message : String(error);
    return {
      what: `encode ${what.encoder} ${what.width}x${what.height}`,
      wanted: "",
      seen,
      verdict: "absent",
      method: "opened as the host would",
      figures: {},
    };
  }
}

export const benchFec: Section = (progress) => benchFolder("fec", progress);
export const benchMedia: Section = (progress) => benchFolder("media", progress);

/** A result of a folder's own benchmark: its name, and figures whose names say their units. */
type KernelResult = { readonly name: string } & Readonly<Record<string, unknown>>;

/** Runs the `bench` that src/ffi/<folder>/bench.ts exports, where there is one. */
async function benchFolder(folder: string, progress: (text: string) => void): Promise<Row[]> {
  const path = new URL(`../../ffi/${folder}/bench.ts`, import.meta.url).pathname;
  const absent: Row = {
    what: folder,
    wanted: "",
    seen: "it has no benchmark of its own",
    verdict: "absent",
    method: `src/ffi/${folder}/bench.ts`,
    figures: {},
  };
  if (!(await Bun.file(path).exists())) return [absent];
  const { bench } = (await import(path)) as { bench?: () => Promise<readonly KernelResult[]> };
  if (bench === undefined) return [absent];
  progress(`src/ffi/${folder}/bench.ts`);
  return (await bench()).map(({ name, ...rest }) => {
    const figures = Object.fromEntries(
      Object.entries(rest).filter((entry): entry is [string, number] => Number.isFinite(entry[1])),
    );
    const words = Object.entries(figures).map(
      ([figure, value]) => `${figure} ${value.toFixed(value < 100 ? 2 : 0)}`,
    );
    const row: Row = {
      what: name,
      wanted: "",
      seen: words.join(", "),
      verdict: "report",
      method: `src/ffi/${folder}/bench.ts`,
      figures,
    };
    return row;
  });
}
