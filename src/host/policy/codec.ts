/**
 * Which encoders are tried for which codec, in order. Whether one works is only known when it was
 * really opened: the caller walks the list until one opens.
 */
import { PfError } from "../../base/errors.ts";
import type { CodecName } from "../../wire/media.ts";

export type EncoderFamily = "nvenc" | "vaapi" | "software";

/** libavcodec's names by codec, fastest first. */
export const encoderLadder: Readonly<Record<CodecName, readonly [EncoderFamily, string][]>> = {
  h264: [
    ["nvenc", "h264_nvenc"],
    ["vaapi", "h264_vaapi"],
    ["software", "libx264"],
  ],
  hevc: [
    ["nvenc", "hevc_nvenc"],
    ["vaapi", "hevc_vaapi"],
    ["software", "libx265"],
  ],
  av1: [
    ["nvenc", "av1_nvenc"],
    ["vaapi", "av1_vaapi"],
    ["software", "libsvtav1"],
    // SVT-AV1 before 2.0 holds pictures back and is refused; libaom codes each at once, but slowly.
    ["software", "libaom-av1"],
  ],
};

export interface EncoderCandidate {
  readonly codec: CodecName;
  readonly family: EncoderFamily;
  readonly name: string;
}

/**
 * What to try, best first. `clientCodecs` is the client's order of preference; `pinned` is a family
 * (`nvenc`, `vaapi`, `software`) or one of libavcodec's names (`libx264`). Without a pin the
 * hardware encoders of every codec come before the first software one, since software HEVC and AV1
 * cost more time than they save bits. Throws PF_ENCODER_MISSING for a name that is not in the list.
 */
export function encoderCandidates(
  clientCodecs: readonly CodecName[],
  pinned?: string,
): EncoderCandidate[] {
  const all = clientCodecs.flatMap((codec) =>
    encoderLadder[codec].map(([family, name]) => ({ codec, family, name })),
  );
  if (pinned === undefined || pinned === "auto") {
    const hardware = all.filter((candidate) => candidate.family !== "software");
    const software = all.filter((candidate) => candidate.family === "software");
    return [...hardware, ...software];
  }
  const chosen = all.filter(({ family, name }) => family === pinned || name === pinned);
  if (chosen.length > 0) return chosen;
  if (knownEncoders().includes(pinned)) {
    throw new PfError(
      "PF_ENCODER_MISSING",
      `The encoder ${pinned} does not make ${clientCodecs.join(" or ")}.`,
      { hint: "Ask for a codec that fits, or drop --encoder on the host." },
    );
  }
  throw new PfError("PF_ENCODER_MISSING", `There is no encoder called "${pinned}".`, {
    hint: `Choose one of ${knownEncoders().join(", ")}.`,
  });
}

/** Every value that --encoder takes. */
export function knownEncoders(): string[] {
  const names = Object.values(encoderLadder).flatMap((list) => list.map(([, name]) => name));
  return ["auto", "nvenc", "vaapi", "software", ...names];
}
