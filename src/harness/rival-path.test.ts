import { describe, expect, test } from "bun:test";
import { PfError } from "../base/errors.ts";
import { kbps } from "../base/units.ts";
import type { RivalPath } from "../ffi/rival/rival.ts";
import { parseMode } from "../wire/mode.ts";
import { streamRival } from "./rival-path.ts";

const options = { mode: parseMode("320x240@60"), bitrateKbps: kbps(2000), pictures: 20 } as const;

// Longer than the wait for pictures: what a slow run opened is closed before the next begins.
const testMsMax = 20_000;

describe("the rivals of the benchmark", () => {
  test.each<RivalPath>(["bareRtp", "playerRtp", "srt"])(
    "%s carries pictures",
    async (path) => {
      const figures = await streamRival({ ...options, path }).catch((error: unknown) => {
        // Not every libavformat is built with SRT.
        if (path === "srt" && error instanceof PfError && /has no srt/.test(error.message)) return;
        throw error;
      });
      if (figures === undefined) return;
      expect(figures.markers).toBeGreaterThanOrEqual(20);
      expect(figures.unreadable).toBe(0);
      expect(figures.failures).toBe(0);
      expect(figures.markerToTapUs.count).toBeGreaterThanOrEqual(20);
      expect(figures.markerToTapUs.percentiles()?.p50).toBeLessThan(1_000_000);
    },
    testMsMax,
  );
});
