import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { milliHz } from "../../base/units.ts";
import { nativeProgram } from "../../ffi/build.ts";
import { ScreencastStage } from "../../ffi/screencast/screencast.ts";
import { startSession } from "./session.testing.ts";
import { hasTestPicture, View } from "./view.testing.ts";

/** What weston's backend gives at most, whatever moves. */
const fastest = milliHz(30_000);

describe("weston 14", () => {
  test("gives the pictures of its PipeWire backend, at 30 a second", async () => {
    await using session = await startSession({
      compositor: [
        ...["weston", "--backend=pipewire", "--renderer=pixman", "--idle-time=0"],
        ...["--socket=wayland-test", "--width=1280", "--height=720"],
      ],
      socket: "wayland-test",
    });
    session.start(nativeProgram("release", "test/desktop_client"), "moving");
    let stage: ScreencastStage | undefined;
    await using view = new View({
      mode: { width: 1280, height: 720, refreshMilliHz: fastest },
      openStage: (wiring) => {
        stage = new ScreencastStage({
          ...wiring,
          node: "weston.pipewire",
          remote: { socketPath: join(session.folder, "pipewire-0") },
          refreshMilliHz: fastest,
        });
        return stage;
      },
    });
    const { width, height } = await view.picture(hasTestPicture, "the application");
    expect([width, height]).toEqual([1280, 720]);
    expect(stage?.describe()).toMatchObject({ format: "BGRx", memory: "shared", width: 1280 });
    expect(await view.rate(2000)).toBeWithin(15, 31); // 30 alone
    await view.save("weston");
  });
});
