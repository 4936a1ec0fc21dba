import { expect, test } from "bun:test";
import { PfError } from "../../base/errors.ts";
import { millis } from "../../base/units.ts";
import { resolveBitrate } from "./bitrate.ts";
import { encoderCandidates } from "./codec.ts";
import { initialKeyframeState, onKeyframeRequest } from "./keyframe.ts";

const names = (list: { name: string }[]) => list.map(({ name }) => name);

test("a bitrate wish is clamped to 500 kbps … 2 Gbps and defaults to 20 Mbps", () => {
  const taken = [null, 1, 500, 50_000, 1e9, Number.NaN].map((wish) => Number(resolveBitrate(wish)));
  expect(taken).toEqual([20_000, 500, 500, 50_000, 2_000_000, 20_000]);
});

test("hardware encoders of every codec come before software", () => {
  expect(names(encoderCandidates(["h264", "hevc"]))).toEqual([
    "h264_nvenc",
    "h264_vaapi",
    "hevc_nvenc",
    "hevc_vaapi",
    "libx264",
    "libx265",
  ]);
});

test("a pinned family or encoder is the only one that is tried", () => {
  expect(names(encoderCandidates(["h264", "av1"], "software"))).toEqual([
    "libx264",
    "libsvtav1",
    "libaom-av1",
  ]);
  expect(names(encoderCandidates(["hevc"], "libx265"))).toEqual(["libx265"]);
});

test("an unknown encoder and one of another codec are refused in different words", () => {
  expect(() => encoderCandidates(["h264"], "mencoder")).toThrow(PfError);
  expect(() => encoderCandidates(["h264"], "mencoder")).toThrow("no encoder called");
  expect(() => encoderCandidates(["h264"], "libx265")).toThrow("does not make h264");
});

test("keyframe requests in a burst are answered once, the next one after the interval again", () => {
  let state = initialKeyframeState;
  const forced: number[] = [];
  for (const now of [0, 10, 39, 50, 89, 90]) {
    const answer = onKeyframeRequest(state, millis(now));
    state = answer.state;
    if (answer.force) forced.push(now);
  }
  expect(forced).toEqual([0, 50, 90]);
});
