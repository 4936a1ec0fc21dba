import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { formatMode, parseMode } from "../../wire/mode.ts";
import { activeOutputs, fittingMode, parseXrandr, setMode, type XOutput } from "./xrandr.ts";

const laptop = `Screen 0: minimum 320 x 200, current 1920 x 1080, maximum 16384 x 16384
eDP-1 connected primary 1920x1080+0+0 (normal left inverted right x axis y axis) 344mm x 193mm
   1920x1080     60.05*+  60.01    59.97    59.96    48.04
   1680x1050     59.95    59.88
   1280x720      60.00    59.99    59.86    59.74
DP-1 disconnected (normal left inverted right x axis y axis)
HDMI-1 connected (normal left inverted right x axis y axis)
   2560x1440     59.95 +  74.97
   1920x1080i    60.00    50.00
VIRTUAL1 disconnected (normal left inverted right x axis y axis)
   1024x768      60.00
`;

describe("what xrandr prints", () => {
  test("is read as outputs with their modes", () => {
    const [panel, screen, ...more] = parseXrandr(laptop);
    expect(more).toEqual([]);
    expect(panel?.name).toBe("eDP-1");
    expect(panel?.modes).toHaveLength(11);
    expect(formatMode((panel as XOutput).current ?? parseMode("64x64@1"))).toBe("1920x1080@60.05");
    expect(screen).toMatchObject({ name: "HDMI-1", current: undefined });
    // Interlaced modes are of no use.
    expect(screen?.modes.map(formatMode)).toEqual(["2560x1440@59.95", "2560x1440@74.97"]);
  });

  test("has the mode of a size whose rate is nearest", () => {
    const [panel] = parseXrandr(laptop) as [XOutput];
    const fitting = (mode: string) => fittingMode(panel, parseMode(mode));
    expect(formatMode(fitting("1920x1080@50") ?? parseMode("64x64@1"))).toBe("1920x1080@48.04");
    expect(formatMode(fitting("1280x720@60") ?? parseMode("64x64@1"))).toBe("1280x720@60");
    expect(fitting("1366x768@60")).toBeUndefined();
  });
});

describe("xrandr", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "pf-xrandr-"));
    const script = `#!/bin/sh
case "$*" in
--query) cat <<'END'
${laptop}END
;;
"--output eDP-1 --mode 1280x720 --rate 59.74") ;;
*) echo "xrandr: cannot find mode" >&2; exit 1 ;;
esac
`;
    await Bun.write(join(folder, "xrandr"), script);
    await chmod(join(folder, "xrandr"), 0o755);
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("tells the outputs that show something, and sets one's mode or says why not", async () => {
    const env = { PATH: `${folder}:${process.env["PATH"]}` };
    expect((await activeOutputs(env)).map(({ name }) => name)).toEqual(["eDP-1"]);
    await setMode(env, "eDP-1", parseMode("1280x720@59.74"));
    await expect(setMode(env, "HDMI-9", parseMode("1280x720@60"))).rejects.toMatchObject({
      code: "PF_MODE_REFUSED",
      message: "xrandr refused the mode: xrandr: cannot find mode.",
    });
    expect(await activeOutputs({ PATH: "/nonexistent" })).toEqual([]);
  });
});
