/**
 * Speed tests that the host's operator asks for: the client tests its path as `speed-test` does and
 * tells the host how it goes. One at a time; a later one is answered with why it can't be.
 */
import { toPfError } from "../base/errors.ts";
import { kbps, millis } from "../base/units.ts";
import type { Message, MessageOf } from "../wire/control.ts";
import { recommendedKbps } from "./policy/burst.ts";
import type { Outcome, SpeedTestRequest, SpeedTestWatch } from "./speed-test.ts";

export interface AskedTestOptions {
  readonly send: (message: Message) => void;
  /** Whether the session tests already, for whatever reason. */
  readonly isTesting: () => boolean;
  readonly run: (request: SpeedTestRequest, watch: SpeedTestWatch) => Promise<Outcome>;
  /** Ends the test that runs; `run` then rejects. */
  readonly stop: () => void;
}

const nothingMeasured = {
  targetKbps: 0,
  throughputKbps: null,
  lossPct: null,
  jitterUs: null,
  recommendedKbps: null,
  limitedBy: "",
  bursts: 0,
} as const;

export class AskedTest {
  readonly #options: AskedTestOptions;
  /** The host's number of the test that runs. */
  #id: number | undefined;

  constructor(options: AskedTestOptions) {
    this.#options = options;
  }

  take(message: Message): void {
    if (message.type === "speedTestAsk") void this.#answer(message);
    else if (message.type === "speedTestStop" && message.id === this.#id) this.#options.stop();
  }

  async #answer({ id, rateKbps, durationMs }: MessageOf<"speedTestAsk">): Promise<void> {
    const { send, isTesting, run } = this.#options;
    if (isTesting()) {
      const error = "The client is testing the speed already.";
      send({ type: "speedTestResult", id, error, ...nothingMeasured });
      return;
    }
    this.#id = id;
    const request = {
      rate: rateKbps === null ? null : kbps(rateKbps),
      duration: durationMs === null ? null : millis(durationMs),
    };
    const progress: SpeedTestWatch["progress"] = (burst) =>
      send({ type: "speedTestProgress", id, ...burst });
    try {
      const { burst, limitedBy, bursts } = await run(request, { progress, step: () => {} });
      const { targetKbps, throughputKbps, lossPct, jitterUs } = burst;
      send({
        type: "speedTestResult",
        id,
        error: "",
        targetKbps,
        throughputKbps,
        lossPct,
        jitterUs,
        recommendedKbps: recommendedKbps(throughputKbps),
        limitedBy,
        bursts,
      });
    } catch (thrown) {
      const error = toPfError(thrown).sentence();
      send({ type: "speedTestResult", id, error, ...nothingMeasured });
    } finally {
      this.#id = undefined;
    }
  }
}
