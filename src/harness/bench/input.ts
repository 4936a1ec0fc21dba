/** From a key that goes down on the client to the changed picture, decoded on the client. */
import { chmod, cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SeededRandom } from "../../base/random.ts";
import type { ClientSession } from "../../client/session.ts";
import { nowNs } from "../../ffi/core/core.ts";
import { PictureTap } from "../../ffi/decode/tap.ts";
import { swayInstalled, testProgram } from "../../host/displays/desktop.fixture.ts";
import { parseMode } from "../../wire/mode.ts";
import { percentile, type Section, show, verdictOf } from "./row.ts";
import { stream } from "./streaming.ts";

const mode = "1280x720@60";
const msWanted = 60;
const presses = 60;
/** The application's start, and the picture sharp. */
const settleMs = 2000;
/** From one key to the next: never in step with the pictures. */
const pauseMs = { least: 200, spread: 100 };
const answerMsMax = 1000;
/** HID usage of the A key. */
const keyA = 4;

export const benchInput: Section = async (progress) => {
  if (!swayInstalled) throw new Error("sway is not installed");
  progress(`${presses} keys into a window that changes its picture`);
  const folder = await mkdtemp(join(tmpdir(), "punktfunk-bench-"));
  const tap = new PictureTap();
  try {
    // The desktop's own user is to read it.
    await chmod(folder, 0o755);
    const client = join(folder, "desktop_client");
    await cp(testProgram("desktop_client"), client);
    const took: (number | null)[] = [];
    const eachMs = pauseMs.least + pauseMs.spread + msWanted;
    await stream({
      serve: ["--source", "sway", "--encoder", "software", "--app", `${client} answer`],
      client: { mode: parseMode(mode), pictureSink: tap.sink() },
      seconds: (settleMs + presses * eachMs) / 1000 + 2,
      beside: async (session) => {
        await Bun.sleep(settleMs);
        const random = new SeededRandom(1);
        const window = new AnsweringWindow(session, tap);
        for (let i = 0; i < presses; i++) {
          took.push(await window.press());
          await Bun.sleep(pauseMs.least + random.below(pauseMs.spread));
        }
      },
    });
    const seen = took.filter((ms) => ms !== null);
    const [p50, p95] = [percentile(seen, 0.5), percentile(seen, 0.95)];
    return [
      {
        what: `key to picture, sway ${mode}`,
        wanted: `p50 ≤ ${msWanted} ms`,
        seen: `p50 ${show(p50, 1)} ms, p95 ${show(p95, 1)} ms (${seen.length} of ${presses} answered)`,
        verdict: verdictOf(p50 !== null && p50 <= msWanted && seen.length === presses),
        method: "loopback, software coding; to the end of decoding the first changed picture",
        figures: { p50, p95, answered: seen.length, presses },
      },
    ];
  } finally {
    tap.close();
    await rm(folder, { recursive: true, force: true });
  }
};

/** A window that is white at first and changes its colour at each key, as the client sees it. */
class AnsweringWindow {
  readonly #session: ClientSession;
  readonly #tap: PictureTap;
  #isWhite = true;

  constructor(session: ClientSession, tap: PictureTap) {
    this.#session = session;
    this.#tap = tap;
  }

  /** Presses a key; milliseconds to the other colour's first decoded picture, null without one. */
  async press(): Promise<number | null> {
    this.#look();
    const before = this.#isWhite;
    const begin = nowNs();
    for (const b of [1, 0]) this.#session.giveInput({ kind: "key", a: keyA, b, text: "" });
    const deadline = performance.now() + answerMsMax;
    while (performance.now() < deadline) {
      const decodeEndNs = this.#look();
      if (this.#isWhite !== before) return Number(decodeEndNs - begin) / 1e6;
      await Bun.sleep(1);
    }
    return null;
  }

  /** Takes the newest picture in, if one came; when it was decoded. */
  #look(): bigint {
    const picture = this.#tap.take();
    if (picture === undefined) return 0n;
    const { width, height, planes, decodeEndNs } = picture;
    const middle = Math.floor(height / 2) * width + Math.floor(width / 2);
    this.#isWhite = (planes[0]?.[middle] ?? 0) > 128;
    return decodeEndNs;
  }
}
