/** How much a synthetic picture suffered on its way: it says which one it is, so draw it again. */
import { renderSynthetic, type SourcePattern } from "../source/source.ts";
import type { TappedPicture } from "./tap.ts";

/**
 * PSNR of the luma plane in dB against what the source drew; undefined when the marker is not
 * legible. The picture must be I420 or NV12.
 */
export function lumaPsnr(
  picture: TappedPicture,
  pattern: SourcePattern = "moving",
): number | undefined {
  if (picture.marker === undefined) return undefined;
  const { width, height } = picture;
  const { frame, captureNs } = picture.marker;
  const drawn = renderSynthetic({ number: frame, captureNs, pattern, width, height });
  const luma = picture.planes[0] as Uint8Array;
  let squares = 0;
  for (let i = 0; i < luma.length; i++) {
    const error = (luma[i] as number) - bt709Luma(drawn, 4 * i);
    squares += error * error;
  }
  return squares === 0 ? Infinity : 10 * Math.log10((255 * 255 * luma.length) / squares);
}

/** Luma of the BGRx pixel at `offset`, BT.709 limited. */
function bt709Luma(bgrx: Uint8Array, offset: number): number {
  const blue = bgrx[offset] as number;
  const green = bgrx[offset + 1] as number;
  const red = bgrx[offset + 2] as number;
  return Math.round(16 + (219 / 255) * (0.2126 * red + 0.7152 * green + 0.0722 * blue));
}
