/** Whether what is decoded is what was drawn. */
import { millis } from "../../base/units.ts";
import { lumaPsnr } from "../../ffi/decode/quality.ts";
import { PictureTap, type RgbPicture, type TappedPicture } from "../../ffi/decode/tap.ts";
import { type SourcePattern, testCardPatches } from "../../ffi/source/source.ts";
import { parseMode } from "../../wire/mode.ts";
import { runLoopback } from "../loopback.ts";
import { percentile, type Row, type Section, show, verdictOf } from "./row.ts";

const seconds = 4;
const psnrWanted = 35;
const levelsWanted = 3;
const mode = parseMode("1280x720@60");
/** Pictures at the start share the rate buffer of the keyframe. */
const settleMs = 1000;
const everyMs = 250;

export const benchPicture: Section = async (progress) => {
  progress("the synthetic picture at 1280x720@60 and 20 Mbps");
  const pictures: TappedPicture[] = [];
  await watch("moving", (tap) => {
    const picture = tap.take();
    if (picture !== undefined) pictures.push(picture);
  });
  const psnr = pictures.flatMap((picture) => lumaPsnr(picture) ?? []);
  progress("the test card");
  let card: RgbPicture | undefined;
  await watch("testCard", (tap) => {
    card = tap.takeRgb() ?? card;
  });
  return [psnrRow(psnr, pictures.length), cardRow(card)];
};

/** Streams a pattern and calls `look` now and then after the beginning. */
async function watch(pattern: SourcePattern, look: (tap: PictureTap) => void): Promise<void> {
  const tap = new PictureTap({ readMarkers: true });
  let timer: ReturnType<typeof setInterval> | undefined;
  let settled: ReturnType<typeof setTimeout> | undefined;
  try {
    const { error } = await runLoopback({
      host: { encoder: "libx264", pattern },
      client: { pictureSink: tap.sink(), mode },
      durationMs: millis(seconds * 1000),
      started: () => {
        settled = setTimeout(() => {
          timer = setInterval(() => look(tap), everyMs);
        }, settleMs);
      },
    });
    if (error !== undefined) throw error;
    look(tap);
  } finally {
    clearTimeout(settled);
    clearInterval(timer);
    tap.close();
  }
}

function psnrRow(psnr: readonly number[], pictures: number): Row {
  const [least, median] = [percentile(psnr, 0), percentile(psnr, 0.5)];
  return {
    what: "PSNR 1280x720@60, 20 Mbps",
    wanted: `≥ ${psnrWanted} dB`,
    seen: `${show(least, 1)} dB at least, median ${show(median, 1)}`,
    verdict: verdictOf(least !== null && least >= psnrWanted && psnr.length === pictures),
    method: `luma of ${psnr.length} decoded pictures against what their markers say was drawn`,
    figures: { least, median, pictures },
  };
}

function cardRow(card: RgbPicture | undefined): Row {
  const patches = testCardPatches(mode.width, mode.height);
  const worst =
    card === undefined ? null : Math.max(...patches.map((patch) => patchError(card, patch)));
  return {
    what: "test card, worst colour",
    wanted: `within ${levelsWanted} levels`,
    seen: `${show(worst)} levels`,
    verdict: verdictOf(worst !== null && worst <= levelsWanted),
    method: `middle half of ${patches.length} patches, each of red, green and blue`,
    figures: { worst, patches: patches.length },
  };
}

/** The largest difference of any pixel in the middle of a patch; its edges are chroma's. */
function patchError(card: RgbPicture, patch: ReturnType<typeof testCardPatches>[number]): number {
  let worst = 0;
  const [left, top] = [patch.x + patch.width / 4, patch.y + patch.height / 4].map(Math.floor);
  for (let y = top as number; y < patch.y + (3 * patch.height) / 4; y++) {
    for (let x = left as number; x < patch.x + (3 * patch.width) / 4; x++) {
      patch.rgb.forEach((level, channel) => {
        const seen = card.data[3 * (y * card.width + x) + channel] as number;
        worst = Math.max(worst, Math.abs(seen - level));
      });
    }
  }
  return worst;
}
