/** Speed tests against connected clients: one that runs for each session, and those of late. */
import { toPfError } from "../../base/errors.ts";
import type { SpeedTest, SpeedTestRequest } from "../../wire/management.ts";
import { ApiFailure, notFound } from "./failure.ts";
import type { ManagedHost } from "./managed.ts";

/** Tests that are over are remembered up to this many. */
const rememberedMax = 32;

interface Entry {
  test: SpeedTest;
  readonly stopping: AbortController;
}

export class SpeedTests {
  readonly #host: Pick<ManagedHost, "testSpeed" | "sessions">;
  readonly #entries = new Map<number, Entry>();
  readonly #listeners = new Set<(test: SpeedTest) => void>();
  #last = 0;

  constructor(host: Pick<ManagedHost, "testSpeed" | "sessions">) {
    this.#host = host;
  }

  start(request: SpeedTestRequest): SpeedTest {
    const { session } = request;
    if (!this.#host.sessions().some(({ id }) => id === session)) throw notFound("such session");
    const isRunning = ({ test }: Entry) => test.state === "running";
    if (
      [...this.#entries.values()].some((each) => isRunning(each) && each.test.session === session)
    ) {
      throw new ApiFailure("conflict", "The path to this client is being tested already.");
    }
    const entry: Entry = {
      test: {
        id: ++this.#last,
        session,
        state: "running",
        startedAt: new Date().toISOString(),
        progress: null,
        result: null,
        error: null,
      },
      stopping: new AbortController(),
    };
    this.#entries.set(entry.test.id, entry);
    for (const [id, each] of this.#entries) {
      if (this.#entries.size <= rememberedMax) break;
      if (!isRunning(each)) this.#entries.delete(id);
    }
    void this.#run(entry, request);
    return entry.test;
  }

  get(id: number): SpeedTest {
    return this.#entry(id).test;
  }

  stop(id: number): void {
    this.#entry(id).stopping.abort();
  }

  /** Listeners get each change of any test and must not throw. Returns how to stop it. */
  subscribe(listener: (test: SpeedTest) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    for (const { stopping } of this.#entries.values()) stopping.abort();
  }

  async #run(entry: Entry, request: SpeedTestRequest): Promise<void> {
    const change = (fields: Partial<SpeedTest>) => {
      entry.test = { ...entry.test, ...fields };
      for (const listener of this.#listeners) listener(entry.test);
    };
    const { signal } = entry.stopping;
    try {
      const progress = (now: NonNullable<SpeedTest["progress"]>) => change({ progress: now });
      const result = await this.#host.testSpeed(request, { progress }, signal);
      change({ state: "done", progress: null, result });
    } catch (thrown) {
      const error = signal.aborted ? null : toPfError(thrown).sentence().slice(0, 1024);
      change({ state: signal.aborted ? "stopped" : "failed", progress: null, error });
    }
  }

  #entry(id: number): Entry {
    const entry = this.#entries.get(id);
    if (entry === undefined) throw notFound("such speed test");
    return entry;
  }
}
