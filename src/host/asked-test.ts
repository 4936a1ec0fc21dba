/**
 * Speed tests that the host's operator asks for: the client runs them and tells how they go (its
 * side is the file of this name in src/client). One at a time.
 */
import { PfError } from "../base/errors.ts";
import type { Message, MessageOf } from "../wire/control.ts";
import { type SpeedTest, type SpeedTestRequest, speedLimits } from "../wire/management.ts";
import type { SpeedTestWatch } from "./management/managed.ts";

export type SpeedTestResult = NonNullable<SpeedTest["result"]>;

/** A client that knows such tests tells of one several times a second, between bursts less. */
const silentMsMax = 10_000;

interface Running {
  readonly id: number;
  readonly watch: SpeedTestWatch;
  readonly settle: (result: SpeedTestResult | PfError) => void;
  timer: ReturnType<typeof setTimeout>;
}

export class AskedTest {
  readonly #send: (message: Message) => void;
  #running: Running | undefined;
  #lastId = 0;

  constructor(send: (message: Message) => void) {
    this.#send = send;
  }

  /** Rejects when one runs, the client does not know how, fails or leaves, or `signal` aborts. */
  async run(
    request: Pick<SpeedTestRequest, "rateKbps" | "durationMs">,
    watch: SpeedTestWatch,
    signal: AbortSignal,
  ): Promise<SpeedTestResult> {
    if (this.#running !== undefined) {
      throw new PfError("PF_HOST_BUSY", "A speed test with this client is running already.");
    }
    const { promise, resolve } = Promise.withResolvers<SpeedTestResult | PfError>();
    const id = ++this.#lastId;
    const running: Running = { id, watch, settle: resolve, timer: this.#patience() };
    this.#running = running;
    const stop = () => this.#stop(new PfError("PF_INTERRUPTED", "The speed test was stopped."));
    signal.addEventListener("abort", stop, { once: true });
    const { rateKbps, durationMs } = request;
    this.#send({ type: "speedTestAsk", id, rateKbps, durationMs });
    if (signal.aborted) stop();
    const result = await promise;
    signal.removeEventListener("abort", stop);
    clearTimeout(running.timer);
    this.#running = undefined;
    if (result instanceof PfError) throw result;
    return result;
  }

  take(message: Message): void {
    const running = this.#running;
    if (running === undefined) return;
    if (message.type === "speedTestProgress" && message.id === running.id) {
      clearTimeout(running.timer);
      running.timer = this.#patience();
      running.watch.progress(progressOf(message));
    } else if (message.type === "speedTestResult" && message.id === running.id) {
      running.settle(resultOf(message));
    }
  }

  /** The client is gone. */
  close(): void {
    this.#running?.settle(new PfError("PF_PEER_LOST", "The client left during the speed test."));
  }

  #patience(): ReturnType<typeof setTimeout> {
    const words = "The client tells nothing of the speed test.";
    const hint = "Its version of punktfunk may not know how to run one.";
    const error = new PfError("PF_PEER_LOST", words, { hint });
    return setTimeout(() => this.#stop(error), silentMsMax);
  }

  #stop(error: PfError): void {
    if (this.#running === undefined) return;
    this.#send({ type: "speedTestStop", id: this.#running.id });
    this.#running.settle(error);
  }
}

const atLeast0 = (value: number | null) => (value === null ? null : Math.max(0, value));

function progressOf(message: MessageOf<"speedTestProgress">): NonNullable<SpeedTest["progress"]> {
  const { targetKbps, elapsedMs, throughputKbps, lossPct, jitterUs } = message;
  return {
    targetKbps: Math.max(1, targetKbps),
    elapsedMs,
    throughputKbps,
    lossPct: atLeast0(lossPct),
    jitterUs: atLeast0(jitterUs),
  };
}

function resultOf(message: MessageOf<"speedTestResult">): SpeedTestResult | PfError {
  const { error, targetKbps, throughputKbps, lossPct, jitterUs, recommendedKbps, bursts } = message;
  if (error !== "") return new PfError("PF_PEER_LOST", `The client could not test: ${error}`);
  const limitedBy = speedLimits.find((name) => name === message.limitedBy) ?? "client";
  return {
    targetKbps: Math.max(1, targetKbps),
    throughputKbps,
    lossPct: atLeast0(lossPct),
    jitterUs: atLeast0(jitterUs),
    recommendedKbps,
    limitedBy,
    bursts,
  };
}
