import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { PictureTap, RgbPicture } from "../ffi/decode/tap.ts";
import { parseMode } from "../wire/mode.ts";
import { watchStream } from "./loopback.ts";
import { until } from "./processes.ts";
import { Program, startHostProgram } from "./program.ts";

const small = parseMode("640x360@60");
const terminal = "foot --font=monospace:pixelsize=24 --override=colors.background=000000";

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "punktfunk-desktop-"));
  // The desktop's user writes here.
  await chmod(folder, 0o777);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** Share of the pixels of one colour, 0…1. */
function shareOf(picture: RgbPicture, fits: (r: number, g: number, b: number) => boolean): number {
  let count = 0;
  for (let i = 0; i < picture.data.length; i += 3) {
    const [r, g, b] = picture.data.subarray(i, i + 3) as unknown as [number, number, number];
    if (fits(r, g, b)) count++;
  }
  return (3 * count) / picture.data.length;
}

const isBright = (r: number, g: number, b: number) => r + g + b > 360;
const isRed = (r: number, g: number, b: number) => r > 120 && g < 80 && b < 80;

/** The newest picture is looked at again and again until it fits. */
async function shows(tap: PictureTap, fits: (picture: RgbPicture) => boolean): Promise<number> {
  return until(() => {
    const picture = tap.takeRgb();
    return picture !== undefined && fits(picture);
  }, "the picture");
}

/** Waits until the desktop has been still for a while. */
async function still(frames: () => number): Promise<void> {
  let before = -1;
  while (frames() !== before) {
    before = frames();
    await Bun.sleep(300);
  }
}

async function frameOf(path: string, second: string): Promise<RgbPicture> {
  const raw =
    await Bun.$`ffmpeg -v error -sseof ${second} -i ${path} -update 1 -f rawvideo -pix_fmt rgb24 -`.quiet();
  const data = new Uint8Array(raw.stdout);
  const bytes = 3 * small.width * small.height;
  return { width: small.width, height: small.height, data: data.subarray(data.length - bytes) };
}

describe.skipIf(Bun.which("sway") === null)("a desktop of the host's own", () => {
  test("takes text, which the application gets and the recording shows", async () => {
    const file = join(folder, "typed");
    const path = join(folder, "out.mkv");
    const app = `${terminal} sh -c 'cat > ${file}'`;
    const host = await startHostProgram(join(folder, "state"), [
      "--source",
      "sway",
      "--encoder",
      "software",
      "--app",
      app,
    ]);
    const text = "Grüße from punktfunk 123";
    const record = async (name: string, ...args: string[]) => {
      const client = new Program(
        [
          "connect",
          `127.0.0.1:${host.port}`,
          ...["--fingerprint", host.fingerprint, "--present", "none", "--json"],
          ...["--mode", "640x360@60", "--record", name, "--duration", "1.5", ...args],
        ],
        { home: join(folder, "client") },
      );
      expect(await client.exited).toBe(0);
      return client.lines.at(-1) as Record<string, unknown>;
    };
    const summary = await record(path, "--type", `${text}\n`);
    expect(summary["mode"]).toBe("640x360@60");
    expect(await Bun.file(file).text()).toBe(`${text}\n`);
    const probed =
      await Bun.$`ffprobe -v error -show_entries stream=width,height -of csv=p=0 ${path}`.text();
    expect(probed.trim()).toBe("640,360");
    const without = join(folder, "without.mkv");
    await record(without);
    await host.program.end();
    // 24 letters of light on black: about a twentieth of the picture has them.
    const [typed, empty] = [await frameOf(path, "-0.2"), await frameOf(without, "-0.2")];
    const more = shareOf(typed, isBright) - shareOf(empty, isBright);
    expect(more).toBeGreaterThan(0.004);
    expect(more).toBeLessThan(0.1);
  });

  // It is about times: a machine that was busy with something else gets another chance.
  test(
    "is seen at once, costs nothing while it is still, and a change that was lost is mended",
    async () => {
      const pipe = join(await mkdtemp(join(folder, "change-")), "pipe");
      await chmod(dirname(pipe), 0o755);
      await Bun.$`mkfifo -m 666 ${pipe}`;
      const app = `${terminal} sh -c 'exec 3<>${pipe}; while read colour <&3; do printf "\\033[\${colour}m\\033[2J\\033[H"; done'`;
      const host = { source: "sway", app } as const;
      const change = async (colour: string) => {
        await Bun.$`echo ${colour} > ${pipe}`;
      };
      const { reports } = await watchStream({ host, client: { mode: small } }, async (watched) => {
        const { session, link, tap, firstPictureMs } = watched;
        expect(firstPictureMs).toBeLessThan(500);
        const { receive } = session.pipeline;
        await still(() => receive.counters.get("frames_delivered"));

        const before = { ...receive.counters.snapshot() } as Record<string, number>;
        await Bun.sleep(2000);
        const after = receive.counters.snapshot() as Record<string, number>;
        expect((after["packets"] as number) - (before["packets"] as number)).toBe(0);
        const tips = (after["tips"] as number) - (before["tips"] as number);
        expect(tips).toBeGreaterThan(40);
        expect(tips).toBeLessThan(55);

        await change("48;2;220;0;0");
        expect(await shows(tap, (picture) => shareOf(picture, isRed) > 0.9)).toBeLessThan(200);

        for (const round of [1, 2, 3]) {
          await still(() => receive.counters.get("frames_delivered"));
          await change("0");
          await shows(tap, (picture) => shareOf(picture, isRed) < 0.1);
          await still(() => receive.counters.get("frames_delivered"));
          const lostBefore = link.down.lost;
          link.setDown({ loss: 1 });
          await change("48;2;220;0;0");
          await Bun.sleep(200);
          link.setDown({});
          const afterMs = await shows(tap, (picture) => shareOf(picture, isRed) > 0.9);
          expect(link.down.lost).toBeGreaterThan(lostBefore);
          expect([round, afterMs < 100]).toEqual([round, true]);
        }
      });
      expect(reports.find(({ type }) => type === "session-started")).toMatchObject({
        source: "sway",
        mode: small,
      });
    },
    { retry: 2 },
  );
});
